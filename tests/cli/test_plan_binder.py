"""`r2i plan --binder`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.writing import write

from r2i.process import Completed, run

R2I = str(Path(sys.executable).with_name("r2i"))


def planned(directory: Path, *arguments: str) -> Completed:
    return run([R2I, "plan", str(directory), "--binder", *arguments], timeout=60)


def test_the_plan_comes_first_and_then_binder(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "six\n", "runtime.txt": "python-3.12\n"})
    alone = run([R2I, "plan", str(tmp_path)], timeout=60)
    done = planned(tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{alone.stdout}\nBinder (repo2docker 2026.4.0)\n")
    lines = done.stdout.splitlines()
    assert "Buildpack:    PythonBuildPack" in lines
    assert "              runtime.txt:1: asks for Python 3.12" in lines
    assert "  requirements.txt  Python packages" in lines
    assert lines[lines.index("Differences between r2i and Binder") + 1].startswith("  Base image  r2i: ")


def test_an_error_of_binder_alone(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "six\n", "runtime.txt": "python-3.12.1\n"})
    done = planned(tmp_path)

    assert done.returncode == 0
    assert "Error:        the build stops: runtime.txt:1: " in done.stdout
    assert "  Build  r2i: accepts the files; Binder: stops with an error" in done.stdout


def test_an_error_of_r2i_alone_keeps_its_exit_code(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "--nope\n", "runtime.txt": "python-3.12\n"})
    text, program = planned(tmp_path), planned(tmp_path, "--json")
    document = json.loads(program.stdout)

    assert (text.returncode, program.returncode) == (5, 5)
    assert "Error: requirements.txt:1:" in text.stderr
    assert "Build  r2i: stops with an error; Binder: accepts the files" in text.stdout
    assert document["plan"] is None
    assert (document["error"]["exit_code"], document["error"]["file"]) == (5, "requirements.txt")
    assert (document["binder"]["buildpack"], document["binder"]["python"]) == ("PythonBuildPack", "3.12")
    assert document["binder"]["error"] is None


def test_an_error_of_both(tmp_path: Path) -> None:
    write(tmp_path, {"binder/requirements.txt": "", ".binder/requirements.txt": ""})
    done = planned(tmp_path, "--json")
    document = json.loads(done.stdout)

    assert done.returncode == 5
    assert (document["plan"], document["differences"]) == (None, [])
    assert document["binder"]["error"]["stage"] == "detection"


def test_json_has_the_plan_unchanged_beside_binder(tmp_path: Path) -> None:
    write(tmp_path, {"environment.yml": "dependencies: [python=3.9]\n"})
    alone = json.loads(run([R2I, "plan", str(tmp_path), "--json"], timeout=60).stdout)
    document = json.loads(planned(tmp_path, "--json").stdout)

    assert document["plan"] == alone
    assert (document["schema"], document["error"]) == (1, None)
    assert document["binder"]["buildpack"] == "CondaBuildPack"
    assert {each["what"] for each in document["differences"]} == {"Base image", "Jupyter"}


def test_a_subdirectory_is_the_repository(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "", "lesson/environment.yml": "dependencies: [python=3.9]\n"})
    document = json.loads(planned(tmp_path, "--json", "--subdir", "lesson").stdout)

    assert (document["binder"]["buildpack"], document["binder"]["python"]) == ("CondaBuildPack", "3.9")


def test_nothing_asked_for_is_refused_by_mybinder(tmp_path: Path) -> None:
    write(tmp_path, {"README.md": ""})

    assert (
        "mybinder.org builds no repository without a file that chooses a buildpack"
        in planned(tmp_path).stdout
    )
