"""An environment of its own for git, and a repository to fetch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.serving import Repository, git


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user with a home directory and no configuration; git's messages in another language, if it has any."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "LANGUAGE": "de",
        "NO_PROXY": "*",
    }


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary directories are made: nothing may be left there after any test."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    assert list(directory.iterdir()) == []


@pytest.fixture
def project(tmp_path: Path) -> Repository:
    """Branches with and without slashes, tags of both kinds, a pull request, history."""
    repository = Repository.make(tmp_path)
    repository.commit("first", README="first\n")
    git("tag", "v1", cwd=repository.work)
    repository.commit("second", README="second\n", docs__intro__index="intro\n")
    git("tag", "-a", "v2", "-m", "two", cwd=repository.work)
    for branch in ("fix", "feature/fix"):
        git("checkout", "-q", "-b", branch, "v1", cwd=repository.work)
        repository.commit(branch, README=f"{branch}\n", docs__intro__index=f"{branch}\n")
    git("checkout", "-q", "--detach", "v1", cwd=repository.work)
    pull = repository.commit("pull", README="pull\n")
    for name in ("refs/pull/12/head", "refs/merge-requests/3/head"):
        git("update-ref", name, pull, cwd=repository.work)
    git("checkout", "-q", "main", cwd=repository.work)
    repository.commit("third", README="third\n")
    return repository.publish()
