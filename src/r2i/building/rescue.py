"""`--rescue`: which change to try next after a failure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from r2i.model import Change, Diagnosis, Options

#: More than a few changes are another environment.
MOST_CHANGES = 4


@dataclass(frozen=True, kw_only=True)
class Made:
    """A change that was made, and the failure that it mended: what it was, and the line that asked for it."""

    change: Change
    why: str
    file: str | None = None
    line: int | None = None


def next_change(found: Diagnosis, tried: Iterable[Change], given: Options, *, dated: bool) -> Change | None:
    """The smallest one that was not tried; what the user asked for by an option is not put aside."""
    return next(
        (
            change
            for change in found.changes
            if change not in {*tried}
            and not (change.option == "python" and given.python is not None)
            and not (change.option == "as-of" and dated)
            and not (change.option == "replace" and change.value.partition("=")[0] in given.replace)
        ),
        None,
    )


def with_change(options: Options, change: Change) -> Options:
    """The options with one more; a date is for whoever can ask git."""
    match change.option:
        case "python":
            return replace(options, python=change.value)
        case "apt":
            return replace(options, apt=tuple(dict.fromkeys((*options.apt, *change.value.split()))))
        case "replace":
            old, _, new = change.value.partition("=")
            return replace(options, replace={**options.replace, old: new})
        case "installer":
            return replace(options, installer="pip")
        case "as-of" | "require" | "post-build":
            return options


def in_effect(made: Iterable[Made]) -> tuple[Made, ...]:
    """Of several Pythons the last counts."""
    made = tuple(made)
    last = next((each for each in reversed(made) if each.change.option == "python"), None)
    return tuple(each for each in made if each.change.option != "python" or each is last)
