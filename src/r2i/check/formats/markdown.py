"""For people who read a pull request: what was found, built and run, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from r2i.check.execution.runs import DynamicReport, Level
from r2i.check.findings import Severity
from r2i.check.formats.annotations import Annotation, annotated
from r2i.check.report import Report
from r2i.quoting import markdown, markdown_block, markdown_code

#: So many are shown, and so much of each: nobody reads more in a comment.
MOST, LONGEST = 40, 600

WORDS: dict[Severity, str] = {"error": "Error", "warning": "Warning", "info": "Info"}

#: How many lines of the log of a build.
LOG = 30


def to_markdown(report: Report) -> str:
    found = [*annotated(report)]
    shown = sorted(found, key=lambda one: [*WORDS].index(one.severity))[:MOST]
    if report.dynamic is None:
        lines = [f"**{_summary(report)}**", ""]
    else:
        lines = [f"**{_reached(report.dynamic)}**", "", f"In the files: {_summary(report).lower()}", ""]
    for one in shown:
        lines += _entry(one)
    if more := len(found) - len(shown):
        lines.append(f"- And {more:,} more: `r2i check` lists all of them")
    if report.size is not None:
        lines += ["", f"Size: {markdown(report.size.sentence)}"]
    if report.dynamic is not None and report.dynamic.image is None:
        lines += _log(report.dynamic)
    return "\n".join(lines).rstrip() + "\n"


def _summary(report: Report) -> str:
    counts = [
        f"{number:,} {word}{'' if number == 1 or word == 'info' else 's'}"
        for word in WORDS
        if (number := report.count(word))
    ]
    text = ", ".join(counts) or "No findings"
    return f"{text} ({report.suppressed} ignored)" if report.suppressed else text


def _reached(dynamic: DynamicReport) -> str:
    """How far it comes, and how far it should."""
    reached, asked = dynamic.reached, dynamic.asked
    if reached is None:
        return f"Does not reach {Level.L0.name}: the build failed"
    comes = f"Reaches {reached.name} ({reached.meaning})"
    return comes if dynamic.ok else f"{comes}, not {asked.name} ({asked.meaning})"


def _entry(one: Annotation) -> Iterator[str]:
    code = markdown_code(one.code)
    name = f"[{code}]({one.page})" if one.page else code if one.code else ""
    words = " ".join(filter(None, (WORDS[one.severity], name, markdown(one.title))))
    yield f"- {words}, {markdown_code(f'{one.file}:{one.line}')}" if one.file is not None else f"- {words}"
    for line in one.text.splitlines():
        yield f"  <br>{markdown(line if len(line) <= LONGEST else f'{line[:LONGEST]}…')}"


def _log(dynamic: DynamicReport) -> Iterator[str]:
    lines = dynamic.build.log[-LOG:]
    if lines:
        yield ""
        yield "<details><summary>End of the log</summary>"
        yield ""
        yield markdown_block(line[:LONGEST] for line in lines)
        yield "</details>"
