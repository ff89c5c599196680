"""`r2i check`: is this repository ready?"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from r2i.check.findings import Fix, Report
from r2i.check.formats import FORMATS
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.cli.check_text import show
from r2i.cli.common import agreed, checked_out, note, parsed, plan_options, source_options
from r2i.cli.execution import dynamic_report, execution_options
from r2i.cli.execution_files import causes_fixes, report_file, report_options, write_file, write_reports
from r2i.errors import R2iError, UsageError
from r2i.model import Source
from r2i.quoting import printable
from r2i.rescue import MOST_CHANGES

NOT_READY = 8

DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@partial(source_options, default=".")
@click.option(
    "--select", multiple=True, metavar="CODE", help="Only rules whose codes begin so; can be repeated."
)
@click.option(
    "--ignore", multiple=True, metavar="CODE", help="No rules whose codes begin so; can be repeated."
)
@click.option("--max-size", metavar="SIZE", help="What the image may weigh. [default: 4 GB]")
@click.option("--strict", is_flag=True, help="Warnings count as errors do.")
@click.option("--fix", is_flag=True, help="Mend what can be mended, after showing it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *FORMATS]),
    default="text",
    show_default=True,
    help="Of the report.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    callback=report_file,
    help="Write the report there, and show the text.",
)
@click.option("--rules", is_flag=True, help="List all rules.")
@report_options
@execution_options
@plan_options
def check(source: str, ref: str | None, subdir: str, **chosen: Any) -> int:
    """Find what keeps SOURCE from being ready for Binder.

    Looks at its files only: needs no engine, and no network for a local directory. Exit code 8 where there are errors.
    It can also be built, and its notebooks run: exit code 8 below the level that is asked for, too.
    """
    if chosen["rules"]:
        _list_rules()
        return 0
    understood = parsed(source, ref, subdir)
    if chosen["fix"] and understood.provider != "local":
        raise UsageError("`--fix` changes files of this machine", hint="Clone the repository first")
    if chosen["fix"] and (chosen["build"] or chosen["execute"] or chosen["level"]):
        _refuse_without_terminal(chosen)
    with checked_out(understood) as checkout:
        subject = _subject(checkout, understood, chosen)
        report = _checked(subject, strict=chosen["strict"])
        fixes = [one.finding.fix for one in report.findings if one.finding.fix]
        if chosen["fix"] and _mended(subject, fixes, chosen):
            subject = _subject(checkout, understood, chosen)
            report = _checked(subject, strict=chosen["strict"])
        failure = None
        try:
            for state in _runs(subject, report, understood, chosen):
                subject, report = state
        except UsageError:
            raise
        except R2iError as error:
            failure, report = error, replace(report, unfinished=error.message)
        write_reports(subject, report, understood, chosen)
        directory = os.path.relpath(checkout.root) if understood.provider == "local" else ""
    _say(
        report, form=chosen["form"], output=chosen["output"], directory="" if directory == "." else directory
    )
    if failure is not None:
        raise failure
    return 0 if report.ready and (report.dynamic is None or report.dynamic.ok) else NOT_READY


def _say(report: Report, *, form: str, output: Path | None, directory: str) -> None:
    if form == "text" or output is not None:
        from rich.console import Console

        show(report, Console(), directory=directory)
    if output is not None:
        _write(report, form=form, output=output, directory=directory)
    elif form != "text":
        click.echo(FORMATS[form](report), nl=False)


def _write(report: Report, *, form: str, output: Path, directory: str) -> None:
    from rich.console import Console

    text = io.StringIO()
    if form == "text":
        show(report, Console(file=text, color_system=None), directory=directory)
    else:
        text.write(FORMATS[form](report))
    write_file("--output", output, text.getvalue())


def _subject(checkout: Checkout, source: Source, chosen: Mapping[str, Any]) -> Subject:
    from r2i.check.rules import CODES
    from r2i.check.settings import with_chosen
    from r2i.cli.subject import subject_of

    subject = subject_of(checkout, source, chosen)
    settings = with_chosen(
        subject.settings,
        select=chosen["select"],
        ignore=chosen["ignore"],
        max_size=chosen["max_size"],
        codes=CODES,
    )
    return replace(subject, settings=settings)


def _checked(subject: Subject, *, strict: bool) -> Report:
    from r2i.check.checking import check

    return check(subject, strict=strict)


def _runs(
    subject: Subject, report: Report, source: Source, chosen: dict[str, Any]
) -> Iterator[tuple[Subject, Report]]:
    """Build and run it, mend what notebooks failed of, and do so again: a few times, since behind one mistake there may be
    another. Gives what is known after each of these steps, lest one that comes to no end leave a report of other files."""
    report = replace(report, dynamic=dynamic_report(subject, source, chosen))
    yield subject, report
    made: set[str] = set()
    for _ in range(MOST_CHANGES if chosen["fix"] else 0):
        fixes = [fix for fix in causes_fixes(report) if fix.title not in made]
        if not fixes or not _mended(subject, fixes, chosen):
            break
        made.update(fix.title for fix in fixes)
        note("Building and running it again, with these changes")
        subject = _subject(subject.checkout, source, chosen)
        report = _checked(subject, strict=chosen["strict"])
        yield subject, report
        report = replace(report, dynamic=dynamic_report(subject, source, chosen))
        yield subject, report


def _refuse_without_terminal(chosen: Mapping[str, Any]) -> None:
    """Raise `UsageError` where nobody can be asked."""
    if not chosen["yes"] and not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on", hint="Say `--fix --yes` to change the files")


def _mended(subject: Subject, fixes: Iterable[Fix], chosen: Mapping[str, Any]) -> bool:
    """Show what the fixes would change, and make the changes once that is agreed to."""
    from r2i.check.fixes import combined, diff, write

    changes = combined(subject.checkout, fixes)
    if not changes.applied:
        note("There is nothing that can be mended here")
        return False
    for fix in changes.applied:
        note(f"{click.style('Fix:', fg='green')} {printable(fix.title)}")
    for line in diff(changes):
        note(click.style(printable(line), fg=DIFF_COLOURS.get(line[:1])))
    _refuse_without_terminal(chosen)
    if not chosen["yes"] and not agreed("Change the files so?"):
        return False
    write(subject.checkout, changes)
    return True


def _list_rules() -> None:
    from r2i.check.rules import RULES

    for rule in RULES:
        click.echo(f"{click.style(rule.code, bold=True)}  {rule.severity:<7}  {rule.name}: {rule.why}")
