"""What runs `r2i check` for others: the hook of pre-commit, and the action with its steps as GitHub runs them."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from r2i.buildpacks import CHAIN, ENVIRONMENTS, LANGUAGES
from tests.cases import ROOT
from tests.check.cases import GIT
from tests.ready.repositories import notebook, repository
from tests.ready.runners import ACTION, HEADER, JOB, SHA, Runner

BIN = Path(sys.executable).parent
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))

BAD = {"requirements.txt": "numpy==2.3.4\n", "apt.txt": "curl; rm\n", "a.ipynb": notebook("import numpy")}
#: Enough of the project for pip to install it.
PROJECT = ("src", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")

READ = "Read the inputs"

#: A block of code of a page.
BLOCK = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.MULTILINE)


def runner(tmp_path: Path, files: dict[str, str], **variables: str) -> Runner:
    return Runner(repository(tmp_path, files), tmp_path / "runner", more=variables)


def options(tmp_path: Path, inputs: dict[str, str], **variables: str) -> list[str]:
    """Those of each build, as the step that reads the inputs writes them."""
    one = Runner(tmp_path, tmp_path / secrets.token_hex(4), more=variables)
    done = one.step(READ, inputs)
    assert done.returncode == 0, done.stderr
    return (one.temporary / "r2i-results" / "options").read_text().splitlines()


def test_the_action_only_checks_unless_it_is_told_more(tmp_path: Path) -> None:
    job = runner(tmp_path, BAD)

    assert job.run({}) == 8
    assert re.search(r"^::error file=apt\.txt,line=1,title=F101 ", job.logs["Check"], re.MULTILINE)
    assert list(job.codes) == [READ, "Check", "Report"]
    assert job.summary.startswith("<!-- r2i report . -->\n### r2i: `octavia/data@5f2d7c3b9a1e`\n\n**")
    assert "[`F101`]" in job.summary
    assert job.outputs == {"image": "", "digest": "", "plan-digest": ""}


def test_the_action_passes_on_what_it_is_given(tmp_path: Path) -> None:
    inputs = {"path": "my notes", "args": "--select F101 --ignore 'F101'"}
    job = runner(tmp_path, {f"my notes/{name}": text for name, text in BAD.items()})

    assert job.run(inputs) == 0, job.logs
    assert job.logs["Check"] == ""
    assert "in `my notes`\n\n**No findings**\n" in job.summary


@pytest.mark.parametrize("text", ["$(touch owned)", "; touch owned", "`touch owned`", "--", "'"])
def test_inputs_are_no_scripts(tmp_path: Path, text: str) -> None:
    directory = repository(tmp_path, BAD)
    for inputs in ({"path": text}, {"args": text}, {"build": "true", "build-options": text}):
        job = Runner(directory, tmp_path / secrets.token_hex(4))
        assert job.run(inputs) != 0
    for inputs in ({"image": text}, {"cache": text}):
        Runner(directory, tmp_path / secrets.token_hex(4)).step(
            READ, {"build": "true", "push": "true", **inputs}
        )

    assert list(tmp_path.rglob("owned")) == []


def test_nothing_is_built_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert options(tmp_path, {"image": "ghcr.io/octavia/data", "build-options": "--rescue"}) == []


@pytest.mark.parametrize(
    ("variables", "newest"),
    [
        ({}, ["--tag", "ghcr.io/octavia/data:latest"]),
        ({"GITHUB_REF": "refs/heads/try"}, []),
        ({"GITHUB_REF": "refs/pull/12/merge"}, []),
        ({"GITHUB_REF": "refs/tags/main"}, []),
    ],
)
def test_the_image_has_the_name_of_the_repository_and_its_commit(
    tmp_path: Path, variables: dict[str, str], newest: list[str]
) -> None:
    found = options(tmp_path, {"build": "true"}, GITHUB_REPOSITORY="Octavia/Data", **variables)
    cache = ["--cache-from", "type=registry,ref=ghcr.io/octavia/data:latest"]

    assert found == ["--tag", f"ghcr.io/octavia/data:{SHA}", *newest, *cache]


def test_images_have_the_names_that_they_are_given(tmp_path: Path) -> None:
    """Those of `docker/metadata-action` stand on lines of their own."""
    given = {"push": "true", "image": "localhost:5000/a:1.0\nquay.io/b/*\n", "cache": "none"}
    given["build-options"] = "--label 'a=b c' --rescue"
    found = options(tmp_path, given)

    assert found[:3] == ["--label", "a=b c", "--rescue"]
    assert found[3:] == [
        *("--tag", "localhost:5000/a:1.0"),
        *("--tag", f"quay.io/b/*:{SHA}"),
        *("--tag", "quay.io/b/*:latest"),
    ]


@pytest.mark.parametrize(
    ("given", "read", "written"),
    [
        ({}, ["type=registry,ref=a/b:1"], []),
        ({"push": "true"}, ["type=registry,ref=a/b:1"], ["type=inline"]),
        ({"push": "true", "cache": "none"}, [], []),
        ({"cache": "type=gha"}, ["type=gha"], []),
        ({"push": "true", "cache": "type=gha"}, ["type=gha"], ["type=gha,mode=max"]),
    ],
)
def test_only_a_push_writes_the_cache(
    tmp_path: Path, given: dict[str, str], read: list[str], written: list[str]
) -> None:
    found = options(tmp_path, {"build": "true", "image": "a/b:1", **given})

    def values(option: str) -> list[str]:
        return [value for name, value in itertools.pairwise(found) if name == option]

    assert values("--cache-from") == read
    assert values("--cache-to") == written


def test_the_action_names_no_other_and_no_input_in_a_script() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for one in ACTION["runs"]["steps"]:
        assert "uses" not in one
        assert one["shell"] == "bash"
        assert "${{" not in one["run"]
    assert all(entry["description"] for entry in ACTION["inputs"].values())


def test_the_template_names_no_input_in_a_script() -> None:
    scripts = [*JOB["before_script"], *JOB["script"], *JOB["after_script"]]

    assert not [script for script in scripts if "[[ inputs" in script]
    assert all(entry["description"] for entry in HEADER["spec"]["inputs"].values())


def test_both_services_take_the_same_inputs() -> None:
    of_gitlab = set(HEADER["spec"]["inputs"]) - {"stage", "package", "runner-image"}

    assert of_gitlab == set(ACTION["inputs"]) - {"token", "version", "python"}
    for name in of_gitlab - {"image"}:
        default = HEADER["spec"]["inputs"][name]["default"]
        assert str(default).lower() == ACTION["inputs"][name]["default"].lower()


def test_the_page_shows_inputs_that_exist() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(textwrap.dedent(block)) for block in BLOCK.findall(page) if "r2i/r2i" in block]
    given = [
        set(step["with"]) for block in blocks for step in _steps(block) if "r2i/r2i@" in step.get("uses", "")
    ]
    [included] = [one for block in blocks for one in block.get("include", ())]

    assert len(given) == 2
    assert set().union(*given) <= set(ACTION["inputs"])
    assert set(included["inputs"]) <= set(HEADER["spec"]["inputs"])
    assert included["remote"].endswith("/templates/r2i.yml")
    assert all(f"| `{name}` |" in page for name in (*ACTION["inputs"], *ACTION["outputs"]))


def _steps(block: dict[str, Any]) -> list[dict[str, Any]]:
    jobs = [block, *block.get("jobs", {}).values()]
    return [step for job in jobs for step in job.get("steps", ())]


def test_the_branch_for_binder_has_nothing_but_the_image(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    [step] = yaml.safe_load(
        textwrap.dedent(next(block for block in BLOCK.findall(page) if "commit-tree" in block))
    )
    directory = repository(tmp_path, BAD, remote=str(tmp_path / "remote"))
    subprocess.run([*GIT, "init", "--quiet", "--bare", tmp_path / "remote"], check=True)
    for image in ("ghcr.io/octavia/data@sha256:1", "ghcr.io/octavia/data@sha256:2"):
        environment = {**os.environ, "IMAGE": image}
        subprocess.run(["bash", "-ec", step["run"]], cwd=directory, env=environment, check=True)
        shown = subprocess.run(
            [*GIT, "grep", "--line-number", "", "binder"],
            cwd=tmp_path / "remote",
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stdout == f"binder:Dockerfile:1:FROM {image}\n"


@pytest.mark.engine
def test_the_action_installs_itself(tmp_path: Path) -> None:
    """Needs the index of packages, as builds do."""
    job = runner(tmp_path, BAD)
    (job.temporary / "r2i" / "bin" / "r2i").unlink()
    done = job.step("Install r2i", {"python": sys.executable})
    assert done.returncode == 0, done.stderr

    assert job.run({}) == 8


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
