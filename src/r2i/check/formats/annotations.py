"""What stands in the way, one thing after another: findings, and what was built and run and failed. CI services show them at their lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from r2i.check.execution.runs import NOTHING_TO_RUN, DynamicReport, FailureKind, Level, NotebookRun
from r2i.check.findings import Reported, Severity
from r2i.check.report import Report

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


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """`code` is that of a rule, a level or a cause, `title` what follows it. `file` is relative to the top of the repository."""

    severity: Severity
    code: str
    title: str
    text: str
    file: str | None = None
    line: int | None = None
    page: str | None = None

    @property
    def heading(self) -> str:
        return f"{self.code} {self.title}".strip()


def annotated(report: Report) -> Iterator[Annotation]:
    """The findings in their order, then an error for whatever keeps the repository from the level that is asked for."""
    for reported in report.findings:
        yield _of_finding(report, reported)
    if report.dynamic is not None:
        yield from _ran(report, report.dynamic)
    if report.unfinished is not None:
        title = "The build or run did not finish"
        yield Annotation(severity="error", code="", title=title, text=report.unfinished)


def _of_finding(report: Report, reported: Reported) -> Annotation:
    rule, finding = reported.rule, reported.finding
    only = f" ({reported.limited})" if reported.limited else ""
    cell = f" (cell {finding.cell})" if finding.cell else ""
    hint = f"\n{finding.hint}" if finding.hint else ""
    return Annotation(
        severity=reported.severity,
        code=rule.code,
        title=f"{rule.name}{only}",
        text=f"{finding.message}{cell}{hint}",
        file=None if finding.file is None else report.prefix + finding.file,
        line=None if finding.file is None else finding.line or 1,
        page=rule.page,
    )


def _ran(report: Report, dynamic: DynamicReport) -> Iterator[Annotation]:
    if dynamic.image is None:
        yield _of_build(report, dynamic)
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
            yield _of_notebook(report, run, dynamic)


def _of_build(report: Report, dynamic: DynamicReport) -> Annotation:
    build = dynamic.build
    return Annotation(
        severity="error",
        code=Level.L0.name,
        title=Level.L0.meaning,
        text="\n".join(words for words in (build.message, build.hint) if words),
        file=None if build.file is None else report.prefix + build.file,
        line=None if build.file is None else build.line or 1,
    )


def _of_level(severity: Severity, level: Level, message: str) -> Annotation:
    return Annotation(severity=severity, code=level.name, title=level.meaning, text=message)


def _of_notebook(report: Report, run: NotebookRun, dynamic: DynamicReport) -> Annotation:
    causes = dynamic.causes.get(run.path, ())
    if run.failure is None:
        code, title = dynamic.asked.name, dynamic.asked.meaning
        text = "\n".join(f"cell {one.cell}, {one.what}: {one.message}" for one in run.mismatches)
    else:
        code = causes[0].code if causes else run.failure.error_name
        title = "" if code else KINDS[run.failure.kind]
        said = [run.failure.message]
        for cause in causes:
            said += [words for words in (cause.message, cause.change, cause.hint) if words]
        text = "\n".join(said) + (f" (cell {run.failure.cell})" if run.failure.cell else "")
    return Annotation(
        severity="error",
        code=code,
        title=title,
        text=text,
        file=report.prefix + run.path,
        line=dynamic.lines.get(run.path, 1),
    )
