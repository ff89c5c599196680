"""What is known of distributions without asking an index: modules, requirements and sizes of their newest wheels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from r2i.facts.tables import read_table


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A row of `distributions.toml`; sizes are in bytes, `python` is that of what gets compiled to bytecode.

    `modules` are dotted where others share the first part of their name (`google.protobuf`). `requires` are the
    normalised names of what it needs on Linux without any extra.
    """

    name: str
    version: str
    packed: int
    unpacked: int
    python: int
    modules: tuple[str, ...]
    requires: tuple[str, ...]


#: What so few of the table need comes with next to nothing.
SELDOM = 8


@cache
def distributions() -> Mapping[str, Distribution]:
    """By normalised name."""
    rows = read_table("r2i.check.facts", "distributions.toml")["distributions"].splitlines()
    return {row.name: row for row in map(_row, rows)}


def is_often_needed(name: str) -> bool:
    """Whether so many need a distribution that one which nobody knows is likely to be among them."""
    return sum(name in row.requires for row in distributions().values()) > SELDOM


def closure(names: Iterable[str]) -> dict[str, Distribution | None]:
    """These distributions with all that they need; None for those that are not in the table."""
    found: dict[str, Distribution | None] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = row = distributions().get(name)
            pending += row.requires if row else ()
    return found


def _row(line: str) -> Distribution:
    release, packed, unpacked, python, modules, requires = line.split("|")
    name, version = release.split()
    return Distribution(
        name=name,
        version=version,
        packed=int(packed) * 1000,
        unpacked=int(unpacked) * 1000,
        python=int(python) * 1000,
        modules=tuple(modules.split()),
        requires=tuple(requires.split()),
    )
