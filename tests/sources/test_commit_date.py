"""The date of the commit that a directory stands on, read from real repositories of git, and from hostile ones."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.model import Options
from r2i.planning.compose import make_plan
from r2i.process import Completed
from r2i.sources import fetched, parse
from r2i.sources.commit_date import committed_on, date_here
from tests.sources.serving import Repository, git

DATE = "2021-03-04T05:06:07Z"


def commit(directory: Path, when: str = "2021-03-04T07:06:07+0200", *, by: str = "Ada") -> str:
    """Commit all that is there."""
    git("add", "-A", cwd=directory)
    names = {"GIT_AUTHOR_NAME": by, "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": by}
    environment = os.environ | names | {"GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": when}
    command = ["git", "commit", "-q", "--allow-empty", "-m", f"committer X <x> 1 +0000\n\n{by}"]
    subprocess.run(command, check=True, cwd=directory, env=environment)
    return git("rev-parse", "HEAD", cwd=directory)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.make(tmp_path)
    (made.work / "requirements.txt").write_text("six\n")
    commit(made.work)
    return made


def date(directory: Path, environ: dict[str, str]) -> str | None:
    said: list[str] = []
    found = date_here(directory, environ=environ, report=said.append)
    assert said == []
    return found


def test_it_is_the_committers_in_utc(repository: Repository, environ: dict[str, str]) -> None:
    assert date(repository.work, environ) == DATE


def test_a_directory_and_what_is_fetched_of_it_get_the_same_python(
    repository: Repository, environ: dict[str, str]
) -> None:
    repository.publish()
    plans = []
    for typed in (str(repository.work), f"file://{repository.served}"):
        source = parse(typed, cwd=Path("/"))
        with fetched(source, environ=environ, report=lambda _: None) as checkout:
            assert checkout.date == DATE
            plans.append(make_plan(checkout, Options()))

    assert plans[0].python == plans[1].python
    assert plans[0].python is not None
    assert plans[0].python.version == "3.8"


def test_a_directory_inside_a_repository_has_none(repository: Repository, environ: dict[str, str]) -> None:
    below = repository.work / "below"
    below.mkdir()

    assert date(below, environ) is None
    assert date(repository.work, environ | {"GIT_DIR": "/nonexistent"}) == DATE


def test_a_subdirectory_that_is_asked_for_has_that_of_its_repository(
    repository: Repository, environ: dict[str, str]
) -> None:
    (repository.work / "below").mkdir()
    source = parse(str(repository.work), subdirectory="below", cwd=Path("/"))
    with fetched(source, environ=environ, report=lambda _: None) as checkout:
        assert checkout.date == DATE


def test_a_linked_work_tree_has_its_own(
    repository: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), "HEAD", cwd=repository.work)
    commit(repository.work, "2023-01-01T00:00:00Z")

    assert date(tmp_path / "linked", environ) == DATE
    assert date(repository.work, environ) == "2023-01-01T00:00:00Z"


@pytest.mark.parametrize("content", [None, "", "gitdir: /nonexistent\n", "gitdir: .git\n"])
def test_what_is_no_repository_has_none(tmp_path: Path, environ: dict[str, str], content: str | None) -> None:
    if content is None:
        (tmp_path / ".git").mkdir()
    else:
        (tmp_path / ".git").write_text(content)

    assert date(tmp_path, environ) is None


def test_a_repository_without_a_commit_has_none(tmp_path: Path, environ: dict[str, str]) -> None:
    git("init", "-q", ".", cwd=tmp_path)

    assert date(tmp_path, environ) is None


def test_without_git_it_is_said(repository: Repository, environ: dict[str, str]) -> None:
    said: list[str] = []
    nowhere = environ | {"PATH": "/nonexistent"}

    def runner(argv: list[str], **_: object) -> Completed:
        return Completed(argv=(*argv,), returncode=127, stdout="", stderr="git: not found")

    assert date_here(repository.work, environ=nowhere, report=said.append, runner=runner) is None  # type: ignore[arg-type]
    assert "not installed" in said[0]


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_nothing_of_a_hostile_configuration_runs(
    repository: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    trace = tmp_path / "ran"
    script = executable(tmp_path / "script", f"#!/bin/sh\ntouch {trace}\nexit 1\n")
    hooks = repository.work / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "pre-auto-gc", "reference-transaction", "post-index-change", "fsmonitor"):
        executable(hooks / hook, f"#!/bin/sh\ntouch {trace}\n")
    for key in (
        "alias.cat-file",
        "core.alternateRefsCommand",
        "core.askPass",
        "core.editor",
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "credential.helper",
        "diff.external",
        "filter.x.smudge",
        "gpg.program",
        "pager.cat-file",
        "remote.origin.uploadpack",
        "uploadpack.packObjectsHook",
    ):
        git("config", key, f"!{script}" if key == "alias.cat-file" else str(script), cwd=repository.work)
    git("config", "log.showSignature", "true", cwd=repository.work)

    assert date(repository.work, environ) == DATE
    assert not trace.exists()


@pytest.mark.parametrize("url", ["ext::{script}", "ssh://example.org/x", "{script}", "file://{top}", "x::y"])
def test_a_missing_commit_is_not_fetched(
    url: str, repository: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    trace = tmp_path / "ran"
    script = executable(tmp_path / "script", f"#!/bin/sh\ntouch {trace}\nexit 1\n")
    work = repository.work
    git("config", "extensions.partialClone", "origin", cwd=work)
    git("config", "core.repositoryFormatVersion", "1", cwd=work)
    for key, value in {
        "url": url.format(script=script, top=tmp_path),
        "promisor": "true",
        "uploadpack": str(script),
    }.items():
        git("config", f"remote.origin.{key}", value, cwd=work)
    git("config", "core.sshCommand", str(script), cwd=work)
    (work / ".git" / "HEAD").write_text("1" * 40 + "\n")

    assert date(work, environ) is None
    assert not trace.exists()


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_configuration_without_end_is_not_waited_for(
    repository: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    git("config", "include.path", str(tmp_path / "pipe"), cwd=repository.work)

    assert date(repository.work, environ) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tree x\ncommitter A <a@b> 1614834367 +0200\n\nmessage\n", DATE),
        ("tree x\ncommitter A > <a@b> 1614834367 -0930\ngpgsig x\n\n", DATE),
        ("tree x\n\ncommitter A <a@b> 1614834367 +0200\n", None),
        ("tree x\n committer A <a@b> 1614834367 +0200\n", None),
        ("committer A <a@b> -5 +0000\n\n", None),
        ("committer A <a@b> 0 +0000\n\n", "1970-01-01T00:00:00Z"),
        ("committer A <a@b> 999999999999 +0000\n\n", None),
        ("committer A <a@b> 1614834367\n\n", None),
        ("", None),
    ],
)
def test_a_commit_says_when_it_was_made(text: str, found: str | None) -> None:
    assert committed_on(text) == found


@given(st.text(max_size=30), st.integers(0, 10**13))
def test_any_commit_gives_a_date_or_none(name: str, moment: int) -> None:
    found = committed_on(f"tree\ncommitter {name} <a@b> {moment} +0000\n\n")

    assert found is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found)
