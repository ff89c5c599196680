"""For GitHub Actions: commands that put each finding on its line of the change.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator

from r2i.check.findings import Report, Reported, Severity
from r2i.check.runs import DynamicReport, Level
from r2i.quoting import printable

COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def to_github(report: Report) -> str:
    commands = [_command(report, reported) for reported in report.findings]
    if report.dynamic is not None:
        commands += _notebooks(report, report.dynamic)
    return "".join(f"{command}\n" for command in commands)


def _notebooks(report: Report, dynamic: DynamicReport) -> Iterator[str]:
    """An error for each notebook that does not come to the level that is asked for, and why."""
    if dynamic.image is None:
        yield f"::error title=L0 {_property(Level.L0.meaning)}::{_data(dynamic.build.message)}"
    for run in dynamic.runs:
        if run.failure is None or run.passed(dynamic.asked):
            continue
        causes = dynamic.causes.get(run.path, ())
        said = [run.failure.message]
        for cause in causes:
            said += [text for text in (cause.message, cause.change, cause.hint) if text]
        title = causes[0].code if causes else run.failure.kind
        properties = f"file={_property(report.prefix + run.path)},line={dynamic.lines.get(run.path, 1)},title={_property(title)}"
        cell = f" (cell {run.failure.cell})" if run.failure.cell else ""
        text = "\n".join(said)
        yield f"::error {properties}::{_data(f'{text}{cell}')}"


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
