"""`--as-of`: a date as it is, or the one that git has for the files that declare the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from r2i.building.settings import DateAsked
from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.formats.as_of import written
from r2i.model import Evidence, Options, PythonEnvironment, Source

if TYPE_CHECKING:
    from r2i.sources.protocol import LastChange

#: Younger environments are taken to work with what is there today.
OLD = timedelta(days=365)


def dated(
    options: Options,
    asked: DateAsked | None,
    *,
    checkout: Checkout,
    source: Source,
    environ: Mapping[str, str],
    note: Callable[[str], None],
    now: datetime | None = None,
) -> Options:
    """The options with the date that `commit` and `auto` find out; `note` is told where there is none."""
    if asked is None:
        return options
    found = _last_change(options, asked, checkout=checkout, source=source, environ=environ, note=note)
    if isinstance(found, str):
        note(f"Note: `--as-of {asked}` has no effect: {found}")
        return options
    change, environment = found
    day = f"{change.moment:%Y-%m-%d}"
    if asked == "auto" and change.edited:
        note(f"Note: `--as-of auto` has no effect: `{change.edited[0]}` has uncommitted changes")
        return options
    if asked == "auto" and change.moment > (now or datetime.now(UTC)) - OLD:
        note(
            f"Note: `--as-of auto` has no effect: `{environment.defined_by}` changed less than a year ago, on {day}"
        )
        return options
    for path in change.edited:
        note(f"Note: `{path}` has uncommitted changes; r2i uses the date of its last commit")
    why = f"`--as-of {asked}`: last changed on {day} (commit {change.commit[:12]})"
    return replace(
        options,
        as_of=written(change.moment),
        as_of_evidence=Evidence(why=why, file=environment.defined_by),
    )


def _last_change(
    options: Options,
    asked: DateAsked,
    *,
    checkout: Checkout,
    source: Source,
    environ: Mapping[str, str],
    note: Callable[[str], None],
) -> tuple[LastChange, PythonEnvironment] | str:
    """The last commit that changed what declares the environment, or why it does not matter."""
    from r2i.planning.environment import declared_environment
    from r2i.sources import last_change
    from r2i.sources.protocol import Unknown

    environment = declared_environment(checkout, options)
    if environment is None:
        return "the repository's `Dockerfile` describes the whole image"
    if not environment.defined_by:
        return "no file declares an environment"
    if environment.opaque:
        return f"`{environment.defined_by}` decides which versions there are"
    if asked == "auto" and environment.exact:
        return f"`{environment.defined_by}` pins every version"
    files = dict.fromkeys((environment.defined_by, *(e.file for e in environment.evidence if e.file)))
    change = last_change(source, checkout, files, environ=environ, report=note)
    if not isinstance(change, Unknown):
        return change, environment
    if asked == "auto":
        return f"{change.reason}. {change.hint}"
    raise UsageError(
        f"`--as-of commit` finds no date: {change.reason}", hint=change.hint, file=environment.defined_by
    )
