"""For GitHub Actions: commands that put each finding on its line of the change.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator

from r2i.check.execution.runs import NOTHING_TO_RUN, DynamicReport, FailureKind, Level, NotebookRun
from r2i.check.findings import Reported, Severity
from r2i.check.report import Report
from r2i.quoting import printable, without_commands

COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}

#: What failed, where no exception has a name for it.
KINDS: dict[FailureKind, str] = {
    "error": "the cell fails",
    "timeout": "the cell takes too long",
    "dead-kernel": "the kernel died",
    "out-of-memory": "out of memory",
    "missing-kernel": "no such kernel",
    "import": "the import fails",
    "unreadable": "unreadable notebook",
    "no-answer": "the notebook could not be run",
}


def to_github(report: Report) -> str:
    commands = [_command(report, reported) for reported in report.findings]
    if report.dynamic is not None:
        commands += _ran(report, report.dynamic)
    if report.unfinished is not None:
        commands.append(f"::error title=The build or run did not finish::{_data(report.unfinished)}")
    return "".join(f"{command}\n" for command in commands)


def _ran(report: Report, dynamic: DynamicReport) -> Iterator[str]:
    """An error for whatever keeps it from the level that is asked for, and why."""
    if dynamic.image is None:
        yield _of_level("error", Level.L0, dynamic.build.message)
    if dynamic.asked >= Level.L1:
        if dynamic.server is not None and not dynamic.server.ok:
            yield _of_level("error", Level.L1, dynamic.server.message)
        for kernel in dynamic.kernels:
            if not kernel.ok:
                yield _of_level(
                    "error", Level.L1, f"The kernel `{kernel.name}` does not start: {kernel.message}"
                )
    if dynamic.nothing_to_run:
        yield _of_level("warning", max(dynamic.asked, Level.L2), NOTHING_TO_RUN)
    for run in dynamic.runs:
        if not run.passed(dynamic.asked):
            yield _notebook(report, run, dynamic)


def _of_level(command: str, level: Level, message: str) -> str:
    return f"::{command} title={_property(f'{level.name} {level.meaning}')}::{_data(message)}"


def _notebook(report: Report, run: NotebookRun, dynamic: DynamicReport) -> str:
    causes = dynamic.causes.get(run.path, ())
    if run.failure is None:
        title = f"{dynamic.asked.name} {dynamic.asked.meaning}"
        text = "\n".join(f"cell {one.cell}, {one.what}: {one.message}" for one in run.mismatches)
    else:
        title = causes[0].code if causes else run.failure.error_name or KINDS[run.failure.kind]
        said = [run.failure.message]
        for cause in causes:
            said += [words for words in (cause.message, cause.change, cause.hint) if words]
        text = "\n".join(said) + (f" (cell {run.failure.cell})" if run.failure.cell else "")
    place = f"file={_property(report.prefix + run.path)},line={dynamic.lines.get(run.path, 1)}"
    return f"::error {place},title={_property(title)}::{_data(text)}"


def _command(report: Report, reported: Reported) -> str:
    rule, finding = reported.rule, reported.finding
    only = f" ({reported.limited})" if reported.limited else ""
    properties = {"title": f"{rule.code} {rule.name}{only}"}
    if finding.file is not None:
        properties = {"file": report.prefix + finding.file, "line": str(finding.line or 1), **properties}
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    cell = f" (cell {finding.cell})" if finding.cell else ""
    hint = f"\n{finding.hint}" if finding.hint else ""
    return f"::{COMMANDS[reported.severity]} {said}::{_data(f'{finding.message}{cell}{hint}')}"


def _data(text: str) -> str:
    """As GitHub's own toolkit escapes it: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return without_commands(printable(escaped))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
