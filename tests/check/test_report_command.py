"""`r2i check` writes reports where it is told, with paths that CI systems understand."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from r2i.process import Completed, run
from tests.building import R2I, write
from tests.check.cases import GIT

CONTRADICTION = {
    "analysis/requirements.txt": "numpy==2.3.1\n",
    "analysis/binder/.keep": "",
    "README.md": "x\n",
}


def check(directory: Path, *arguments: str) -> Completed:
    return run([R2I, "check", *arguments], cwd=directory, env={**os.environ, "NO_COLOR": "1"})


def work_tree(directory: Path) -> Path:
    write(directory, CONTRADICTION)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=x"]):
        subprocess.run([*GIT, *command], cwd=directory, check=True)
    return directory


def test_a_report_for_a_program_beside_the_text(tmp_path: Path) -> None:
    work_tree(tmp_path)
    done = check(tmp_path, "analysis", "--format", "sarif", "--output", "out.sarif")
    results = json.loads((tmp_path / "out.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]

    assert done.returncode == 8
    assert "\nSize: about " in done.stdout
    assert "\nNot pinned: " in done.stdout
    assert {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].split("/")[0]
        for result in results
    } == {"analysis"}


def test_paths_are_those_of_the_repository(tmp_path: Path) -> None:
    work_tree(tmp_path)

    for arguments in (["analysis"], [".", "--subdir", "analysis"]):
        assert "file=analysis/" in check(tmp_path, *arguments, "--format", "github").stdout


def test_the_text_into_a_file_is_plain(tmp_path: Path) -> None:
    work_tree(tmp_path)
    done = check(tmp_path, "analysis", "-o", "report.txt")

    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == done.stdout


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    done = check(work_tree(tmp_path), "analysis", "-o", "nowhere/report.txt")

    assert done.returncode == 2
    assert "`--output nowhere/report.txt` cannot be written" in done.stderr


@pytest.mark.slow
def test_strict_is_for_every_format(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "numpy\n"})

    for form in ("json", "junit", "github", "sarif", "text"):
        assert check(tmp_path, "--format", form).returncode == 0
        assert check(tmp_path, "--format", form, "--strict").returncode == 8
    assert json.loads(check(tmp_path, "--format", "json", "--strict").stdout)["ready"] is False


@pytest.mark.parametrize("level", ["L5", "l9", ""])
def test_levels_are_listed_as_they_are_written(tmp_path: Path, level: str) -> None:
    done = check(tmp_path, "--level", level)

    assert done.returncode == 2
    assert f"`--level {level}` is not a level" in done.stderr
    assert "Choose one of `L0`, `L1`, `L2`, `L3`, `L4`" in done.stderr


@pytest.mark.parametrize("level", ["l1", "L1"])
def test_levels_are_taken_in_either_case(tmp_path: Path, level: str) -> None:
    done = check(tmp_path, "--level", level, "--memory", "much")

    assert "`--memory much`" in done.stderr


@pytest.mark.parametrize("begun", ["l", "L"])
def test_levels_are_completed(begun: str) -> None:
    asked = {"COMP_WORDS": f"r2i check --level {begun}", "COMP_CWORD": "3", "_R2I_COMPLETE": "bash_complete"}
    done = run([R2I], env={**os.environ, **asked})

    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == ["L0", "L1", "L2", "L3", "L4"]


@pytest.mark.parametrize("words", [["--network"], ["--memory", "4g"], ["--timeout", "5"], ["--rescue"]])
def test_what_says_how_to_run_is_wrong_where_nothing_runs(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "requirements.txt").touch()
    done = run([R2I, "check", str(tmp_path), *words])

    assert done.returncode == 2
    assert f"`{words[0]}` has no effect without `--build` or `--execute`" in done.stderr


@pytest.mark.parametrize("words", [["--build"], ["--execute"]])
def test_without_an_engine_what_the_files_say_is_known_nevertheless(tmp_path: Path, words: list[str]) -> None:
    write(tmp_path, {"requirements.txt": "numpy\n"})
    files = ["-o", "report.json", "--format", "json", "--html", "report.html", "--badge", "badge.svg"]
    environment = {**os.environ, "NO_COLOR": "1", "DOCKER_HOST": "tcp://127.0.0.1:1"}
    done = run([R2I, "check", *words, "--engine", "docker", *files], cwd=tmp_path, env=environment)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))

    assert done.returncode == 6
    assert "D101 unpinned" in done.stdout
    assert f"Error: {report['unfinished']}" in done.stderr
    assert [finding["code"] for finding in report["findings"]] == ["D101"]
    assert "did not finish" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "badge.svg").exists()
