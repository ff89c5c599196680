"""Of which day the R packages are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, UsageError
from r2i.facts.r import r_facts
from r2i.formats.as_of import last_day, moment_of
from r2i.formats.language_versions import day_of
from r2i.model import Evidence, Notice, Options, VersionRequest

#: What the server calls the snapshot of today.
LATEST = "latest"


@dataclass(frozen=True, kw_only=True)
class RDay:
    """A day (`2022-01-01`) or `latest`, and where it is from; `guessed` where nobody names it."""

    day: str
    evidence: Evidence
    guessed: bool = False
    notices: tuple[Notice, ...] = ()


def day_of_packages(requests: Iterable[VersionRequest], options: Options, checkout: Checkout) -> RDay:
    """Raise where the day that a file or the user names has no snapshot of CRAN."""
    first = str(r_facts()["first_snapshot"])
    asked = day_of(requests)
    if asked is not None:
        return RDay(
            day=_checked(asked, first),
            evidence=asked.evidence,
            notices=tuple(_overruled(asked, options)),
        )
    if options.as_of is not None:
        day = last_day(options.as_of)
        if day < first:
            raise UsageError(
                f"There is no snapshot of CRAN of {day}", hint=f"The first one is of {first}: use a later day"
            )
        return RDay(day=day, evidence=options.as_of_evidence)
    if checkout.date is None:
        return RDay(day=LATEST, evidence=Evidence(why="no file sets a day"))
    day = max(checkout.date[:10], first)
    older = f"; the first snapshot is of {first}" if day > checkout.date[:10] else ""
    return RDay(day=day, evidence=Evidence(why=f"the date of {checkout.date_of}{older}"), guessed=True)


def _checked(asked: VersionRequest, first: str) -> str:
    file, line = asked.evidence.file, asked.evidence.line
    try:
        moment_of(asked.day)
    except UsageError as error:
        raise InvalidRepositoryError(
            f"`{asked.day}` is not a date", file=file, line=line, hint="Write it like `2024-10-31`"
        ) from error
    if asked.day < first:
        raise InvalidRepositoryError(
            f"There is no snapshot of CRAN of {asked.day}",
            file=file,
            line=line,
            hint=f"The first one is of {first}: write this date or a later one",
        )
    return asked.day


def _overruled(asked: VersionRequest, options: Options) -> Iterator[Notice]:
    if options.as_of is not None and last_day(options.as_of) != asked.day:
        yield Notice(
            level="warning",
            message=f"R packages are of {asked.day}, because this file takes precedence over `--as-of`",
            file=asked.evidence.file,
            line=asked.evidence.line,
        )
