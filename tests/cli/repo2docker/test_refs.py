"""What `--ref` means, beside each kind of source."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from r2i.cli.repo2docker.invocation import Invocation
from r2i.cli.repo2docker.job import Job
from r2i.cli.repo2docker.log import JsonLog
from r2i.cli.repo2docker.told import ToldByLines
from r2i.cli.repo2docker.work import understood
from r2i.model import Source


def of(repo: str, ref: str) -> tuple[Source, str]:
    said = io.StringIO()
    log = JsonLog(said)
    wanted = Invocation(repo=repo, ref=ref)
    job = Job(wanted=wanted, environ={}, listener=ToldByLines(log=log), log=log, product=io.StringIO())
    return understood(job), said.getvalue()


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("main", "main"),
        ("origin/main", "main"),
        ("origin/origin/x", "origin/x"),
        ("my/origin/x", "my/origin/x"),
        ("origin", "origin"),
    ],
)
def test_a_branch_may_have_the_name_that_a_clone_gives_it(ref: str, expected: str) -> None:
    source, said = of("https://git.example.org/a/b.git", ref)

    assert (source.ref, said) == (expected, "")


def test_beside_a_directory_it_is_said_of_which(tmp_path: Path) -> None:
    source, said = of(str(tmp_path), "main")

    assert source.ref is None
    assert f"`--ref main` has no effect on the directory `{tmp_path}`, which is no address" in said
