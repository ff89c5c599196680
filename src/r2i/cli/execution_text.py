"""For people: which level a repository reaches, and what keeps it from the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from r2i.check.execution.outputs import text_of
from r2i.check.execution.runs import NOTHING_TO_RUN, DynamicReport, Failure, Level, NotebookRun
from r2i.check.wording import in_short
from r2i.cli.progress.board import duration
from r2i.quoting import printable

if TYPE_CHECKING:
    from rich.text import Text

    from r2i.check.execution.runs import Cause

MARKS = {"passed": ("✓", "green"), "failed": ("✗", "bold red"), "skipped": ("-", "dim")}

#: How many lines of a cell, how many of what the kernel said of it last, how many frames of a traceback, and how many lines
#: of what a program wrote.
SOURCE, TRACEBACK, FRAMES, WRITTEN = 12, 12, 3, 6

#: It says that a program failed; why stands on stderr.
OF_A_PROGRAM = "CalledProcessError"

WIDEST_PATH = 60


def lines(report: DynamicReport) -> Iterator[tuple[Text, int]]:
    """Texts, and how far they are indented."""
    from rich.text import Text

    for level in Level:
        mark, style = MARKS[report.status(level)]
        text = Text.assemble((mark, style), f" {level.name}  {level.meaning}")
        text.append(f"  {_detail(report, level)}", "dim")
        yield text, 0
    yield from ((Text.assemble(("Note: ", "dim"), printable(said)), 0) for said in report.notes)
    if report.build.image is None:
        yield from ((Text(printable(line), "dim"), 4) for line in report.build.log[-TRACEBACK:])
        yield from _said(report.build.message, report.build.hint)
    if report.server is not None and not report.server.ok:
        yield from _said(report.server.message, None)
        yield from ((Text(printable(line), "dim"), 6) for line in report.server.log)
    for kernel in report.kernels:
        if not kernel.ok:
            yield from _said(f"The kernel `{kernel.name}` does not start: {kernel.message}", None)
    yield from _table(report)
    for run in report.runs:
        yield from _notebook(run, report.causes.get(run.path, ()), compared=report.asked >= Level.L4)
    if report.runs:
        yield Text(), 0
    yield _verdict(report), 0


def _detail(report: DynamicReport, level: Level) -> str:
    if level > report.tried or (level > Level.L0 and report.image is None):
        return ""
    if level == Level.L0:
        return f"{report.build.image or ''} {duration(report.build.seconds)}".strip()
    if level == Level.L1:
        return printable(", ".join(kernel.name for kernel in report.kernels))
    if not report.runs:
        return ""
    passed = sum(run.passed(level) for run in report.runs)
    return f"{passed} of {len(report.runs)} notebooks"


def _table(report: DynamicReport) -> Iterator[tuple[Text, int]]:
    """The highest level of each notebook, its time, its memory, and in a word why it comes no further."""
    from rich.text import Text

    width = max((len(printable(run.path)) for run in report.runs), default=0)
    for run in report.runs:
        reached = [level for level in Level if level >= Level.L2 and run.passed(level)]
        status = run.statuses.get(min(max(report.asked, Level.L2), report.tried), "skipped")
        mark, style = MARKS["failed" if status == "failed" or run.failure else "passed"]
        memory = f"{run.peak_memory / 1e6:.0f} MB" if run.peak_memory else ""
        text = Text.assemble((mark, style), f" {printable(run.path):<{min(width, WIDEST_PATH)}}  ")
        text.append(
            f"{reached[-1].name if reached else 'L1'}  {duration(run.seconds):>7}  {memory:>8}", "dim"
        )
        causes = report.causes.get(run.path, ())
        yield text.append(f"  {causes[0].code}" if causes else "", "dim"), 2


def _notebook(run: NotebookRun, causes: Iterable[Cause], *, compared: bool) -> Iterator[tuple[Text, int]]:
    """The cell, what was said of it, why, and every import; nothing of a notebook without a word to say of it."""
    from rich.text import Text

    mismatches = run.mismatches if compared else ()
    if run.failure is None and not mismatches and not _worth(run):
        return
    mark, style = MARKS["failed" if run.failure or mismatches else "passed"]
    yield Text(), 0
    cell = f"  cell {run.failure.cell}" if run.failure and run.failure.cell else ""
    yield Text.assemble((mark, style), " ", (printable(run.path), "bold"), cell), 0
    if run.failure is not None:
        # A hint of the cause knows more of the repository.
        failure = run.failure if not causes else replace(run.failure, hint=None)
        yield from _failure(failure, written=_written(run))
    for cause in causes:
        yield from _cause(cause)
    for one in () if causes else run.failed_imports:
        yield (
            Text(
                printable(
                    f"`{one.statement}` (cell {one.cell}) fails: {in_short(one.error_name, one.error_value)}"
                )
            ),
            4,
        )
    for mismatch in mismatches:
        yield Text(printable(f"cell {mismatch.cell}, {mismatch.what}: {mismatch.message}")), 4
        yield from _differing(mismatch.stored, "- ", "red")
        yield from _differing(mismatch.produced, "+ ", "green")
    for said in _worth(run):
        yield Text.assemble(("Note: ", "dim"), printable(said)), 4


def _worth(run: NotebookRun) -> tuple[str, ...]:
    """That nothing is stored is no news where nobody asked for a comparison."""
    return tuple(said for said in run.notes if "outputs" not in said)


def _written(run: NotebookRun) -> list[str]:
    """What a program that the failing cell started wrote last on stderr."""
    failure = run.failure
    if failure is None or failure.error_name != OF_A_PROGRAM:
        return []
    outputs = [output for cell in run.cells if cell.number == failure.cell for output in cell.outputs]
    said = "".join(text_of(output.get("text")) for output in outputs if output.get("name") == "stderr")
    return said.splitlines()[-WRITTEN:]


def _failure(failure: Failure, *, written: Iterable[str]) -> Iterator[tuple[Text, int]]:
    from rich.text import Text

    source = failure.source.rstrip().split("\n") if failure.source else []
    for number, line in enumerate(source[:SOURCE], 1):
        raised = number == failure.line
        yield Text.assemble(("> " if raised else "| ", "red" if raised else "dim"), printable(line)), 4
    if len(source) > SOURCE:
        yield Text(f"| … {len(source) - SOURCE} more lines", "dim"), 4
    yield from ((Text(printable(line), "dim"), 4) for line in (*_last(failure), *written))
    yield from _said(failure.message, failure.hint)


def _last(failure: Failure) -> Iterable[str]:
    """What the kernel said last; of an error, in which libraries it was raised."""
    if failure.kind != "error":
        return failure.traceback[-TRACEBACK:]
    frames = [line for line in failure.traceback if line.startswith("File ")]
    return [line.partition("(")[0] for line in frames[-FRAMES:]]


def _cause(cause: Cause) -> Iterator[tuple[Text, int]]:
    from rich.text import Text

    yield Text.assemble(("Cause: ", "bold"), printable(cause.message), (f" ({cause.code})", "dim")), 4
    if cause.change:
        place = f"{cause.file}:{cause.line}: " if cause.file and cause.line else ""
        yield Text.assemble(("Change: ", "green"), printable(f"{place}{cause.change}")), 4
    if cause.hint:
        yield Text.assemble(("Or: " if cause.change else "Hint: ", "dim"), printable(cause.hint)), 4


def _said(message: str, hint: str | None) -> Iterator[tuple[Text, int]]:
    from rich.text import Text

    yield Text(printable(message), "red"), 4
    if hint:
        yield Text.assemble(("Hint: ", "dim"), printable(hint)), 4


def _differing(text: str, sign: str, style: str) -> Iterator[tuple[Text, int]]:
    from rich.text import Text

    for line in text.split("\n")[:3] if text else ():
        yield Text(printable(f"{sign}{line}"), style), 6


def _verdict(report: DynamicReport) -> Text:
    from rich.text import Text

    reached = "no level" if report.reached is None else report.reached.name
    if report.ok and report.nothing_to_run:
        return Text(f"Reached {reached}. {NOTHING_TO_RUN}", "yellow")
    if report.ok:
        return Text(f"Reached {reached}", "green")
    return Text(f"Reached {reached}, but {report.asked.name} was required", "bold red")
