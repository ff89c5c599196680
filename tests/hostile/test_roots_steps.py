"""What root does in a build goes through no link that code of the repository has put in its way (promise 2 of the design)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from r2i.process import Completed, run
from tests.building import R2I, fresh_tag, write
from tests.hostile.indexes import Index, index
from tests.real_engines import engine_of, remove_image

pytestmark = pytest.mark.engine

NAMED = 'from setuptools import setup\nsetup(name="mine", version="1.0", py_modules=[])\n'
WRAPS = '#!/bin/sh\nexec "$@"\n'


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> str:
    return engine_of(request.param).name


@pytest.fixture
def tag(engine: str) -> Iterator[str]:
    name = fresh_tag("steps")
    yield name
    remove_image(engine, name)


@pytest.fixture(scope="module")
def evil() -> Iterator[Index]:
    with index(private=False) as found:
        yield found


def r2i(directory: Path, engine: str, tag: str, *options: str) -> Completed:
    words = ["build", str(directory), "--engine", engine, "--progress", "plain", "--tag", tag, *options]
    return run([R2I, *words], env={**os.environ, "NO_COLOR": "1"}, timeout=850)


@pytest.mark.parametrize(
    ("engine", "target"),
    [("docker", "/etc/shadow"), ("docker", "/root/planted"), ("podman", "/etc/shadow")],
    indirect=["engine"],
)
def test_a_link_in_place_of_start_changes_nothing_of_root(
    engine: str, tag: str, tmp_path: Path, target: str
) -> None:
    """`postBuild` runs before `start` is made executable."""
    script = f"#!/bin/sh\nrm start\nln -s {target} start\n"
    done = r2i(write(tmp_path / "linked", {"postBuild": script, "start": WRAPS}), engine, tag)

    assert done.returncode == 7, done.stderr
    assert re.search("chmod: .*'start': (Operation not permitted|Permission denied)", done.stderr)


@pytest.mark.parametrize("engine", ["docker"], indirect=True)
@pytest.mark.parametrize(
    ("more", "said"),
    [("", "The step `Repository files` failed"), ("-e .\n", "cp: .*Permission denied")],
    ids=["copied", "installed"],
)
def test_a_link_in_place_of_the_repositorys_directory_is_not_followed(
    engine: str, tag: str, tmp_path: Path, evil: Index, *, more: str, said: str
) -> None:
    """The `setup.py` of a package runs before the repository's files are copied."""
    requirements = f"--extra-index-url {evil.address}\nevil-links\n# {os.urandom(8).hex()}\n{more}"
    files = {"requirements.txt": requirements, "apt-get": "evil", "setup.py": NAMED}
    done = r2i(write(tmp_path / "linked", files), engine, tag, "--target-repo-dir", "/home/jovyan/work")

    assert "+ evil-links==1.0" in done.stderr, "its code has run"
    assert done.returncode == 7, done.stderr
    assert re.search(said, done.stderr), done.stderr
