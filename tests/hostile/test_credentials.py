"""Credentials reach what resolves and downloads, and no code of a repository or a package (promise 4 of the design)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.building import Built, build, fresh_tag, image_of, write
from tests.hostile.indexes import LOGIN, PASSWORD, SPY, Index, index, setup_py
from tests.real_engines import remove_image

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def corp() -> Iterator[Index]:
    """The index of the machine that builds."""
    with index(private=True) as found:
        yield found


@pytest.fixture(scope="module")
def evil() -> Iterator[Index]:
    """An index that the repository names."""
    with index(private=False) as found:
        yield found


def hostile(directory: Path, evil: Index) -> Path:
    """Code that runs wherever a repository can have code run: wheels, source distributions, its own project, `postBuild`."""
    asks = f"evil-asks @ {evil.address.removesuffix('/simple')}/files/evil_asks-1.0-py3-none-any.whl"
    lines = [
        "corp-wheel",
        "corp-sdist",
        "evil-wheel",
        "evil-sdist",
        "--no-binary evil-both",
        "evil-both",
        asks,
    ]
    return write(
        directory,
        {
            "requirements.txt": "\n".join([f"--extra-index-url {evil.address}", *lines, "-e ."]) + "\n",
            "setup.py": setup_py("project"),
            "project.py": f"# {secrets.token_hex(8)}\n",
            "binder/requirements.txt": "\n".join([f"--extra-index-url {evil.address}", *lines, "-e ."])
            + "\n",
            "binder/postBuild": f'#!/usr/bin/env python3\n{SPY}spy("postBuild")\n',
            "binder/start": '#!/bin/sh\r\nexec "$@"\r\n',
        },
    )


@pytest.fixture(scope="module")
def built(corp: Index, evil: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    directory = hostile(tmp_path_factory.mktemp("hostile") / "hostile", evil)
    with image_of(directory, UV_INDEX=f"corp={corp.with_login}") as image:
        yield image


def loot(image: Built) -> dict[str, str]:
    """What hostile code has seen, by where it ran and as whom."""
    script = "cd /srv/env/loot; for file in *; do printf '\\n@@ %s\\n' $file; cat $file; done"
    marks = image.answer(script, "--user=0")
    found: dict[str, str] = {}
    for part in re.split("^@@ ", marks, flags=re.MULTILINE)[1:]:
        name, _, text = part.partition("\n")
        where = name.rpartition("-")[0]
        found[where] = found.get(where, "") + text
    return found


def test_hostile_code_runs_as_the_user_alone(built: Built) -> None:
    seen = loot(built)

    assert {"corp_sdist-1000", "evil_sdist-1000", "project-1000", "postBuild-1000", "startup-1000"} <= set(
        seen
    )
    assert {name.rpartition("-")[2] for name in seen} == {"1000"}


def test_what_a_package_calls_uv_installs_nothing(built: Built) -> None:
    """It stands before the real one on the path of the user, whose half of the installation comes after it."""
    assert "evil_sdist-1000" in loot(built)
    assert "program_uv-1000" not in loot(built)
    assert built.answer("command -v uv") == "/srv/env/bin/uv\n"


def test_the_user_can_change_nothing_of_root(built: Built) -> None:
    """uv leaves a lock that everybody can write to in each environment that it makes."""
    tops = "/bin /boot /etc /lib /lib64 /media /mnt /opt /root /sbin /srv /usr /var"
    left_out = "-path /srv/env -prune -o"
    ours = f"find {tops} {left_out} ! -type l ! -perm -1000 -writable ! -path '/var/spool/*' -print"

    assert built.answer(f"{ours} 2>/dev/null || true") == ""


def test_hostile_code_sees_no_password(built: Built) -> None:
    for where, text in loot(built).items():
        assert PASSWORD not in text, where
        assert LOGIN + ":" not in text, where
        assert "SECRET OF ANOTHER PAGE" not in text, where
    assert "refused: " in loot(built)["corp_sdist-1000"], "it found the gate, and asked"


def test_hostile_code_writes_nothing_that_others_read(built: Built) -> None:
    for where, text in loot(built).items():
        assert "WROTE" not in text, where


def test_the_packages_of_the_private_index_are_there(built: Built) -> None:
    answer = "import corp_wheel, corp_sdist, evil_both; print(corp_wheel.ANSWER, corp_sdist.ANSWER, evil_both.ANSWER)"

    assert built.answer(f"cd /tmp && python -c '{answer}'") == "42 42 42\n"
    assert PASSWORD not in built.log


@pytest.mark.usefixtures("built")
def test_the_index_of_the_repository_is_told_no_password(evil: Index) -> None:
    assert evil.heard
    assert [given for _, given in evil.heard if given] == []
    assert [path for path, _ in evil.heard if "evil_leak" in path]
    assert [path for path, _ in evil.heard if PASSWORD in path] == []


def test_no_file_of_the_image_has_the_password(built: Built) -> None:
    """uv notes where a package came from (`direct_url.json`)."""
    assert built.answer(f"grep -rl {PASSWORD} /srv /home /etc /usr/local || true", "--user=0") == ""


def test_a_name_of_the_host_gets_its_password_to_no_other_address(tmp_path: Path, evil: Index) -> None:
    """uv looks for the credentials of an index by the name that the repository gives to it.

    All that it needs are wheels, of which nothing runs before a program of the user does, although they are compiled.
    """
    name = f"named-{secrets.token_hex(4)}"
    project = f'[project]\nname = "{name}"\nversion = "1"\ndependencies = ["evil-both", "evil-wheel"]\n'
    table = f'[[tool.uv.index]]\nname = "corp"\nurl = "{evil.address}"\n'
    write(tmp_path / "named", {"pyproject.toml": project + table})
    evil.heard.clear()
    settings = {"UV_INDEX_CORP_USERNAME": LOGIN, "UV_INDEX_CORP_PASSWORD": PASSWORD}
    with image_of(tmp_path / "named", **settings) as image:
        log = image.log
        ran = image.answer("python -c 1; ls /srv/env/loot")
        assert image.answer("ls /srv/env/lib/python3*/site-packages/__pycache__/evil_wheel_spy.*")

    assert [path for path, _ in evil.heard if "evil-both" in path]
    assert [given for _, given in evil.heard if given] == []
    assert "`UV_INDEX_CORP_PASSWORD` is not used" in log
    assert "startup-1000" in ran
    assert "-65533-" not in ran


def test_a_repository_that_is_trusted_gets_the_password(tmp_path: Path, corp: Index) -> None:
    script = f'#!/usr/bin/env python3\n{SPY}spy("postBuild")\n'
    write(tmp_path / "own", {"postBuild": script, "requirements.txt": "corp-wheel\n"})
    with image_of(tmp_path / "own", "--trust-repository", UV_INDEX=f"corp={corp.with_login}") as image:
        assert PASSWORD in loot(image)["postBuild-1000"]


def test_a_proxy_keeps_its_password_from_code_of_the_repository(tmp_path: Path) -> None:
    """Nothing here uses the proxy: all that is needed comes from the cache, or the build fails before."""
    script = f'#!/usr/bin/env python3\n{SPY}spy("postBuild")\n'
    write(tmp_path / "proxied", {"postBuild": script})
    tag = fresh_tag("proxied")
    first = build(tmp_path / "proxied", tag)
    assert first.returncode == 0, first.stderr
    write(tmp_path / "proxied", {"postBuild": f"{script}# again\n"})
    proxy = {"HTTPS_PROXY": f"http://{LOGIN}:{PASSWORD}@proxy.example.org:3128"}
    done = build(tmp_path / "proxied", tag, **proxy)
    try:
        assert done.returncode == 0, done.stderr
        seen = loot(Built(tag=tag, log=done.stderr))["postBuild-1000"]
    finally:
        remove_image("docker", tag)

    assert "proxy.example.org:3128" in seen
    assert PASSWORD not in seen
    assert "The password of `HTTPS_PROXY` is withheld" in done.stderr
