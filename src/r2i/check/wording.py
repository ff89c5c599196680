"""How findings name several things."""

from __future__ import annotations

from collections.abc import Iterable

#: So many are named, the others are counted.
MOST_NAMED = 4


def named(names: Iterable[str]) -> str:
    """`a`, `b`, `c`, `d` and 3 more; each once."""
    quoted = [f"`{name}`" for name in dict.fromkeys(names)]
    more = len(quoted) - MOST_NAMED
    return ", ".join(quoted[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
