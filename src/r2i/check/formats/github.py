"""For GitHub Actions: commands that put each finding on its line of the change.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from r2i.check.findings import Report, Reported, Severity
from r2i.quoting import printable

COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def to_github(report: Report) -> str:
    return "".join(f"{_command(report, reported)}\n" for reported in report.findings)


def _command(report: Report, reported: Reported) -> str:
    rule, finding = reported.rule, reported.finding
    properties = {"title": f"{rule.code} {rule.name}"}
    if finding.file is not None:
        properties = {"file": report.prefix + finding.file, "line": str(finding.line or 1), **properties}
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    cell = f" (cell {finding.cell})" if finding.cell else ""
    hint = f"\n{finding.hint}" if finding.hint else ""
    return f"::{COMMANDS[rule.severity]} {said}::{_data(f'{finding.message}{cell}{hint}')}"


def _data(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(escaped)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
