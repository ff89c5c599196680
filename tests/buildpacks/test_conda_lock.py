"""Explicit locks and `conda-lock.yml`: exact packages with their hashes, and what is refused with words."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Files, write

from r2i.buildpacks.conda_lock import CondaLocks
from r2i.errors import InvalidRepositoryError, R2iError, UsageError
from r2i.model import Detection, Options

FORGE = "https://conda.anaconda.org/conda-forge"
PYTHON = f"{FORGE}/linux-64/python-3.11.7-hab00c5b_1_cpython.conda"
SIX = f"{FORGE}/noarch/six-1.16.0-pyh6c4a22f_0.tar.bz2"
MD5, SHA256 = "0123456789abcdef" * 2, "0123456789abcdef" * 4
CLICK = f"https://files.example.org/packages/00/2e/{'ab' * 30}/click-8.1.7-py3-none-any.whl"

Detect = Callable[..., Detection]


@pytest.fixture
def detect(tmp_path: Path) -> Detect:
    def detection(files: Files, options: Options | None = None) -> Detection:
        found = CondaLocks().detect(write(tmp_path, files), options or Options())
        assert found is not None
        return found

    return detection


def explicit(*lines: str) -> str:
    return "\n".join(["# platform: linux-64", "@EXPLICIT", *lines, ""])


def packages(found: Detection) -> list[dict[str, str | None]]:
    assert found.environment is not None
    listed = json.loads(found.environment.template.files["conda/environment.json"])["packages"]
    assert isinstance(listed, list)
    return listed


def requirements(found: Detection) -> str:
    assert found.environment is not None
    return found.environment.template.files["lock/requirements.txt"]


def entry(name: str, url: str, *, platform: str = "linux-64", **more: str) -> str:
    fields = {"name": name, "version": "'1.0'", "manager": "conda", "platform": platform, "url": url}
    lines = [f"{key}: {value}" for key, value in {**fields, **more}.items()]
    return "- " + "\n  ".join([*lines, f"hash: {{md5: {MD5}, sha256: {SHA256}}}"]) + "\n"


def unified(*entries: str, sources: tuple[str, ...] = ("environment.yml",), version: str = "1") -> str:
    listed = "".join(f"    - {source}\n" for source in sources)
    return f"version: {version}\nmetadata:\n  sources:\n{listed}package:\n{''.join(entries)}"


def test_an_explicit_lock_is_installed_exactly(detect: Detect) -> None:
    found = detect({"conda-linux-64.lock": explicit(f"{PYTHON}#{MD5}", f"{SIX}#sha256:{SHA256}")})

    assert packages(found) == [
        {"platform": "linux-64", "url": PYTHON, "sha256": None, "md5": MD5},
        {"platform": "linux-64", "url": SIX, "sha256": SHA256, "md5": None},
    ]


def test_the_python_of_a_lock_is_the_python(detect: Detect) -> None:
    environment = detect({"explicit.txt": explicit(f"{PYTHON}#{MD5}")}).environment

    assert environment is not None
    assert environment.brings is not None
    assert environment.brings.version == "3.11.7"
    assert environment.brings.evidence.line == 3


def test_another_python_than_the_locked_one_cannot_be_asked_for(detect: Detect) -> None:
    with pytest.raises(UsageError, match=r"locks Python 3\.11\.7"):
        detect({"explicit.txt": explicit(f"{PYTHON}#{MD5}")}, Options(python="3.12"))


def test_packages_without_a_hash_are_named(detect: Detect) -> None:
    found = detect({"explicit.txt": explicit(f"{PYTHON}#{MD5}", SIX)})

    assert [notice.message for notice in found.notices] == [
        "`six`: locked without a hash, so r2i cannot verify them"
    ]


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        (f"# pip click @ {CLICK}#sha256={SHA256}", f"click==8.1.7 --hash=sha256:{SHA256}\n"),
        (f"# pip click === 8.1.7 --hash=sha256:{SHA256}", f"click==8.1.7 --hash=sha256:{SHA256}\n"),
        (
            f"# pip click @ https://wheels.example.org/click-8.1.7-py3-none-any.whl#sha256={SHA256}",
            f"click @ https://wheels.example.org/click-8.1.7-py3-none-any.whl --hash=sha256:{SHA256}\n",
        ),
    ],
)
def test_what_conda_lock_leaves_to_pip_has_its_hash(detect: Detect, line: str, requirement: str) -> None:
    found = detect({"conda-linux-64.lock": explicit(f"{PYTHON}#{MD5}", line)})

    assert requirements(found) == requirement


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("https://ada:secret@conda.example.org/forge/noarch/x-1.0-0.conda", "password"),
        ("https://conda.anaconda.org/t/ab-123/private/noarch/x-1.0-0.conda", "token"),
        ("https://$USER:$PASSWORD@conda.example.org/forge/noarch/x-1.0-0.conda", "password"),
        ("file:///home/ada/pkgs/x-1.0-0.conda", "cannot be reached"),
        ("ftp://example.org/noarch/x-1.0-0.conda", "cannot be reached"),
        ("/home/ada/x-1.0-0.conda", "cannot be reached"),
        ("x-1.0-0.conda", "cannot be reached"),
        ("https://example.org/x.tar.gz", "is not the URL"),
        ("https://example.org/a b/noarch/x-1.0-0.conda", "is not the URL"),
        ("https://example.org/a/noarch/x-1.0-0.conda?token=1", "is not the URL"),
        (f"{SIX}#0123", "neither an MD5"),
    ],
)
def test_addresses_that_no_build_should_fetch_are_refused(detect: Detect, line: str, words: str) -> None:
    with pytest.raises(InvalidRepositoryError, match=words) as caught:
        detect({"explicit.txt": explicit(f"{PYTHON}#{MD5}", line)})

    assert caught.value.line == 4
    assert "secret" not in caught.value.message
    assert "ab-123" not in caught.value.message


def test_a_text_file_of_another_kind_is_not_a_lock(tmp_path: Path) -> None:
    assert CondaLocks().detect(write(tmp_path, {"explicit.txt": "Some lyrics\n"}), Options()) is None


def test_a_list_that_lies_beside_a_manifest_counts_where_it_agrees(detect: Detect) -> None:
    files = {"spec-file.txt": explicit(f"{PYTHON}#{MD5}", f"{SIX}#{MD5}")}

    assert detect({**files, "environment.yml": "dependencies: [python=3.11, six]"}).environment is not None
    refused = detect({**files, "environment.yml": "dependencies: [python=3.11, pandas]"})
    assert refused.environment is None
    assert [ignored.file for ignored in refused.ignored] == ["spec-file.txt"]


def test_other_locks_are_passed_over_and_said_to_be(detect: Detect) -> None:
    found = detect(
        {
            "conda-lock.yml": unified(entry("python", PYTHON)),
            "conda-linux-64.lock": explicit(f"{PYTHON}#{MD5}"),
            "explicit.txt": explicit(f"{PYTHON}#{MD5}"),
        }
    )

    assert [ignored.file for ignored in found.ignored] == ["conda-linux-64.lock", "explicit.txt"]


def test_the_categories_are_those_that_conda_lock_installs(detect: Detect) -> None:
    lock = unified(
        entry("python", PYTHON),
        entry("six", SIX, category="dev"),
        entry("black", f"{FORGE}/noarch/black-1.0-0.conda", category="lint"),
        entry("sphinx", f"{FORGE}/noarch/sphinx-1.0-0.conda", category="docs"),
    )

    found = detect({"conda-lock.yml": lock}, Options(extras=("docs",)))

    names = [str(package["url"]).rpartition("/")[2] for package in packages(found)]
    assert sorted(names) == [
        "python-3.11.7-hab00c5b_1_cpython.conda",
        "six-1.16.0-pyh6c4a22f_0.tar.bz2",
        "sphinx-1.0-0.conda",
    ]


def test_a_category_that_is_not_there_is_a_mistake(detect: Detect) -> None:
    with pytest.raises(UsageError, match="no category `docs`"):
        detect({"conda-lock.yml": unified(entry("python", PYTHON))}, Options(extras=("docs",)))


def test_a_package_of_several_categories_is_installed_once(detect: Detect) -> None:
    lock = unified(entry("python", PYTHON), entry("python", PYTHON, category="dev"))

    assert len(packages(detect({"conda-lock.yml": lock}))) == 1


def test_other_linux_machines_get_what_is_locked_for_them(detect: Detect) -> None:
    arm = PYTHON.replace("linux-64", "linux-aarch64")
    wheel = {"manager": "pip", "version": "8.1.7"}
    lock = unified(
        entry("python", PYTHON),
        entry("python", arm, platform="linux-aarch64"),
        entry("python", "https://example.org/not/even/looked/at", platform="osx-arm64"),
        entry("click", CLICK, **wheel),
        entry("click", CLICK, platform="linux-aarch64", **wheel),
        entry("numpy", CLICK.replace("click", "numpy"), **wheel),
    )

    found = detect({"conda-lock.yml": lock})

    assert [(p["platform"], p["url"]) for p in packages(found)] == [
        ("linux-64", PYTHON),
        ("linux-aarch64", arm),
    ]
    assert requirements(found) == (
        f"click==8.1.7 --hash=sha256:{SHA256}\n"
        f'numpy==8.1.7 ; platform_machine == "x86_64" --hash=sha256:{SHA256}\n'
    )


def test_what_comes_from_a_repository_is_taken_at_its_commit(detect: Detect) -> None:
    commit = "0123456789" * 4
    source = f"{{type: url, url: 'git+https://github.com/psf/requests.git@{commit}'}}"
    lock = unified(entry("python", PYTHON), entry("requests", CLICK, manager="pip", source=source))

    assert requirements(detect({"conda-lock.yml": lock})) == (
        f"requests @ git+https://github.com/psf/requests.git@{commit}\n"
    )


@pytest.mark.parametrize(
    "dependency", ["six>=2", "six=1.15", "six==1.16.0=py27_0", "pandas", "python=3.12", "conda-forge::six<1"]
)
def test_a_lock_without_what_its_manifest_asks_for_is_refused(detect: Detect, dependency: str) -> None:
    lock = unified(entry("python", PYTHON), entry("six", SIX))

    with pytest.raises(InvalidRepositoryError, match="is required here") as caught:
        detect({"conda-lock.yml": lock, "environment.yml": f"dependencies:\n- '{dependency}'\n"})

    assert caught.value.where == "environment.yml:2"
    assert caught.value.hint == "Run `conda-lock -f environment.yml`, and commit `conda-lock.yml`"


@pytest.mark.parametrize(
    "dependency", ["six", "six=1.16", "six>=1,<2", "python 3.11.*", "pywin32  # [win]", "__glibc"]
)
def test_a_lock_with_all_that_its_manifest_asks_for_is_taken(detect: Detect, dependency: str) -> None:
    lock = unified(entry("python", PYTHON), entry("six", SIX))
    found = detect({"conda-lock.yml": lock, "environment.yml": f"dependencies:\n- {dependency}\n"})

    assert found.environment is not None


def test_a_distribution_in_another_version_is_refused(detect: Detect) -> None:
    lock = unified(entry("python", PYTHON), entry("click", CLICK, manager="pip", version="8.1.7"))

    with pytest.raises(InvalidRepositoryError, match=r"locks 8\.1\.7"):
        detect({"conda-lock.yml": lock, "environment.yml": "dependencies:\n- pip:\n  - click>=9\n"})


def test_a_list_under_the_name_of_a_manifest_gets_advice(detect: Detect) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        detect({"binder/environment.yml": explicit(PYTHON)})

    assert caught.value.hint == "Rename it to `binder/conda-linux-64.lock`"


@pytest.mark.parametrize("name", ["conda-linux-64.lock", "conda-lock.yml"])
def test_comments_and_order_of_a_lock_change_nothing_that_is_built(detect: Detect, name: str) -> None:
    unlike = {
        "conda-linux-64.lock": (
            explicit(f"{PYTHON}#{MD5}", f"{SIX}#{MD5}"),
            explicit(f"{SIX}#{MD5}", "", "# a comment", f"{PYTHON}#{MD5}"),
        ),
        "conda-lock.yml": (
            unified(entry("python", PYTHON), entry("six", SIX)),
            "# a comment\n" + unified(entry("six", SIX), entry("python", PYTHON), sources=("other.yml",)),
        ),
    }
    first, second = (detect({name: text}).environment for text in unlike[name])

    assert first is not None
    assert second is not None
    assert first.template.files == second.template.files


def test_server_parts_in_a_lock_join_the_server(detect: Detect) -> None:
    found = detect({"explicit.txt": explicit(PYTHON, f"{FORGE}/noarch/jupyterlab-4.0.0-0.conda")})

    assert [evidence.line for evidence in found.server] == [4]


WORDS = st.sampled_from(
    [
        "@EXPLICIT",
        PYTHON,
        SIX,
        f"{SIX}#{MD5}",
        "# pip click == 1",
        "#",
        "https://",
        "#sha256:",
        "\n",
        " ",
        "é",
    ]
)


@given(st.text() | st.lists(WORDS).map("".join))
def test_any_list_is_a_value_or_an_error(text: str) -> None:
    with TemporaryDirectory() as top, suppress(R2iError):
        CondaLocks().detect(
            write(Path(top), {"conda-linux-64.lock": f"@EXPLICIT\n{text}".encode(errors="replace")}),
            Options(),
        )


KEYS = (
    *("version", "metadata", "package", "platforms", "sources", "name", "manager", "platform"),
    *("url", "hash", "md5", "sha256", "category", "source", "categories"),
)
YAML = st.recursive(
    st.sampled_from(["1", "linux-64", PYTHON, CLICK, MD5, "pip", "", "~", "git+https://a/b", "main"])
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
        )
    ),
    max_leaves=30,
)


@given(YAML)
def test_any_unified_lock_is_a_value_or_an_error(content: object) -> None:
    text = json.dumps(content)
    for given_text in (text, f'{{"version": 1, "package": [{text}]}}'):
        with TemporaryDirectory() as top, suppress(R2iError):
            CondaLocks().detect(write(Path(top), {"conda-lock.yml": given_text}), Options())
