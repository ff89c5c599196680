"""Which Pythons a pinned package has wheels for: known without running or downloading anything, for the packages in
`python_wheels.toml`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from r2i.facts.pins import pythons
from r2i.facts.tables import read_table
from r2i.model import Evidence, Pin

#: The numbers of a release, and of its post-release.
WheelVersion: TypeAlias = tuple[tuple[int, ...], int]

#: What nearly all pins are. Reading these needs no `packaging`, whose import takes longer than all the rest.
CLAUSE = re.compile(
    r"(===?|!=|~=|<=|>=|<|>) ?(\d{1,9}(?:\.\d{1,9})*)(\.post\d{1,9})?(\.\*)?(?:\+[a-z0-9.]+)?", re.ASCII
)

COMPARISONS: Mapping[str, Callable[[WheelVersion, WheelVersion], bool]] = {
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": lambda have, limit: have[0] > limit[0],  # a post-release is not newer than its release
    ">=": operator.ge,
}

#: A version that no release has reached: who allows it has set no upper bound.
FAR = "99999"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The minor releases of Python that a pin can be installed on, and that in words."""

    minors: frozenset[str]
    evidence: Evidence


def limits_of(pins: Iterable[Pin]) -> tuple[Limit, ...]:
    """Of each pin that says something."""
    return tuple(limit for pin in pins if (limit := _limit(pin)) is not None)


def spoken(minors: Iterable[str], word: str = "and") -> str:
    """`2.7 and 3.5 to 3.8`."""
    known = [*pythons()]
    runs: list[list[str]] = []
    for minor in sorted(minors, key=known.index):
        if runs and minor[0] == runs[-1][-1][0] and known.index(minor) == known.index(runs[-1][-1]) + 1:
            runs[-1].append(minor)
        else:
            runs.append([minor])
    parts = [run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return f" {word} ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _limit(pin: Pin) -> Limit | None:
    if pin.name not in _table():
        return None
    minors = _minors(pin)
    if minors is None:
        return None
    words = spoken(minors)
    if pin.marker:
        minors |= {minor for minor in pythons() if not _applies(pin.marker, minor)}
    if minors >= pythons().keys():
        return None
    newest = [*pythons()][-1]
    first = words.removesuffix(f" to {newest}")
    why = f"`{pin.name}{pin.specifier}` has wheels for Python {words if first == words else f'{first} and newer'}"
    return Limit(minors=minors, evidence=replace(pin.evidence, why=why))


def _minors(pin: Pin) -> frozenset[str] | None:
    """None where the table has no release that the pin allows."""
    clauses = [CLAUSE.fullmatch(clause.strip()) for clause in pin.specifier.split(",")]
    read = [clause for clause in clauses if clause]
    if len(read) < len(clauses):
        return None
    found: set[str] = set()
    for version, minors in _releases(pin.name):
        if all(_allows(clause, version) for clause in read):
            found |= minors
    if found and all(_allows(clause, FAR) for clause in read):
        known = [*pythons()]
        found.update(known[max(map(known.index, found)) + 1 :])
    return frozenset(found) or None


def _allows(clause: re.Match[str], version: str) -> bool:
    """What PEP 440 says of final releases."""
    comparison, bound, post, wildcard = clause.groups()
    limit, have = _key(bound + (post or "")), _key(version)
    if wildcard or comparison == "~=":
        start = [int(part) for part in bound.split(".")][: None if wildcard else -1]
        alike = [*have[0], *[0] * len(start)][: len(start)] == start
        return alike != (comparison == "!=") and (comparison != "~=" or have >= limit)
    return COMPARISONS[comparison](have, limit)


def below(specifier: str, limit: str) -> bool:
    """Whether a specifier allows only releases before this one."""
    return any(_ends_before(clause, limit) for clause in _clauses(specifier))


def from_on(specifier: str, limit: str) -> bool:
    """Whether a specifier allows only this release and newer ones."""
    return any(
        clause[1] in ("==", "===", "~=", ">=", ">") and _key(clause[2]) >= _key(limit)
        for clause in _clauses(specifier)
    )


def _clauses(specifier: str) -> list[re.Match[str]]:
    return list(filter(None, (CLAUSE.fullmatch(clause.strip()) for clause in specifier.split(","))))


def _ends_before(clause: re.Match[str], limit: str) -> bool:
    comparison, bound, _, wildcard = clause.groups()
    if comparison == "~=" or (wildcard and comparison == "=="):
        *start, last = [int(part) for part in bound.split(".")][: None if wildcard else -1] or [0]
        return _key(".".join(map(str, (*start, last + 1)))) <= _key(limit)
    if comparison == "<":
        return _key(bound) <= _key(limit)
    return comparison in ("==", "===", "<=") and _key(bound) < _key(limit)


def _key(version: str) -> WheelVersion:
    """For comparisons: `1.19` and `1.19.0` are the same, and `1.19.post1` comes after them."""
    release, _, post = version.partition(".post")
    numbers = [int(part) for part in release.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers), int(post or -1)


def _applies(marker: str, minor: str) -> bool:
    from packaging.markers import InvalidMarker, Marker

    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{minor}.0",
        "python_version": minor,
        "sys_platform": "linux",
    }
    try:
        return Marker(marker).evaluate(environment | {"extra": ""})
    except (InvalidMarker, RecursionError, ValueError):
        return True


def _table() -> dict[str, str]:
    wheels: dict[str, str] = read_table("r2i.facts", "python_wheels.toml")["wheels"]
    return wheels


def _releases(name: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each release with its Pythons: a line of the table is `2.7 3.5-3.8: 1.19 1.19.1`."""
    known = [*pythons()]
    for line in _table()[name].split("\n"):
        spans, _, versions = line.partition(":")
        minors: set[str] = set()
        for span in spans.split():
            first, _, last = span.partition("-")
            minors.update(known[known.index(first) : known.index(last or first) + 1])
        for version in versions.split():
            yield version, frozenset(minors)


def newest(name: str, minor: str, specifier: str = "") -> str | None:
    """The newest known release that a Python can have and a specifier allows; None where the table does not tell."""
    clauses = [CLAUSE.fullmatch(clause.strip()) for clause in filter(None, specifier.split(","))]
    read = [clause for clause in clauses if clause]
    if name not in _table() or len(read) < len(clauses):
        return None
    found = (
        version
        for version, minors in _releases(name)
        if minor in minors and all(_allows(clause, version) for clause in read)
    )
    return max(found, key=_key, default=None)


def is_from(version: str, limit: str) -> bool:
    """Whether a version is this one or a newer one."""
    return _key(version) >= _key(limit)


def is_listed(name: str) -> bool:
    """Whether the table has the releases of a distribution."""
    return name in _table()


def pythons_of(name: str, specifier: str) -> frozenset[str]:
    """The minor releases of Python that have wheels of what a specifier allows; empty where the table does not tell."""
    pin = Pin(name=name, specifier=specifier, evidence=Evidence(why=""))
    return (_minors(pin) or frozenset()) if name in _table() else frozenset()
