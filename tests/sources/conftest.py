"""An environment of its own for git, and a repository to fetch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sources.serving import Repository, git
from tests.sources.talking import Talk, Talking
from tests.sources.web_servers import Handler, web_servers


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


@pytest.fixture
def talking(tmp_path: Path, environ: dict[str, str]) -> Talking:
    """Start web servers by their hosts, and a client behind them: `with talking({"zenodo.org": handler}) as talk`."""

    @contextmanager
    def start(hosts: Mapping[str, Handler], **patience: float) -> Iterator[Talk]:
        with web_servers(hosts, tmp_path) as web:
            yield Talk(web, environ, **patience)

    return start


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache without anything in it; gives where downloads are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "r2i" / "downloads"
