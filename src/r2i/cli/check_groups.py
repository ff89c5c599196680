"""Findings that say the same of several places, as one: eight notebooks with the kernel of one machine are one thing to mend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from r2i.check.findings import Reported

#: Fewer are shown one by one.
FEWEST = 3

#: So many of the others are named.
MOST_NAMED = 8

LITERAL = re.compile(r"`[^`]*`")


@dataclass(frozen=True)
class Group:
    """A finding, and those that differ from it by places and literals alone."""

    first: Reported
    others: tuple[Reported, ...] = ()


def one_by_one(findings: Iterable[Reported]) -> list[Group]:
    return [Group(one) for one in findings]


def together(findings: Sequence[Reported]) -> list[Group]:
    """Each group at the place of its first finding."""
    alike: dict[object, list[Reported]] = {}
    for one in findings:
        alike.setdefault(_kind(one), []).append(one)
    groups = []
    for one in findings:
        same = alike[_kind(one)]
        if len(same) < FEWEST:
            groups.append(Group(one))
        elif same[0] is one:
            groups.append(Group(one, tuple(same[1:])))
    return groups


def _kind(one: Reported) -> object:
    finding = one.finding
    return (
        one.rule.code,
        one.targets,
        one.severity,
        LITERAL.sub("``", finding.message),
        LITERAL.sub("``", finding.hint or ""),
    )


def also(group: Group) -> str:
    """Where else, by the word that is another one there, or by the place: "Also: `scipy` (line 8), `pandas` (b.ipynb, line 3)"."""
    file = group.first.finding.file
    known = LITERAL.findall(group.first.finding.message)
    named = [_named(known, one, file) for one in group.others[:MOST_NAMED]]
    more = len(group.others) - MOST_NAMED
    return f"Also: {', '.join(named)}" + (f" and {more:,} more; `--verbose` shows them" if more > 0 else "")


def _named(known: list[str], one: Reported, file: str | None) -> str:
    finding = one.finding
    literals = zip(known, LITERAL.findall(finding.message), strict=False)
    word = next((there for here, there in literals if here != there), "")
    elsewhere = f"`{finding.file}`" if finding.file and finding.file != file else ""
    if not word and elsewhere:
        return elsewhere
    line = f"cell {finding.cell}" if finding.cell else f"line {finding.line}" if finding.line else ""
    place = ", ".join(filter(None, (elsewhere, line)))
    return f"{word} ({place})" if word and place else word or place
