"""For CI systems: JUnit's XML of what was built and run, a test case for each level of the repository and of each notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from r2i.check.execution.runs import NOTHING_TO_RUN, Cause, DynamicReport, Level, NotebookRun, Status
from r2i.quoting import printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: How much of a traceback, in lines: its end.
TRACEBACK = 60


def execution_suites(report: DynamicReport) -> Iterator[Element]:
    """One of the repository, and one of each notebook."""
    own = [
        _case("r2i.check", level, report.status(level), report.asked, seconds=_seconds(report, level))
        for level in (Level.L0, Level.L1)
    ]
    _explain(own[0], report.build.message, (report.build.hint, *report.build.log))
    trouble = [
        f"The kernel {kernel.name} does not start: {kernel.message}"
        for kernel in report.kernels
        if not kernel.ok
    ]
    server = report.server
    trouble += [server.message] if server is not None and not server.ok else []
    _explain(own[1], "; ".join(trouble), server.log if server else ())
    if report.nothing_to_run:
        own.append(_case("r2i.check", max(report.asked, Level.L2), "skipped", report.asked, seconds=0))
        own[-1][0].set("message", NOTHING_TO_RUN)
    yield _suite("r2i check: the image", own)
    for run in report.runs:
        yield _suite(f"r2i check: {run.path}", _cases(run, report))


def _cases(run: NotebookRun, report: DynamicReport) -> list[Element]:
    """The whole time is that of the first level: all others are seen in the same run."""
    levels = [level for level in Level if level in run.statuses]
    cases = []
    for level in levels:
        seconds = run.seconds if level == levels[0] else 0
        case = _case(run.path, level, run.statuses[level], report.asked, seconds=seconds)
        if level == Level.L4:
            _explain(
                case,
                "; ".join(f"cell {one.cell}: {one.message}" for one in run.mismatches),
                _differences(run),
            )
        else:
            causes = report.causes.get(run.path, ())
            message = causes[0].message if causes else run.failure.message if run.failure else ""
            _explain(case, message, _lines(run, causes))
        cases.append(case)
    return cases


def _case(name: str, level: Level, status: Status, asked: Level, *, seconds: float) -> Element:
    """A level beyond the one that is asked for does not fail: what keeps it from passing is only said."""
    from xml.etree.ElementTree import Element, SubElement

    case = Element(
        "testcase", classname=_clean(name), name=f"{level.name} {level.meaning}", time=f"{seconds:.3f}"
    )
    if status == "failed":
        SubElement(case, "failure" if level <= asked else "system-out")
    elif status == "skipped":
        SubElement(case, "skipped")
    return case


def _explain(case: Element, message: str, lines: Iterable[str | None]) -> None:
    for element in case:
        if element.tag != "skipped":
            element.text = "\n".join(_clean(line) for line in (message, *lines) if line)
        if element.tag == "failure":
            element.set("message", _clean(message) or "It failed")


def _lines(run: NotebookRun, causes: Iterable[Cause]) -> Iterator[str]:
    for cause in causes:
        place = f"{cause.file}:{cause.line}: " if cause.file and cause.line else ""
        yield f"{cause.code}: {cause.message}"
        yield from (
            f"  {said}" for said in (place + cause.change if cause.change else None, cause.hint) if said
        )
    if run.failure is not None:
        if run.failure.cell:
            yield f"Cell {run.failure.cell}:"
        yield from (f"  {line}" for line in run.failure.source.split("\n"))
        yield from run.failure.traceback[-TRACEBACK:]


def _differences(run: NotebookRun) -> Iterator[str]:
    for one in run.mismatches:
        yield f"Cell {one.cell}, {one.what}: {one.message}"
        yield from (f"- {line}" for line in one.stored.split("\n") if one.stored)
        yield from (f"+ {line}" for line in one.produced.split("\n") if one.produced)


def _suite(name: str, cases: list[Element]) -> Element:
    from xml.etree.ElementTree import Element

    counts = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "skipped")}
    suite = Element(
        "testsuite",
        name=_clean(name),
        tests=str(len(cases)),
        failures=str(counts["failure"]),
        errors="0",
        skipped=str(counts["skipped"]),
    )
    suite.extend(cases)
    return suite


def _seconds(report: DynamicReport, level: Level) -> float:
    if level == Level.L0:
        return report.build.seconds
    return (report.server.seconds if report.server else 0) + sum(kernel.seconds for kernel in report.kernels)


def _clean(text: str) -> str:
    """No character that XML cannot hold."""
    return "\n".join(printable(line) for line in text.split("\n"))
