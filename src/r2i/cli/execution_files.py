"""`r2i check --html`, `--markdown` and `--badge`: files about what was found, built and run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from r2i.checkout import Checkout
from r2i.cli.choices import collected
from r2i.edits.outputs import destination, write_output
from r2i.errors import UsageError
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.check.report import Report
    from r2i.check.subject import Subject
    from r2i.edits.fixes import Fix
    from r2i.model import Source


def write_reports(subject: Subject, report: Report, source: Source, chosen: ReportChoices) -> None:
    """Those that were asked for."""
    if chosen.markdown is not None:
        from r2i.check.formats.markdown import to_markdown

        write_output("--markdown", chosen.markdown, to_markdown(report), boundary=subject.checkout.boundary)
    if chosen.html is not None:
        from r2i.check.formats.html_report import to_html
        from r2i.edits.applying import combined, diff
        from r2i.sources.typed import shown

        changes = combined(subject.checkout, causes_fixes(report))
        title = Path(source.location).name if source.provider == "local" else shown(source.location)
        page = to_html(report, title=title, diff=diff(changes))
        write_output("--html", chosen.html, page, boundary=subject.checkout.boundary)
    if chosen.badge is not None and report.unfinished is None:
        from r2i.check.formats.status_badge import to_endpoint, to_svg

        path = chosen.badge
        if report.dynamic is None:
            raise UsageError(
                "`--badge` needs results from running notebooks", hint="Add `--build` or `--execute`"
            )
        text = (to_svg if path.suffix == ".svg" else to_endpoint)(report.dynamic)
        write_output("--badge", path, text, boundary=subject.checkout.boundary)


def causes_fixes(report: Report) -> list[Fix]:
    """What would mend the notebooks that failed."""
    found = report.dynamic.causes.values() if report.dynamic else ()
    return [cause.fix for causes in found for cause in causes if cause.fix]


def report_file(_: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """A file that could not be written is better refused before an hour of notebooks than after it."""
    if path is not None and not path.absolute().parent.is_dir():
        raise UsageError(
            f"`{parameter.opts[-1]} {printable(str(path))}` cannot be written: there is no directory"
            f" `{printable(str(path.parent))}`",
            hint="Create it, or choose another file",
        )
    return path


def refuse_links(output: Path | None, chosen: ReportChoices, checkout: Checkout) -> None:
    """The same of a file that is behind a link of the repository."""
    for name, path in {
        "output": output,
        "html": chosen.html,
        "markdown": chosen.markdown,
        "badge": chosen.badge,
    }.items():
        if path is not None:
            destination(f"--{name}", path, boundary=checkout.boundary)


def _badge_file(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in (".svg", ".json"):
        raise UsageError(
            f"`--badge {printable(str(path))}` has no supported file extension",
            hint="Use a file name that ends with `.svg` or `.json`",
        )
    return report_file(context, parameter, path)


@dataclass(frozen=True, kw_only=True)
class ReportChoices:
    """The files to write, as they were typed."""

    html: Path | None
    markdown: Path | None
    badge: Path | None


#: The files to write, as the argument `reports`.
report_options = collected(
    ReportChoices,
    "reports",
    (
        click.option(
            "--badge",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            callback=_badge_file,
            help="Write a status badge, as `.svg` or `.json`.",
        ),
        click.option(
            "--markdown",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            callback=report_file,
            help="Write a summary of all results as Markdown.",
        ),
        click.option(
            "--html",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            callback=report_file,
            help="Write an HTML report with all results.",
        ),
    ),
)
