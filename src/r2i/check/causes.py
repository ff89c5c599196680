"""Why notebooks failed, and the smallest change of the repository that mends it, where the tables know one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from r2i.check.findings import Fix
from r2i.check.look_ups import LookUps
from r2i.check.mending import fix_for, in_words, place_of
from r2i.check.runs import DynamicReport, NotebookRun
from r2i.check.subject import Subject
from r2i.diagnosis import diagnose
from r2i.diagnosis.rules import rules
from r2i.model import Change, Diagnosis
from r2i.pins import pythons

TABLE = "notebooks.toml"

#: What is read of what a failing cell wrote, in characters: its end.
MAX_TEXT = 60_000

#: A notebook that lacks everything lacks its first modules, too.
MAX_CAUSES = 20


@dataclass(frozen=True, kw_only=True)
class Cause:
    """`code` is stable (docs/diagnosis.md), `evidence` the line that shows it; `message` is a sentence without a full stop.

    `change` says in words what mends it, and `fix` is that as a change of the user's files, the last of which is at
    `file` and `line`. `hint` is another way, or the only one. `options` are those with which another check may do better.
    """

    code: str
    message: str
    evidence: str
    change: str | None = None
    hint: str | None = None
    fix: Fix | None = None
    file: str | None = None
    line: int | None = None
    options: tuple[Change, ...] = ()


def causes(subject: Subject, report: DynamicReport, *, network: bool) -> Mapping[str, tuple[Cause, ...]]:
    """By the path of the notebook; those of which no cause is known have none."""
    found = {run.path: tuple(causes_of(subject, run, network=network)) for run in report.runs}
    return {path: of_run for path, of_run in found.items() if of_run}


def lines(subject: Subject, report: DynamicReport) -> Mapping[str, int]:
    """By the path of the notebook, the line of its file in which it failed, or gave something else than is stored."""
    notebooks = {notebook.path: notebook for notebook in subject.notebooks}
    found = {}
    for run in report.runs:
        notebook = notebooks.get(run.path)
        number = run.failure.cell if run.failure else next((one.cell for one in run.mismatches), None)
        cell = next((one for one in notebook.cells if one.number == number), None) if notebook else None
        if notebook is not None and cell is not None:
            line = run.failure.line if run.failure else None
            found[run.path] = subject.line_of(notebook, cell, line or 1)
    return found


def causes_of(subject: Subject, run: NotebookRun, *, network: bool) -> Iterator[Cause]:
    """That of its failure first, then those of further imports that fail."""
    seen: set[tuple[str, str]] = set()
    for cell, source, lines in _texts(run):
        look_ups = LookUps(subject=subject, notebook=run.path, cell=cell, source=source, network=network)
        found = _diagnosed(lines, subject, look_ups)
        if found is not None and (found.cause, found.message) not in seen and len(seen) < MAX_CAUSES:
            seen.add((found.cause, found.message))
            yield _cause(subject, found)


def _texts(run: NotebookRun) -> Iterator[tuple[int | None, str, list[str]]]:
    failure = run.failure
    if failure is not None:
        printed = (
            line for cell in run.cells if cell.number == failure.cell for line in _printed(cell.outputs)
        )
        said = failure.traceback or (f"{failure.error_name}: {failure.error_value}",)
        ended = () if failure.kind in ("error", "import") else (f"r2i: {failure.kind}: {failure.message}",)
        yield failure.cell, failure.source, [*printed, *said, *ended]
    for failed in run.failed_imports:
        yield failed.cell, failed.statement, [f"{failed.error_name}: {failed.error_value}"]


def _printed(outputs: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """What the cell wrote before it failed: a shell's complaint stands there."""
    for output in outputs:
        if output.get("output_type") == "stream":
            yield from str(output.get("text", "")).splitlines()[-100:]


def _diagnosed(lines: Iterable[str], subject: Subject, look_ups: LookUps) -> Diagnosis | None:
    plan = subject.plan
    return diagnose(
        "\n".join(lines)[-MAX_TEXT:].split("\n"),
        pythons=tuple(pythons()),
        current=".".join(plan.python.version.split(".")[:2]) if plan and plan.python else None,
        table=rules(TABLE),
        look_ups=look_ups.table(),
        values={"notebook": look_ups.notebook},
    )


def _cause(subject: Subject, found: Diagnosis) -> Cause:
    plan = subject.plan
    dated = plan is not None and plan.as_of is not None
    changes = [change for change in found.changes if not (dated and change.option == "as-of")]
    first = changes[0] if changes else None
    fix = fix_for(subject, first) if first else None
    file, line = place_of(subject, fix) if fix else (None, None)
    return Cause(
        code=found.cause,
        message=found.message,
        evidence=found.evidence,
        change=fix.title if fix else in_words(subject, first) if first else None,
        hint=found.hint,
        fix=fix,
        file=file,
        line=line,
        options=tuple(change for change in changes if change.arguments),
    )
