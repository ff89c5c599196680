"""`r2i check`: is this repository ready?"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from r2i.building.rescue import MOST_CHANGES
from r2i.check.execution.runs import DynamicReport
from r2i.check.formats import FORMATS
from r2i.check.report import Report
from r2i.check.subject import Subject
from r2i.check.targets import CHOICES
from r2i.checkout import Checkout
from r2i.cli.building import BuildChoices, build_options
from r2i.cli.check_text import show
from r2i.cli.choices import collected
from r2i.cli.common import (
    PlanChoices,
    TypedSource,
    agreed,
    checked_out,
    note,
    plan_options,
    show_diff,
    source_options,
)
from r2i.cli.execution import ExecutionChoices, dynamic_report, execution_options
from r2i.cli.execution_files import (
    ReportChoices,
    causes_fixes,
    refuse_links,
    report_file,
    report_options,
    write_reports,
)
from r2i.cli.output import of_others, unguarded
from r2i.cli.themes import Command
from r2i.edits.fixes import Fix
from r2i.edits.outputs import write_output
from r2i.errors import R2iError, UsageError
from r2i.model import Source
from r2i.quoting import printable

NOT_READY = 8


@dataclass(frozen=True, kw_only=True)
class CheckChoices:
    """What to look for and what to make of it, as it was typed."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    max_size: str | None
    target: str | None
    strict: bool
    verbose: bool
    fix: bool
    yes: bool
    form: str
    output: Path | None
    online: bool
    rules: bool


#: The options of the static check, as the argument `chosen`, the last first.
check_options = collected(
    CheckChoices,
    "chosen",
    (
        click.option(
            "--online",
            is_flag=True,
            help="Ask package indexes for the dependencies of packages that r2i does not know.",
        ),
        click.option("--rules", is_flag=True, help="List all rules and exit."),
        click.option(
            "-o",
            "--output",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            callback=report_file,
            help="Write the report to FILE; the text report still goes to stdout.",
        ),
        click.option(
            "--format",
            "form",
            type=click.Choice(["text", *FORMATS]),
            default="text",
            show_default=True,
            help="Format of the report.",
        ),
        click.option("--yes", is_flag=True, help="Apply fixes without confirmation."),
        click.option(
            "--fix", is_flag=True, help="Show the available fixes and apply them after confirmation."
        ),
        click.option("--verbose", is_flag=True, help="Show each finding, also those of one kind."),
        click.option("--strict", is_flag=True, help="Treat warnings as errors."),
        click.option(
            "--target",
            type=click.Choice([*CHOICES], case_sensitive=False),
            help="Report only findings about images of Binder, or of r2i. [default: both]",
        ),
        click.option("--max-size", metavar="SIZE", help="Limit on the image size. [default: 4 GB]"),
        click.option(
            "--ignore",
            multiple=True,
            metavar="CODE",
            help="Skip rules whose code starts with CODE; repeatable.",
        ),
        click.option(
            "--select",
            multiple=True,
            metavar="CODE",
            help="Run only rules whose code starts with CODE; repeatable.",
        ),
    ),
)


@click.command(cls=Command, epilog="r2i check\nr2i check --fix\nr2i check owner/name --execute")
@partial(source_options, default=".")
@check_options
@report_options
@build_options
@execution_options
@plan_options
def check(
    typed: TypedSource,
    *,
    chosen: CheckChoices,
    reports: ReportChoices,
    execution: ExecutionChoices,
    building: BuildChoices,
    plan: PlanChoices,
) -> int:
    """Check whether SOURCE is ready for Binder.

    By default, only reads files: this needs no engine, and for a local directory no network. With `--build` or
    `--execute`, also builds the image and runs it. Exits with 8 if there are errors or SOURCE misses the level.
    """
    if chosen.rules:
        _list_rules()
        return 0
    understood = typed.understood()
    if chosen.fix:
        _refuse_fixing(understood, chosen, execution)
    with checked_out(understood) as (checkout, source):
        look = partial(_subject, source=source, chosen=chosen, plan=plan, ca_bundle=building.ca_bundle)
        run = partial(dynamic_report, source=source, chosen=execution, building=building, plan=plan)
        refuse_links(chosen.output, reports, checkout)
        subject = look(checkout)
        report = _checked(subject, strict=chosen.strict)
        fixes = [one.finding.fix for one in report.findings if one.finding.fix]
        if chosen.fix and _mended(subject, fixes, chosen):
            subject = look(checkout)
            report = _checked(subject, strict=chosen.strict)
        subject, report, failure = _finished(subject, report, chosen, look=look, run=run)
        write_reports(subject, report, source, reports)
        directory = os.path.relpath(checkout.root) if source.provider == "local" else ""
    directory = "" if directory == "." else directory
    _say(report, chosen, form="text" if chosen.output else chosen.form, directory=directory)
    if chosen.output is not None:
        text = _text(report, chosen, directory=directory)
        write_output("--output", chosen.output, text, boundary=checkout.boundary)
    if failure is not None:
        raise failure
    return 0 if report.ready and (report.dynamic is None or report.dynamic.ok) else NOT_READY


def _refuse_fixing(source: Source, chosen: CheckChoices, execution: ExecutionChoices) -> None:
    """Raise `UsageError` where nothing could be changed; before an hour of notebooks, not after it."""
    if source.provider != "local":
        raise UsageError(
            "`--fix` works only in a local directory", hint="Clone or download the repository first"
        )
    if execution.any:
        _refuse_without_terminal(chosen)


def _finished(
    subject: Subject,
    report: Report,
    chosen: CheckChoices,
    *,
    look: Callable[[Checkout], Subject],
    run: Callable[[Subject], DynamicReport | None],
) -> tuple[Subject, Report, R2iError | None]:
    """What is known in the end, also where building and running it failed for no fault of the repository."""
    try:
        for state in _runs(subject, report, chosen, look=look, run=run):
            subject, report = state
    except UsageError:
        raise
    except R2iError as error:
        return subject, replace(report, unfinished=error.message), error
    return subject, report, None


def _say(report: Report, chosen: CheckChoices, *, form: str, directory: str) -> None:
    if form == "text":
        from rich.console import Console

        with of_others(sys.stdout):
            show(report, Console(), directory=directory, verbose=chosen.verbose)
    else:
        # GitHub's runner is to obey its own format; what others say in it is escaped.
        click.echo(FORMATS[form](report), nl=False, file=unguarded(sys.stdout) if form == "github" else None)


def _text(report: Report, chosen: CheckChoices, *, directory: str) -> str:
    """What a file holds."""
    from rich.console import Console

    if chosen.form != "text":
        return FORMATS[chosen.form](report)
    text = io.StringIO()
    show(report, Console(file=text, color_system=None), directory=directory, verbose=chosen.verbose)
    return text.getvalue()


def _subject(
    checkout: Checkout, *, source: Source, chosen: CheckChoices, plan: PlanChoices, ca_bundle: Path | None
) -> Subject:
    from r2i.check.rules import CODES
    from r2i.check.settings import with_chosen
    from r2i.cli.subject import subject_of, with_answers

    subject = subject_of(checkout, source, plan)
    settings = with_chosen(
        subject.settings,
        select=chosen.select,
        ignore=chosen.ignore,
        max_size=chosen.max_size,
        target=chosen.target,
        codes=CODES,
    )
    subject = replace(subject, settings=settings)
    return with_answers(subject, ca_bundle=ca_bundle) if chosen.online else subject


def _checked(subject: Subject, *, strict: bool) -> Report:
    from r2i.check.checking import check

    return check(subject, strict=strict)


def _runs(
    subject: Subject,
    report: Report,
    chosen: CheckChoices,
    *,
    look: Callable[[Checkout], Subject],
    run: Callable[[Subject], DynamicReport | None],
) -> Iterator[tuple[Subject, Report]]:
    """Build and run it, mend what notebooks failed of, and do so again: a few times, since behind one mistake there may be
    another. Gives what is known after each of these steps, lest one that comes to no end leave a report of other files."""
    report = replace(report, dynamic=run(subject))
    yield subject, report
    made: set[str] = set()
    for _ in range(MOST_CHANGES if chosen.fix else 0):
        fixes = [fix for fix in causes_fixes(report) if fix.title not in made]
        if not fixes or not _mended(subject, fixes, chosen):
            break
        made.update(fix.title for fix in fixes)
        note("Building and running the image again with these changes")
        subject = look(subject.checkout)
        report = _checked(subject, strict=chosen.strict)
        yield subject, report
        report = replace(report, dynamic=run(subject))
        yield subject, report


def _refuse_without_terminal(chosen: CheckChoices) -> None:
    """Raise `UsageError` where nobody can be asked."""
    if not chosen.yes and not sys.stdin.isatty():
        raise UsageError(
            "Cannot ask for confirmation: stdin is not a terminal",
            hint="Pass `--fix --yes` to change the files without confirmation",
        )


def _mended(subject: Subject, fixes: Iterable[Fix], chosen: CheckChoices) -> bool:
    """Show what the fixes would change, and make the changes once that is agreed to."""
    from r2i.edits.applying import combined, diff, write

    changes = combined(subject.checkout, fixes)
    if not changes.applied:
        note("No fixes available")
        return False
    for fix in changes.applied:
        note(f"{click.style('Fix:', fg='green')} {printable(fix.title)}")
    show_diff(diff(changes))
    _refuse_without_terminal(chosen)
    if not chosen.yes and not agreed("Apply these changes?"):
        return False
    write(subject.checkout, changes)
    return True


def _list_rules() -> None:
    from r2i.check.rules import RULES

    for rule in RULES:
        click.echo(f"{click.style(rule.code, bold=True)}  {rule.severity:<7}  {rule.name}: {rule.why}")
        click.echo(f"{'':15}Applies to: {rule.applies_to}")
