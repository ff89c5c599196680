"""How findings and reports name things."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

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


def from_notebook(path: str, notebook: str) -> str:
    """A path of the repository as a notebook there has to name it."""
    here, there = PurePosixPath(notebook).parent.parts, PurePosixPath(path).parts
    shared = 0
    while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
        shared += 1
    return "/".join([*[".."] * (len(here) - shared), *there[shared:]])
