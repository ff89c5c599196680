"""`--fix` changes what it says, and nothing else of the user's files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.checkout import Checkout
from r2i.edits.applying import appended, combined, diff, line_edit, write
from r2i.edits.fixes import Edit, Fix
from r2i.errors import R2iError
from r2i.process import Completed, run
from tests.building import R2I
from tests.check.cases import GIT
from tests.ready.repositories import notebook
from tests.real_engines import engine_of, remove_image
from tests.serving import docker_over_a_network
from tests.writing import write as write_files

POST_BUILD = b"#!/bin/bash\r\nsudo apt-get install -y ffmpeg\r\n# caf\xc3\xa9\r\npip list"


def edit(start: int, end: int, text: bytes, file: str = "a") -> Fix:
    return Fix(title="x", edits=(Edit(file=file, start=start, end=end, text=text),))


def applied(directory: Path, *fixes: Fix) -> tuple[Fix, ...]:
    checkout = Checkout.open(directory)
    changes = combined(checkout, fixes)
    assert list(diff(changes)) or not changes.applied
    write(checkout, changes)
    return changes.applied


def test_of_two_fixes_of_the_same_bytes_one_waits(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    first, second, third = edit(2, 5, b"x"), edit(4, 6, b"y"), edit(6, 7, b"z")

    assert applied(tmp_path, first, second, third) == (first, third)
    assert (tmp_path / "a").read_bytes() == b"01x5z789"


def test_what_several_fixes_have_in_common_is_done_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"numpy")
    newline = Edit(file="a", start=5, end=5, text=b"\n")
    one, other = (
        Fix(title=name, edits=(newline, Edit(file="a", start=5, end=5, text=f"{name}\n".encode())))
        for name in ("scipy", "pandas")
    )
    applied(tmp_path, one, other)

    assert (tmp_path / "a").read_bytes() == b"numpy\nscipy\npandas\n"


def test_nothing_is_overwritten_by_a_new_name(tmp_path: Path) -> None:
    for name in ("Environment.yml", "env.yml", "taken.yml"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    fixes = [
        Fix(title="x", renamed=((old, new),))
        for old, new in (
            ("Environment.yml", "environment.yml"),
            ("env.yml", "environment.yml"),
            ("env.yml", "taken.yml"),
            ("env.yml", "../outside.yml"),
        )
    ]

    assert applied(tmp_path, *fixes) == (fixes[0],)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {
        "environment.yml": "Environment.yml",
        "env.yml": "env.yml",
        "taken.yml": "taken.yml",
    }


def test_a_link_stays_one_and_leads_nowhere_else(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "real.txt").write_bytes(b"numpy\n")
    (repo / "a").symlink_to("real.txt")
    (tmp_path / "outside").write_bytes(b"secret\n")
    (repo / "b").symlink_to("../outside")
    applied(repo, edit(0, 5, b"scipy"))

    assert (repo / "a").is_symlink()
    assert (repo / "real.txt").read_bytes() == b"scipy\n"
    assert applied(repo, edit(0, 6, b"x", file="b")) == ()
    assert (tmp_path / "outside").read_bytes() == b"secret\n"


def test_a_file_gets_its_new_name_behind_a_link_to_its_directory(tmp_path: Path) -> None:
    write_files(tmp_path, {"config/Environment.yml": "x"})
    (tmp_path / "binder").symlink_to("config")
    applied(tmp_path, Fix(title="x", renamed=(("binder/Environment.yml", "binder/environment.yml"),)))

    assert [path.name for path in (tmp_path / "config").iterdir()] == ["environment.yml"]


def test_permissions_stay_and_whoever_reads_may_run(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "a").chmod(0o640)
    applied(tmp_path, edit(0, 1, b"y"), Fix(title="x", executable=("a",)))

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o750


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "binder").write_bytes(b"a file where a directory should be")

    with pytest.raises(R2iError, match=r"^`binder/apt\.txt` cannot be changed: "):
        applied(tmp_path, edit(0, 0, b"x", file="binder/apt.txt"))


@given(
    lines=st.lists(st.sampled_from([b"numpy", b"caf\xc3\xa9", b"\xff\x00", b"", b" # x"]), min_size=1),
    newline=st.sampled_from([b"\n", b"\r\n"]),
    ended=st.booleans(),
    data=st.data(),
)
def test_edits_of_lines_keep_all_others(
    tmp_path: Path, *, lines: list[bytes], newline: bytes, ended: bool, data: st.DataObject
) -> None:
    before = newline.join(lines) + (newline if ended else b"")
    there = before.splitlines(keepends=True)
    if not there:
        return
    (tmp_path / "a").write_bytes(before)
    number = data.draw(st.integers(1, len(there)))
    checkout = Checkout.open(tmp_path)
    applied(
        tmp_path,
        Fix(
            title="x",
            edits=(line_edit(checkout, "a", number, "changed"), appended(checkout, "a", "new\n")),
        ),
    )
    after = (tmp_path / "a").read_bytes().splitlines()
    expected = before.splitlines()
    expected[number - 1] = b"changed"

    assert after == [*expected, b"new"]


def check(directory: Path, *arguments: str) -> Completed:
    return run([R2I, "check", *arguments], cwd=directory, env={**os.environ, "NO_COLOR": "1"})


def git(directory: Path, *arguments: str) -> str:
    return run([*GIT, *arguments], cwd=directory, env=dict(os.environ)).stdout


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_bytes(b"sklearn  # models\r\nnumpy==2.2.6\r\n")
    (tmp_path / "postBuild").write_bytes(POST_BUILD)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "core.autocrlf", "false")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message=x")
    return tmp_path


def test_nothing_changes_without_an_answer(work_tree: Path) -> None:
    done = check(work_tree, "--fix")

    assert done.returncode == 2
    assert "+scikit-learn  # models" in done.stderr
    assert "--fix --yes" in done.stderr
    assert git(work_tree, "status", "--short") == ""


def test_before_anything_is_built_there_must_be_somebody_to_ask(work_tree: Path) -> None:
    done = check(work_tree, "--fix", "--execute")

    assert done.returncode == 2
    assert done.stderr.startswith("Error: Cannot ask for confirmation: stdin is not a terminal")


def test_whoever_answers_no_gets_the_report(work_tree: Path) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b"n\n")
    done = subprocess.run(
        [R2I, "check", "--fix"], cwd=work_tree, stdin=theirs, capture_output=True, text=True, check=False
    )
    for end in (ours, theirs):
        os.close(end)

    assert done.returncode == 8
    assert "D102 not-the-distribution" in done.stdout
    assert git(work_tree, "status", "--short") == ""


@pytest.mark.engine
def test_what_notebooks_fail_of_is_mended_and_they_are_run_again(tmp_path: Path) -> None:
    engine_of("docker")
    cells = [f"import importlib\nimportlib.import_module('{name}')" for name in ("tabulate", "humanize")]
    repo = tmp_path / "repo"
    write_files(repo, {"requirements.txt": "sklearn\n", "a.ipynb": notebook("import sklearn", *cells)})
    tag = "r2i-test-check/mended"
    words = ["--fix", "--yes", "--execute", "--engine", "docker", "--tag", tag, "--progress", "plain"]
    try:
        done = check(repo, *words, "--format", "json")
    finally:
        remove_image("docker", tag)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dynamic"]["notebooks"][0]["levels"]["L3"] == "passed"
    assert (repo / "requirements.txt").read_text() == "scikit-learn\ntabulate\nhumanize\n"
    assert done.stderr.count("Building and running the image again") == 2


@pytest.mark.engine
def test_where_the_engine_ends_after_a_change_the_report_is_of_the_files_as_they_are(tmp_path: Path) -> None:
    engine_of("docker")
    repo = tmp_path / "repo"
    failing = notebook("import importlib\nimportlib.import_module('tabulate')")
    write_files(repo, {"requirements.txt": "", "a.ipynb": failing})
    tag = "r2i-test-check/unfinished"
    words = ["--fix", "--yes", "--execute", "--engine", "docker", "--tag", tag, "--format", "json"]
    try:
        with docker_over_a_network() as variables:
            child = subprocess.Popen(
                [R2I, "check", *words],
                cwd=repo,
                env={**os.environ, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert child.stderr is not None
            said = any("running the image again" in line for line in child.stderr)
        report = json.loads(child.communicate()[0])
    finally:
        remove_image("docker", tag)

    assert said
    assert child.returncode == 6
    assert (report["dynamic"], report["unfinished"] is None) == (None, False)
    assert [(finding["code"], finding["line"]) for finding in report["findings"]] == [("D101", 1)]


def test_what_was_not_committed_stays(work_tree: Path) -> None:
    (work_tree / "requirements.txt").write_bytes(b"sklearn  # models\r\nnumpy==2.2.6\r\npandas==2.2.3\r\n")
    (work_tree / "notes.txt").write_bytes(b"mine\r\n")
    for _ in range(3):  # two fixes of the same bytes take two runs
        check(work_tree, "--fix", "--yes")

    assert (work_tree / "requirements.txt").read_bytes() == (
        b"scikit-learn  # models\r\nnumpy==2.2.6\r\npandas==2.2.3\r\n"
    )
    assert (work_tree / "postBuild").read_bytes() == b"#!/bin/bash\n# caf\xc3\xa9\npip list"
    assert (work_tree / "apt.txt").read_bytes() == b"ffmpeg\n"
    assert (work_tree / "notes.txt").read_bytes() == b"mine\r\n"
    assert sorted(git(work_tree, "status", "--short").split()) == sorted(
        ["M", "postBuild", "M", "requirements.txt", "??", "apt.txt", "??", "notes.txt"]
    )


def test_a_second_time_there_is_nothing_to_mend(work_tree: Path) -> None:
    for _ in range(3):
        check(work_tree, "--fix", "--yes")
    done = check(work_tree, "--fix", "--yes")

    assert "No fixes available" in done.stderr


def test_only_directories_of_this_machine_are_changed(work_tree: Path) -> None:
    done = check(work_tree, "https://example.org/a/b.git", "--fix", "--yes")

    assert done.returncode == 2
    assert "`--fix` works only in a local directory" in done.stderr
