"""F1: which files count, and whether r2i and Binder can read them."""

from __future__ import annotations

from collections.abc import Iterator

from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.errors import R2iError


def _cannot_be_planned(subject: Subject) -> Iterator[Finding]:
    error = subject.planned
    if isinstance(error, R2iError):
        yield Finding(message=error.message, file=error.file, line=error.line, hint=error.hint)


RULES = (
    Rule(
        code="F101",
        name="cannot-be-planned",
        severity="error",
        why="r2i refuses to build it, and Binder most likely fails.",
        find=_cannot_be_planned,
    ),
)
