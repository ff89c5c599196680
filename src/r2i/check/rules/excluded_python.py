"""F116: a project or a lock file that excludes the Python that the image gets, because another file names that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.check.targets import R2I_ONLY
from r2i.errors import R2iError
from r2i.formats.language_versions import place_of
from r2i.formats.requirements.specifiers import specifier_set
from r2i.model import PythonConstraint

if TYPE_CHECKING:
    from r2i.model import Python

#: More patch releases than any minor release has had.
PATCHES = 40


def _excluded(subject: Subject) -> Iterator[Finding]:
    plan, detection = subject.plan, subject.detected
    if plan is None or plan.python is None or detection is None or detection.environment is None:
        return
    environment = detection.environment
    if subject.options.python or not (environment.exact or environment.install.local):
        return  # a range that nothing obeys
    for constraint in detection.requires:
        if not _admits(constraint, plan.python):
            what = "The lock file" if environment.exact else "The project"
            where = place_of(plan.python.evidence) or plan.python.evidence.why
            yield Finding(
                message=f"{what} allows only Python `{constraint.specifier}`, and {where} requires {plan.python.version}: the installation fails",
                file=constraint.evidence.file,
                line=constraint.evidence.line,
                hint=f"Write a version that `{constraint.specifier}` allows into `{plan.python.evidence.file}`, or allow {plan.python.version}",
            )
            return


def _admits(constraint: PythonConstraint, python: Python) -> bool:
    minor = python.version
    versions = [minor] if minor.count(".") > 1 else [f"{minor}.{patch}" for patch in range(PATCHES)]
    try:
        allowed = specifier_set(constraint.specifier)
        return any(allowed.contains(version, prereleases=True) for version in versions)
    except (R2iError, ValueError):
        return True  # another rule says so


RULES = (
    Rule(
        code="F116",
        name="python-excluded",
        severity="error",
        why="The installer refuses a project, and finds no packages of a lock file, for a Python that it excludes.",
        find=_excluded,
        targets=R2I_ONLY,
    ),
)
