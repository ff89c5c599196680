"""Why notebooks failed, and the smallest change of the repository that mends it, where the tables know one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from r2i.check.execution.look_ups import LookUps
from r2i.check.execution.mending import fix_for, in_words, place_of
from r2i.check.execution.runs import Cause, DynamicReport, Failure, NotebookRun
from r2i.check.subject import Subject
from r2i.diagnosis import diagnose
from r2i.diagnosis.rules import rules
from r2i.facts.pins import pythons
from r2i.formats.language_versions import minor_of
from r2i.model import Diagnosis

TABLE = "notebooks.toml"

#: What is read of what a failing cell wrote, in characters: its end.
MAX_TEXT = 60_000

#: A notebook that lacks everything lacks its first modules, too.
MAX_CAUSES = 20

#: Notes and warnings of TensorFlow and absl, which name what they do without.
WARNING = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*: [IW] |[IW]\d{4} \d\d:\d\d:\d\d|WARNING:")

#: What `python -m` says before it ends, and Python 2 in an exception.
NOT_FOUND = re.compile(
    r"^(?:\S*python\S*: (?:Error while finding module specification for .* \(\w+: )?|(?:ModuleNotFound|Import)Error: )"
    r"No module named ['\"]?(?P<module>\w[\w.]*)['\"]?\)?$"
)


def causes(subject: Subject, report: DynamicReport, *, network: bool) -> Mapping[str, tuple[Cause, ...]]:
    """By the path of the notebook; those of which no cause is known have none."""
    found = {run.path: tuple(causes_of(subject, run, network=network)) for run in report.runs}
    return {path: of_run for path, of_run in found.items() if of_run}


def kernel_notes(subject: Subject, report: DynamicReport) -> Iterator[str]:
    """Why kernels do not start that no notebook has tried; of the others, the notebooks tell."""
    tried = {run.kernel for run in report.runs}
    for kernel in report.kernels:
        if kernel.ok or kernel.name in tried:
            continue
        failure = Failure(
            kind="dead-kernel", message=kernel.message, traceback=(*kernel.message.split("; "),)
        )
        run = NotebookRun(path="", kernel=kernel.name, failure=failure)
        cause = next(causes_of(subject, run, network=True), None)
        if cause is not None and cause.code not in ("kernel-died", "no-answer"):
            yield f"The kernel `{kernel.name}`: {cause.message} ({cause.code}). {cause.change or cause.hint}"


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
    for cell, source, texts in _texts(run):
        look_ups = LookUps(subject=subject, notebook=run.path, cell=cell, source=source, network=network)
        diagnoses = (_diagnosed(text, subject, look_ups) for text in texts)
        found = next((one for one in diagnoses if one is not None), None)
        if found is not None and (found.cause, found.message) not in seen and len(seen) < MAX_CAUSES:
            seen.add((found.cause, found.message))
            yield _cause(subject, found)


def _texts(run: NotebookRun) -> Iterator[tuple[int | None, str, list[list[str]]]]:
    """What may tell the cause of each failure: the next text counts where no cause is known for the one before.

    What ended the cell decides, and other output only after it: warnings name libraries that nobody needs.
    """
    failure = run.failure
    if failure is not None:
        printed = [
            line for cell in run.cells if cell.number == failure.cell for line in _printed(cell.outputs)
        ]
        said = [*failure.traceback] or [f"{failure.error_name}: {failure.error_value}"]
        if failure.kind in ("error", "import"):
            texts = [_last_exception(said), said, [*printed, *said]]
        else:
            said = [_as_exception(line) for line in said if not WARNING.match(line)]
            ended = f"r2i: {failure.kind}: {failure.message}"
            # A kernel writes its exception past Jupyter.
            texts = [said, [*said, ended]] if failure.kind == "dead-kernel" else [[*printed, *said, ended]]
        yield failure.cell, failure.source, texts
    for failed in run.failed_imports:
        yield failed.cell, failed.statement, [[f"{failed.error_name}: {failed.error_value}"]]


def _last_exception(traceback: list[str]) -> list[str]:
    """Without those that were raised before it, and handled."""
    at = max(
        (n for n, line in enumerate(traceback) if "During handling of the above exception" in line),
        default=-1,
    )
    return traceback[at + 1 :]


def _as_exception(line: str) -> str:
    """What `python -m` says of a module, as an exception says it."""
    return NOT_FOUND.sub(r"ModuleNotFoundError: No module named '\g<module>'", line)


def _printed(outputs: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """What the cell wrote before it failed: a shell's complaint stands there."""
    for output in outputs:
        if output.get("output_type") == "stream":
            lines = str(output.get("text", "")).splitlines()[-100:]
            yield from (line for line in lines if not WARNING.match(line))


def _diagnosed(lines: Iterable[str], subject: Subject, look_ups: LookUps) -> Diagnosis | None:
    plan = subject.plan
    return diagnose(
        "\n".join(lines)[-MAX_TEXT:].split("\n"),
        pythons=tuple(pythons()),
        current=minor_of(plan.python.version) if plan and plan.python else None,
        table=rules(TABLE),
        look_ups=look_ups.table(),
        values={"notebook": look_ups.notebook},
    )


def _cause(subject: Subject, found: Diagnosis) -> Cause:
    changes = [change for change in found.changes if change.option != "as-of" or _has_a_date(subject)]
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


def _has_a_date(subject: Subject) -> bool:
    """Whether `--as-of commit` finds a date that is not taken yet, and something that it changes."""
    plan, environment = subject.plan, subject.environment
    if plan is None or plan.as_of is not None or environment is None or environment.exact:
        return False
    git, declared = subject.git, environment.defined_by
    if not declared or (git is not None and declared in git.untracked):
        return False
    # Without git, it is the date of a published record.
    return subject.checkout.date is not None or (git is not None and bool(git.prefix))
