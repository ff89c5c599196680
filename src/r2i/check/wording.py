"""How findings name several things, and reports what was raised."""

from __future__ import annotations

from collections.abc import Iterable

#: So many are named, the others are counted.
MOST_NAMED = 4

#: How much is said of what an exception says, in characters: some hold a whole table, or a program of SQL.
LONGEST_SAID = 300


def named(names: Iterable[str]) -> str:
    """`a`, `b`, `c`, `d` and 3 more; each once."""
    quoted = [f"`{name}`" for name in dict.fromkeys(names)]
    more = len(quoted) - MOST_NAMED
    return ", ".join(quoted[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def in_short(name: str, value: str) -> str:
    """An exception in one line: `ValueError: x must be positive`."""
    first = value.strip().split("\n")[0]
    short = first if len(first) <= LONGEST_SAID else f"{first[:LONGEST_SAID]}…"
    return ": ".join(filter(None, (name, short)))
