"""Archives on the command line: what is printed, and how it exits."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.building import R2I
from tests.sources.packing import zipped
from tests.sources.web_servers import Answer, file_answer, problem, redirect, web_servers

from r2i.process import Completed, run


def r2i(tmp_path: Path, *arguments: str) -> Completed:
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return run([R2I, *arguments], env={**os.environ, **own}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (problem(404), 3, "/a.zip` does not exist (HTTP 404)\nHint: Check the spelling of the source"),
        (
            problem(503, Retry_After="7200"),
            75,
            "`127.0.0.1` cannot answer now (HTTP 503)\nHint: Try again in 2 hours",
        ),
        (redirect("file:///etc/passwd"), 3, "`file:///etc/passwd` is not a supported URL"),
        (Answer(body=b"<html>"), 3, "`a.zip` is a web page, and not an archive"),
    ],
    ids=["404", "503", "file", "page"],
)
def test_what_a_server_says_is_an_exit_code(tmp_path: Path, answer: Answer, code: int, says: str) -> None:
    with web_servers({"127.0.0.1": lambda _: answer}, tmp_path) as web:
        done = r2i(tmp_path, "plan", f"{web.url}/a.zip?secret=s1gned")
    assert done.returncode == code
    assert says in done.stderr
    assert "s1gned" not in done.stderr


def test_an_archive_is_planned_checked_and_has_no_badge(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "p.zip", {"p/requirements.txt": "six==1.17.0\n", "p/index.ipynb": "{}"})
    plan = json.loads(r2i(tmp_path, "plan", "p.zip", "--json").stdout)
    assert str(tmp_path) not in json.dumps(plan)
    assert "last commit" not in json.dumps(plan)
    with web_servers({"127.0.0.1": lambda asked: file_answer(asked, archive.read_bytes())}, tmp_path) as web:
        assert r2i(tmp_path, "dockerfile", f"{web.url}/p.zip").stdout.count("six==1.17.0") <= 1
        badge = r2i(tmp_path, "badge", f"{web.url}/p.zip")
    assert badge.returncode == 2
    assert (
        "which is an archive file\nHint: Publish the files in a git repository or on Zenodo" in badge.stderr
    )
    check = r2i(tmp_path, "check", "p.zip")
    assert check.returncode in (0, 8)
    assert "index.ipynb" in check.stdout
    fixed = r2i(tmp_path, "check", "--fix", "p.zip")
    assert fixed.returncode == 2
    ref = r2i(tmp_path, "plan", "p.zip", "--ref", "v1")
    assert (ref.returncode, "is an archive" in ref.stderr) == (2, True)
