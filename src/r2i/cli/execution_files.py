"""`r2i check --html` and `--badge`: files about what was built and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from r2i.errors import UsageError
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.check.findings import Fix, Report
    from r2i.check.subject import Subject
    from r2i.model import Source

Function = TypeVar("Function", bound=Callable[..., Any])


def report_options(function: Function) -> Function:
    file = click.Path(dir_okay=False, path_type=Path)
    for decorate in (
        click.option(
            "--badge",
            type=file,
            metavar="FILE",
            callback=_badge_file,
            help="Write how many notebooks run, as `.svg` or as `.json`.",
        ),
        click.option(
            "--html",
            type=file,
            metavar="FILE",
            callback=report_file,
            help="Write a page with all that there is to see.",
        ),
    ):
        function = decorate(function)
    return function


def write_reports(subject: Subject, report: Report, source: Source, chosen: Mapping[str, Any]) -> None:
    """Those that were asked for."""
    if chosen["html"] is not None:
        from r2i.check.fixes import combined, diff
        from r2i.check.formats.html_report import to_html
        from r2i.sources.parse import shown

        changes = combined(subject.checkout, causes_fixes(report))
        title = Path(source.location).name if source.provider == "local" else shown(source.location)
        write_file("--html", chosen["html"], to_html(report, title=title, diff=diff(changes)))
    if chosen["badge"] is not None and report.unfinished is None:
        from r2i.check.formats.status_badge import to_endpoint, to_svg

        path: Path = chosen["badge"]
        if report.dynamic is None:
            raise UsageError("`--badge` says what runs", hint="Add `--build` or `--execute`")
        write_file("--badge", path, (to_svg if path.suffix == ".svg" else to_endpoint)(report.dynamic))


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
            hint="Make it, or name another file",
        )
    return path


def _badge_file(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in (".svg", ".json"):
        raise UsageError(
            f"`--badge {printable(str(path))}` is neither a picture nor data",
            hint="End its name with `.svg` or `.json`",
        )
    return report_file(context, parameter, path)


def write_file(option: str, path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"`{option} {printable(str(path))}` cannot be written: {error.strerror}", hint="Name another file"
        ) from error
