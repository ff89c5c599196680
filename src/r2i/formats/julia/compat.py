"""`[compat]` by the rules of Pkg (https://pkgdocs.julialang.org/v1/compatibility/): which versions an entry allows."""

from __future__ import annotations

import re
from dataclasses import dataclass

VERSION = r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?"
CARET_OR_TILDE = re.compile(rf"([~^]?){VERSION}", re.ASCII)
INEQUALITY = re.compile(rf"(≥|>=|=|<)\s*{VERSION}", re.ASCII)
HYPHEN = re.compile(rf"{VERSION}\s+-\s+{VERSION}", re.ASCII)

#: More parts than anybody writes.
MOST_PARTS = 100

Number = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """From `lower` to `upper`, both inclusive; of three parts, `upper` may lack the last ones: then any will do. It lacks all where
    there is no bound."""

    lower: Number
    upper: Number

    def allows(self, number: Number) -> bool:
        return self.lower <= number and number[: len(self.upper)] <= self.upper


@dataclass(frozen=True, kw_only=True)
class Compat:
    """The versions that an entry allows: those of any of its parts."""

    text: str
    intervals: tuple[Interval, ...]

    def allows(self, version: str) -> bool:
        """Whether a complete version (`1.10.4`) is among them."""
        number = tuple(map(int, version.split(".")))
        return any(interval.allows(number) for interval in self.intervals)


def parse_compat(text: str) -> Compat | None:
    """Read an entry; None where Pkg refuses it."""
    parts = text.split(",")
    if len(parts) > MOST_PARTS:
        return None
    intervals = [_interval(part.strip()) for part in parts]
    found = tuple(interval for interval in intervals if interval is not None)
    return Compat(text=text, intervals=found) if len(found) == len(parts) else None


def _interval(part: str) -> Interval | None:
    if match := CARET_OR_TILDE.fullmatch(part):
        return _up_to_the_next(match[1], _parts(match, 2))
    if match := INEQUALITY.fullmatch(part):
        return _from_or_below(match[1], _filled(_parts(match, 2)))
    if match := HYPHEN.fullmatch(part):
        return Interval(lower=_filled(_parts(match, 1)), upper=_parts(match, 4))
    return None


def _up_to_the_next(operator: str, parts: Number) -> Interval | None:
    """Up to the next release that may break something: with a tilde the next minor one, else by the first part that is not 0."""
    if parts == (0, 0, 0):
        return None
    if operator == "~":
        return Interval(lower=_filled(parts), upper=parts[:2])
    significant = next((index for index, number in enumerate(parts) if number), len(parts) - 1)
    return Interval(lower=_filled(parts), upper=parts[: significant + 1])


def _from_or_below(operator: str, number: Number) -> Interval | None:
    if operator == "=":
        return Interval(lower=number, upper=number)
    if operator != "<":
        return Interval(lower=number, upper=())
    below = _before(number)
    return Interval(lower=(0, 0, 0), upper=below) if below else None


def _before(number: Number) -> Number:
    """The bound that holds for all that is older, empty where nothing is."""
    *first, last = number
    while not last and first:
        *first, last = first
    return (*first, last - 1) if last else ()


def _parts(match: re.Match[str], group: int) -> Number:
    return tuple(int(text) for text in match.groups()[group - 1 : group + 2] if text is not None)


def _filled(parts: Number) -> Number:
    return (*parts, 0, 0)[:3]
