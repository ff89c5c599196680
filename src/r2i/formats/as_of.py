"""`--as-of`: the moment whose packages are taken, and what of an environment follows it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from r2i.errors import UsageError
from r2i.model import AsOf, Options, PythonEnvironment

#: How `Options.as_of` is written.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)

DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)

EXACT = re.compile(r"===? ?[^\s,*]+", re.ASCII)

HOW = "Use a date like `2021-06-30`, a time like `2021-06-30T12:00:00Z`, `commit` or `auto`"


def moment_of(text: str) -> str:
    """A day, which counts to its end, or a moment of RFC 3339, as `Options.as_of` wants it: in UTC, whatever the machine's zone."""
    try:
        if DATE.fullmatch(text):
            return written(datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1))
        if TIMESTAMP.fullmatch(text):
            return written(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        pass
    raise UsageError(f"`--as-of {text}` is not a date", hint=HOW)


def is_day(text: str) -> bool:
    """Whether it is a day of the calendar (`2021-06-30`)."""
    try:
        return DATE.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def last_day(moment: str) -> str:
    """The day that is the last one to count: a moment at midnight is the end of the day before."""
    day = datetime.fromisoformat(moment).toordinal() - moment.endswith("T00:00:00Z")
    return date.fromordinal(max(day, 1)).isoformat()


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def as_of(options: Options) -> AsOf | None:
    """What of the options says until when."""
    if options.as_of is None:
        return None
    if not MOMENT.fullmatch(options.as_of):
        raise UsageError(
            f"`{options.as_of}` is not a time in UTC", hint="Write it like `2021-06-30T00:00:00Z`"
        )
    return AsOf(moment=options.as_of, evidence=options.as_of_evidence)


def exactly_pinned(wanted: PythonEnvironment) -> dict[str, str]:
    """The names with a single version, and that."""
    pins = sorted((pin.name, pin.specifier) for pin in wanted.pins if EXACT.fullmatch(pin.specifier))
    return {name: specifier.lstrip("= ") for name, specifier in pins}
