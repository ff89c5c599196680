"""`--target`: whose images a finding is about, in every format, and the exit code for those that are chosen."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from r2i.check.checking import check
from r2i.check.findings import Finding, Rule
from r2i.check.on_binder import is_read, python_of_binder
from r2i.check.rules import CODES
from r2i.check.settings import settings_of, with_chosen
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY, BOTH, R2I_ONLY, Targets
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.process import Completed, run
from tests.building import R2I, write

#: Ubuntu has the package by another name, which r2i knows.
OF_BINDER = {"requirements.txt": "six==1.17.0\n", "apt.txt": "libgl1-mesa-glx\n"}

#: Binder hands the line to a shell.
OF_R2I = {"requirements.txt": "six==1.17.0\n", "apt.txt": "curl;\n"}


def checked(directory: Path, *arguments: str) -> Completed:
    environment = {**os.environ, "NO_COLOR": "1"}
    return run([R2I, "check", str(directory), *arguments], env=environment, timeout=60)


def subject(directory: Path, files: Mapping[str, str]) -> Subject:
    write(directory, files)
    return Subject(checkout=Checkout.open(directory))


@pytest.mark.parametrize(
    ("files", "target", "code"),
    [
        (OF_BINDER, "binder", 8),
        (OF_BINDER, "r2i", 0),
        (OF_BINDER, "both", 8),
        (OF_R2I, "binder", 0),
        (OF_R2I, "r2i", 8),
        (OF_R2I, "both", 8),
        ({"requirements.txt": "numpy=1\n"}, "binder", 8),
        ({"requirements.txt": "numpy=1\n"}, "r2i", 8),
    ],
)
def test_the_exit_code_is_for_the_targets_chosen(
    tmp_path: Path, files: Mapping[str, str], target: str, code: int
) -> None:
    write(tmp_path, files)

    assert checked(tmp_path, "--target", target).returncode == code


def test_the_text_says_it_only_where_it_is_one_of_the_two(tmp_path: Path) -> None:
    write(tmp_path, OF_BINDER | {"requirements.txt": "numpy\n"})
    said = checked(tmp_path).stdout

    assert "  D121 not-in-ubuntu  Binder only  --fix\n" in said
    assert "  D101 unpinned\n" in said


def test_programs_read_it_in_every_format(tmp_path: Path) -> None:
    write(tmp_path, OF_BINDER | {"requirements.txt": "numpy\n"})
    printed = {
        form: checked(tmp_path, "--format", form).stdout for form in ("json", "sarif", "github", "junit")
    }
    document = json.loads(printed["json"])
    results = json.loads(printed["sarif"])["runs"][0]["results"]

    assert document["targets"] == ["binder", "r2i"]
    assert {one["code"]: one["targets"] for one in document["findings"]} == {
        "D101": ["binder", "r2i"],
        "D121": ["binder"],
    }
    assert {one["ruleId"]: one["properties"]["targets"] for one in results}["D121"] == ["binder"]
    assert [one["message"]["text"].startswith("Binder only: ") for one in results] == [True, False]
    assert "title=D121 not-in-ubuntu (Binder only)::" in printed["github"]
    assert "title=D101 unpinned::" in printed["github"]
    assert "so the build fails (Binder only). " in printed["junit"]


def test_a_report_for_one_target_says_so(tmp_path: Path) -> None:
    write(tmp_path, OF_BINDER)
    document = json.loads(checked(tmp_path, "--target", "r2i", "--format", "json").stdout)

    assert (document["targets"], document["findings"], document["ready"]) == (["r2i"], [], True)


@pytest.mark.parametrize(
    ("target", "base_image", "python"),
    [
        ("Binder", "docker.io/library/buildpack-deps:24.04", "3.10"),
        ("r2i", "docker.io/library/debian:trixie-slim", "3.13"),
        ("both", "docker.io/library/debian:trixie-slim", "3.10"),
    ],
)
def test_the_image_that_counts_is_the_one_that_is_told_of(
    tmp_path: Path, target: str, base_image: str, python: str
) -> None:
    write(tmp_path, {"requirements.txt": "six\n"})
    document = json.loads(checked(tmp_path, "--target", target, "--format", "json").stdout)

    assert (document["size"] is None) == (target == "Binder")
    assert document["hermeticity"]["base_images"] == [base_image]
    assert f"--python-version {python} " in document["findings"][0]["hint"]


@pytest.mark.parametrize(("target", "python"), [("r2i", "3.13"), ("both", "3.10")])
def test_pins_of_a_package_are_for_whoever_reads_the_new_file(
    tmp_path: Path, target: str, python: str
) -> None:
    """Binder does not read `setup.cfg`, but the `requirements.txt` that the hint makes of it."""
    setup = {"setup.cfg": "[metadata]\nname = x\nversion = 1\n[options]\ninstall_requires = six\n"}
    write(tmp_path, setup)
    document = json.loads(checked(tmp_path, "--target", target, "--format", "json").stdout)
    found = next(one for one in document["findings"] if one["code"] == "D101")

    assert found["targets"] == ["r2i"]
    assert f"--python-version {python} " in found["hint"]


def test_the_html_report_says_it(tmp_path: Path) -> None:
    write(tmp_path, {f"repo/{path}": text for path, text in OF_BINDER.items()})
    checked(tmp_path / "repo", "--html", str(tmp_path / "out.html"))

    assert "Binder only" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_rules_are_listed_with_whom_they_are_about() -> None:
    lines = run([R2I, "check", "--rules"], timeout=60).stdout.splitlines()
    after = {line.split()[0]: below.strip() for line, below in zip(lines[::2], lines[1::2], strict=True)}

    assert after.keys() == CODES
    assert after["D121"] == "Applies to: Binder only"
    assert after["F107"] == "Applies to: r2i only"
    assert after["F101"] == "Applies to: Binder and r2i, or only one of them: the finding says which"


def test_the_file_chooses_and_the_command_line_decides(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.r2i.check]\ntarget = "binder"\n', encoding="utf-8")
    settings = settings_of(Checkout.open(tmp_path), codes=CODES)

    def chosen(target: str | None) -> Targets:
        return with_chosen(settings, select=(), ignore=(), max_size=None, target=target, codes=CODES).targets

    assert settings.targets == chosen(None) == BINDER_ONLY
    assert chosen("both") == BOTH


@pytest.mark.parametrize("value", ['"docker"', "1", '["binder"]'])
def test_a_target_that_does_not_exist(tmp_path: Path, value: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.r2i.check]\ntarget = {value}\n", encoding="utf-8")

    with pytest.raises(InvalidRepositoryError, match=r"`tool.r2i.check.target` is not a target"):
        settings_of(Checkout.open(tmp_path), codes=CODES)


@pytest.mark.parametrize(
    ("of_rule", "of_general", "severity", "codes"),
    [
        (BOTH, R2I_ONLY, "error", ["D900"]),
        (R2I_ONLY, R2I_ONLY, "error", ["D900"]),
        (BINDER_ONLY, R2I_ONLY, "error", ["D900", "F900"]),
        (BINDER_ONLY, BOTH, "error", ["D900", "F900"]),
        (BINDER_ONLY, R2I_ONLY, "warning", ["D900"]),
    ],
)
def test_a_general_error_is_news_for_the_target_of_which_nothing_else_is_said(
    tmp_path: Path, of_rule: Targets, of_general: Targets, severity: str, codes: list[str]
) -> None:
    found = (Finding(message="x", file="a", line=1),)
    special = Rule(code="D900", name="x", severity="error", why="", find=lambda _: found, targets=of_rule)
    general = Rule(
        code="F900",
        name="y",
        severity="error" if severity == "error" else "warning",
        why="",
        find=lambda _: found,
        targets=of_general,
        general=True,
    )
    report = check(subject(tmp_path, {"a": "x\n"}), (special, general))

    assert [one.rule.code for one in report.findings] == codes


@pytest.mark.parametrize(
    ("files", "python"),
    [
        ({"requirements.txt": ""}, "3.10"),
        ({"requirements.txt": "", "runtime.txt": "python-3.12"}, "3.12"),
        ({"environment.yml": "dependencies: [python=3.9]"}, "3.9"),
        ({"environment.yml": "dependencies: [python=3]"}, "3.10"),
        ({"environment.yml": "dependencies: [numpy]"}, "3.10"),
        ({"environment.yml": "dependencies: ['python>=3.11']"}, None),
        ({"environment.yml": "dependencies: ['conda-forge::python=3.11']"}, None),
        ({"environment.yml": "dependencies: [python-graphviz=0.20]"}, "3.10"),
        ({"DESCRIPTION": "Package: x\n", "environment.yml": "dependencies: [python=3.9]"}, None),
        ({"requirements.txt": "", "runtime.txt": "python-3.9.5"}, None),
        ({"Dockerfile": "FROM scratch\n"}, None),
    ],
)
def test_the_python_of_binder_where_it_is_certain(
    tmp_path: Path, files: Mapping[str, str], python: str | None
) -> None:
    assert python_of_binder(subject(tmp_path, files)) == python


PROJECT = '[project]\nname = "x"\nversion = "1"\ndependencies = ["six"]\n'
SYSTEM = '[build-system]\nrequires = ["setuptools"]\n'


@pytest.mark.parametrize(
    ("files", "path", "read"),
    [
        ({"requirements.txt": "-r more.txt\n", "more.txt": "six\n"}, "requirements.txt", True),
        ({"requirements.txt": "-r more.txt\n", "more.txt": "six\n"}, "more.txt", True),
        ({"binder/requirements.txt": "", "requirements.txt": ""}, "requirements.txt", False),
        ({"pyproject.toml": PROJECT}, "pyproject.toml", False),
        ({"pyproject.toml": PROJECT + SYSTEM}, "pyproject.toml", True),
        ({"pyproject.toml": PROJECT + SYSTEM, "binder/requirements.txt": ""}, "pyproject.toml", False),
        ({"install.R": "1\n", "requirements.txt": ""}, "install.R", False),
        ({"install.R": "1\n", "runtime.txt": "r-4.4-2024-10-31"}, "install.R", True),
        ({"requirements.txt": "", "a.ipynb": "{}"}, "a.ipynb", True),
        ({"requirements.txt": "", "runtime.txt": "python-3.12", "Pipfile": ""}, "requirements.txt", False),
    ],
)
def test_which_files_binder_installs_from(
    tmp_path: Path, files: Mapping[str, str], path: str, *, read: bool
) -> None:
    assert is_read(subject(tmp_path, files), path) == read
