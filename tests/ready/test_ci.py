"""What runs `r2i check` for others: the hook of pre-commit, and the action with its steps as GitHub runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from r2i.buildpacks import CHAIN, ENVIRONMENTS, LANGUAGES
from tests.cases import ROOT
from tests.check.cases import GIT
from tests.ready.repositories import notebook, repository

BIN = Path(sys.executable).parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INSTALL, CHECK = ACTION["runs"]["steps"]
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))

BAD = {"requirements.txt": "numpy==2.3.4\n", "apt.txt": "curl; rm\n", "a.ipynb": notebook("import numpy")}
#: Enough of the project for pip to install it.
PROJECT = ("src", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")


def step(
    which: Mapping[str, Any], inputs: Mapping[str, str], *, cwd: Path, runner: Path
) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as `shell: bash` does, with inputs and defaults as GitHub fills them in."""
    known = {**{name: entry["default"] for name, entry in ACTION["inputs"].items()}, **inputs}
    values = {f"inputs.{name}": value for name, value in known.items()} | {"github.action_path": str(ROOT)}
    environment = {
        name: re.sub(r"\$\{\{ (\S+) \}\}", lambda match: values[match[1]], text)
        for name, text in which["env"].items()
    }
    script = runner / "step.sh"
    script.write_text(which["run"], encoding="utf-8")
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=cwd,
        env={**os.environ, "GITHUB_ACTIONS": "true", "CI": "true", "RUNNER_TEMP": str(runner), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """A directory as the first step leaves it."""
    program = tmp_path / "runner" / "r2i" / "bin" / "r2i"
    program.parent.mkdir(parents=True)
    program.symlink_to(BIN / "r2i")
    return tmp_path / "runner"


def test_the_action_annotates_the_lines(tmp_path: Path, runner: Path) -> None:
    done = step(CHECK, {}, cwd=repository(tmp_path, BAD), runner=runner)

    assert done.returncode == 8, done.stderr
    assert re.search(r"^::error file=apt\.txt,line=1,title=F101 ", done.stdout, re.MULTILINE)


def test_the_action_passes_on_what_it_is_given(tmp_path: Path, runner: Path) -> None:
    inputs = {"path": "my notes", "args": "--select F101 --ignore 'F101'"}
    directory = repository(tmp_path, {f"my notes/{name}": text for name, text in BAD.items()})
    done = step(CHECK, inputs, cwd=directory, runner=runner)

    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("text", ["$(touch owned)", "; touch owned", "`touch owned`", "--", "'"])
def test_inputs_are_no_scripts(tmp_path: Path, runner: Path, text: str) -> None:
    directory = repository(tmp_path, BAD)
    for inputs in ({"path": text}, {"args": text}):
        done = step(CHECK, inputs, cwd=directory, runner=runner)
        assert done.returncode != 0

    assert not (directory / "owned").exists()


def test_the_action_names_no_other_and_no_input_in_a_script() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for one in ACTION["runs"]["steps"]:
        assert "uses" not in one
        assert one["shell"] == "bash"
        assert "${{" not in one["run"]
    assert all(entry["description"] for entry in ACTION["inputs"].values())


@pytest.mark.engine
def test_the_action_installs_itself(tmp_path: Path) -> None:
    """Needs the index of packages, as builds do."""
    runner = tmp_path / "runner"
    runner.mkdir()
    done = step(INSTALL, {"python": sys.executable}, cwd=tmp_path, runner=runner)
    assert done.returncode == 0, done.stderr
    done = step(CHECK, {}, cwd=repository(tmp_path, BAD), runner=runner)

    assert done.returncode == 8, done.stderr


def test_the_hook_is_as_pre_commit_wants_it() -> None:
    done = subprocess.run(
        [BIN / "pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml"], check=False
    )

    assert done.returncode == 0


def test_the_hook_runs_when_a_file_changes_that_counts() -> None:
    (hook,) = HOOKS
    files = [
        *(each.files for each in CHAIN),
        *(each.files for each in ENVIRONMENTS),
        *(each.files for each in LANGUAGES),
    ]
    named = [name for names in files for name in names if "*" not in name]
    counts = [*named, "a.ipynb", "src/helpers.py", "binder/postBuild"]

    assert [name for name in counts if not re.search(hook["files"], name)] == []
    assert not re.search(hook["files"], "figure.png")


@pytest.mark.engine
def test_pre_commit_runs_the_hook(tmp_path: Path) -> None:
    """Really installed by pre-commit, which needs the index of packages."""
    project = tmp_path / "r2i"
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            project.mkdir(exist_ok=True)
            shutil.copy(source, project / name)
    for directory in (project, repository(tmp_path, BAD)):
        for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message=x")):
            subprocess.run([*GIT, *command], cwd=directory, check=True)
    done = subprocess.run(
        [BIN / "pre-commit", "try-repo", project, "r2i-check", "--all-files", "--color=never"],
        cwd=tmp_path / "repo",
        env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 1, done.stderr
    assert "- exit code: 8" in done.stdout
    assert "apt.txt:1" in done.stdout
