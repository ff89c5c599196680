"""`--as-of`: a date as it is, or the one that git has for the files that declare the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import click

from r2i.as_of import moment_of, written
from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.model import Evidence, Options, PythonEnvironment, Source

if TYPE_CHECKING:
    from r2i.sources.protocol import Change

Function = TypeVar("Function", bound=Callable[..., Any])

#: What git has to be asked for; everything else is a date.
Asked = Literal["commit", "auto"]

#: Younger environments are taken to work with what is there today.
OLD = timedelta(days=365)


def as_of_option(function: Function) -> Function:
    return click.option(
        "--as-of",
        metavar="DATE|commit|auto",
        callback=_checked,
        help="Install what there was on that day, on that of the last change of the environment's files, "
        "or on that only if it is more than a year ago.",
    )(function)


def _checked(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in {"commit", "auto"}:
        moment_of(value)
    return value


def with_date(options: Options, value: str | None) -> Options:
    """The options with a date that was typed."""
    if value is None or value in {"commit", "auto"}:
        return options
    return replace(options, as_of=moment_of(value), as_of_evidence=Evidence(why=f"`--as-of {value}`"))


def asked(value: str | None) -> Asked | None:
    return cast("Asked", value) if value in {"commit", "auto"} else None


def dated(
    options: Options,
    asked: Asked | None,
    *,
    checkout: Checkout,
    source: Source,
    note: Callable[[str], None],
    now: datetime | None = None,
) -> Options:
    """The options with the date that `commit` and `auto` find out; `note` is told where there is none."""
    if asked is None:
        return options
    found = _last_change(options, asked, checkout=checkout, source=source, note=note)
    if isinstance(found, str):
        note(f"Note: `--as-of {asked}` does nothing: {found}")
        return options
    change, environment = found
    day = f"{change.moment:%Y-%m-%d}"
    if asked == "auto" and change.edited:
        note(f"Note: `--as-of auto` does nothing: `{change.edited[0]}` was edited since its last commit")
        return options
    if asked == "auto" and change.moment > (now or datetime.now(UTC)) - OLD:
        note(
            f"Note: `--as-of auto` does nothing: `{environment.defined_by}` was changed within a year, on {day}"
        )
        return options
    for path in change.edited:
        note(f"Note: `{path}` was edited since its last commit; the date is that of the commit")
    why = f"`--as-of {asked}`: last changed on {day} (commit {change.commit[:12]})"
    return replace(
        options,
        as_of=written(change.moment),
        as_of_evidence=Evidence(why=why, file=environment.defined_by),
    )


def _last_change(
    options: Options, asked: Asked, *, checkout: Checkout, source: Source, note: Callable[[str], None]
) -> tuple[Change, PythonEnvironment] | str:
    """The last commit that changed what declares the environment, or why it does not matter."""
    from r2i.planner import declared_environment
    from r2i.sources import last_change
    from r2i.sources.protocol import Unknown

    environment = declared_environment(checkout, options)
    if environment is None:
        return "the repository's `Dockerfile` describes the whole image"
    if not environment.defined_by:
        return "no file declares an environment"
    if asked == "auto" and environment.exact:
        return f"`{environment.defined_by}` names every release exactly"
    files = dict.fromkeys((environment.defined_by, *(e.file for e in environment.evidence if e.file)))
    change = last_change(source, checkout, files, environ=os.environ, report=note)
    if not isinstance(change, Unknown):
        return change, environment
    if asked == "auto":
        return f"{change.reason}. {change.hint}"
    raise UsageError(
        f"`--as-of commit` finds no date: {change.reason}", hint=change.hint, file=environment.defined_by
    )
