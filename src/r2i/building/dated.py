"""`--as-of`: a date as it is, or the one on which the files that declare the environment were changed or published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.formats.as_of import written
from r2i.model import DatedFiles, Evidence, Options, Source

if TYPE_CHECKING:
    from r2i.building.settings import DateAsked
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
    change, files = found
    day = f"{change.moment:%Y-%m-%d}"
    names = " or ".join(f"`{file}`" for file in files)
    changed = "was published" if change.record else "changed"
    if asked == "auto" and change.edited:
        note(f"Note: `--as-of auto` has no effect: `{change.edited[0]}` has uncommitted changes")
        return options
    if asked == "auto" and change.moment > (now or datetime.now(UTC)) - OLD:
        note(f"Note: `--as-of auto` has no effect: {names} {changed} less than a year ago, on {day}")
        return options
    for path in change.edited:
        note(f"Note: `{path}` has uncommitted changes; r2i uses the date of its last commit")
    one = len(files) == 1
    why = f"`--as-of {asked}`: {'' if one else f'{names} '}{change.happened} on {day} ({change.cause})"
    return replace(
        options,
        as_of=written(change.moment),
        as_of_evidence=Evidence(why=why, file=files[0] if one else None),
    )


def _last_change(
    options: Options,
    asked: DateAsked,
    *,
    checkout: Checkout,
    source: Source,
    environ: Mapping[str, str],
    note: Callable[[str], None],
) -> tuple[LastChange, tuple[str, ...]] | str:
    """The last commit that changed what declares the environment, with the files that define it, or why it does not matter."""
    from r2i.sources import last_change
    from r2i.sources.protocol import Unknown

    found = _dated_files(checkout, options)
    if found is None:
        return "the repository's `Dockerfile` describes the whole image"
    closed = [each.closed for each in found if each.closed]
    defining = tuple(each.files[0] for each in found if each.files)
    if not defining or (asked == "auto" and len(closed) == len(found)):
        return " and ".join(closed) or "no file declares an environment"
    files = dict.fromkeys(file for each in found for file in each.files)
    change = last_change(source, checkout, files, environ=environ, report=note)
    if not isinstance(change, Unknown):
        return change, defining
    if asked == "auto":
        return f"{change.reason}. {change.hint}"
    raise UsageError(f"`--as-of commit` finds no date: {change.reason}", hint=change.hint, file=defining[0])


def _dated_files(checkout: Checkout, options: Options) -> list[DatedFiles] | None:
    """The files of each language that declare packages; None where the repository has a `Dockerfile` of its own."""
    from r2i.planning.detect import detect

    found = detect(checkout, options)
    if found.environment is None and found.problems:
        raise found.problems[0]
    environment = found.environment.environment if found.environment is not None else None
    if environment is None:
        return None
    path = environment.defined_by
    if environment.opaque:
        return [DatedFiles(files=(), closed=f"`{path}` decides which versions there are")]
    closed = f"`{path}` pins every version" if environment.exact else ""
    files = dict.fromkeys((path, *(e.file for e in environment.evidence if e.file)))
    python = [DatedFiles(files=tuple(files), closed=closed)] if path else []
    return [*python, *(pack.dated for pack in found.packs if pack.dated is not None)]
