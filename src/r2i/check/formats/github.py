"""For GitHub Actions: commands that put each finding on its line of the change.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from r2i.check.findings import Severity
from r2i.check.formats.annotations import Annotation, annotated
from r2i.check.report import Report
from r2i.quoting import printable, without_commands

COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def to_github(report: Report) -> str:
    return "".join(f"{_command(one)}\n" for one in annotated(report))


def _command(one: Annotation) -> str:
    properties = {"title": one.heading}
    if one.file is not None:
        properties = {"file": one.file, "line": str(one.line), **properties}
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{COMMANDS[one.severity]} {said}::{_data(one.text)}"


def _data(text: str) -> str:
    """As GitHub's own toolkit escapes it: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return without_commands(printable(escaped))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
