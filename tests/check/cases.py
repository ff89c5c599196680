"""The repositories in `fixtures/checks`: each with what the static check must find, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from r2i.check.checking import check
from r2i.check.git_facts import git_facts
from r2i.check.report import Report
from r2i.check.rules import CODES
from r2i.check.settings import settings_of
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.edits.applying import combined, diff
from r2i.model import Options
from r2i.sources.git_program import looking_git

CHECKS = Path(__file__).parents[1] / "fixtures" / "checks"

GIT = (
    "git",
    "-c",
    "user.name=A",
    "-c",
    "user.email=a@b",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "commit.gpgsign=false",
)


@dataclass(frozen=True, kw_only=True)
class CheckCase:
    """`case.toml`: with `git` the directory becomes a work tree of which all but what it ignores is committed.

    `uncommitted` are files that are there and not in git, `executable` those that have the bit in the index, `remote` is the
    address of `origin`, `options` are those of `r2i check` in Python's spelling. `large` are files of nothing, with their
    sizes in bytes, `submodules` directories of git's that were not fetched, `date` is that of the last commit. What is checked is the directory `below`.
    """

    name: str
    git: bool = False
    uncommitted: list[str] = field(default_factory=list)
    executable: list[str] = field(default_factory=list)
    remote: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    large: dict[str, int] = field(default_factory=dict)
    submodules: list[str] = field(default_factory=list)
    below: str = ""
    date: str | None = None

    @property
    def directory(self) -> Path:
        return CHECKS / self.name


def check_case(name: str) -> CheckCase:
    """Read a case; a key that `case.toml` does not know is an error."""
    file = CHECKS / name / "case.toml"
    given = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if unknown := given.keys() - ({f.name for f in fields(CheckCase)} - {"name"}):
        raise ValueError(f"{file}: unknown keys {sorted(unknown)}")
    return CheckCase(name=name, **given)


def all_check_cases() -> list[CheckCase]:
    return [check_case(path.name) for path in sorted(CHECKS.iterdir()) if path.is_dir()]


def laid_out(case: CheckCase, directory: Path) -> Path:
    """A copy of the case's repository; the directory of it that is checked."""
    repo = directory / "repo"
    shutil.copytree(case.directory / "repo", repo, symlinks=True)
    for file, size in case.large.items():
        (repo / file).touch()
        os.truncate(repo / file, size)
    for file in case.executable:
        (repo / file).chmod(0o755)
    if case.git:
        for command in (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", "--all"),
            *(("rm", "--quiet", "--cached", file) for file in case.uncommitted),
            *(
                ("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")
                for path in case.submodules
            ),
            ("commit", "--quiet", "--allow-empty", "--message=x"),
            *([("remote", "add", "origin", case.remote)] if case.remote else []),
        ):
            subprocess.run([*GIT, *command], cwd=repo, check=True, capture_output=True)
    return repo / case.below


def subject_of(case: CheckCase, repo: Path) -> Subject:
    checkout = Checkout.open(repo, date=case.date)
    git = git_facts(
        checkout, looking_git({"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, checkout.root)
    )
    return Subject(
        checkout=checkout,
        options=Options(**case.options),
        git=git if case.git else None,
        settings=settings_of(checkout, codes=CODES),
    )


def golden_files(case: CheckCase, directory: Path) -> dict[str, str]:
    """`expected.txt`: a line for each finding; `fixed.diff`: what `--fix` does, where it does something."""
    subject = subject_of(case, laid_out(case, directory))
    report = check(subject)
    changes = combined(subject.checkout, (one.finding.fix for one in report.findings if one.finding.fix))
    files = {"expected.txt": shown(report)}
    if changes.applied:
        titles = [f"# {fix.title}" for fix in changes.applied]
        files["fixed.diff"] = "\n".join([*titles, *diff(changes)]) + "\n"
    return files


def shown(report: Report) -> str:
    lines = []
    for one in report.findings:
        finding = one.finding
        cell = f" (cell {finding.cell})" if finding.cell else ""
        only = f" ({one.limited})" if one.limited else ""
        less = f" ({finding.severity})" if finding.severity else ""
        lines.append(
            f"{finding.file or '-'}:{finding.line or '-'}: {one.rule.code}{only}{less} {finding.message}{cell}"
        )
        if finding.hint:
            lines.append(f"    {finding.hint}")
    return "".join(f"{line}\n" for line in lines)
