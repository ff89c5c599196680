"""For people: a file and what is wrong with it, by line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import click

from r2i.check.findings import Report, Reported, Severity
from r2i.quoting import printable

COLOURS: dict[Severity, str] = {"error": "red", "warning": "yellow", "info": "cyan"}


def to_text(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    for file, reported in groupby(report.findings, key=lambda one: one.finding.file):
        yield click.style(printable(file or "The repository"), bold=True)
        for one in reported:
            yield from _finding(one)
        yield ""
    if report.hermeticity:
        yield report.hermeticity
    yield _summary(report)


def _finding(reported: Reported) -> Iterator[str]:
    finding, rule = reported.finding, reported.rule
    place = f"{finding.line}" if finding.line else ""
    cell = f" (cell {finding.cell})" if finding.cell else ""
    severity = click.style(f"{rule.severity:<7}", fg=COLOURS[rule.severity])
    yield f"  {place:>5}  {severity}  {rule.code}  {printable(finding.message)}{cell}"
    if finding.hint:
        yield f"{'':24}{click.style('Hint:', dim=True)} {printable(finding.hint)}"


def _summary(report: Report) -> str:
    counts = [
        f"{number} {word}{'' if number == 1 or word == 'info' else 's'}"
        for word in ("error", "warning", "info")
        if (number := report.count(word))
    ]
    fixable = sum(reported.finding.fix is not None for reported in report.findings)
    said = ", ".join(counts) if counts else click.style("Nothing to mend", fg="green")
    if fixable:
        said += f"; `--fix` mends {fixable}"
    return said + (f" ({report.suppressed} ignored)" if report.suppressed else "")
