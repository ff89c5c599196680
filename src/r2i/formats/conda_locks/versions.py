"""Whether a version satisfies a specification of conda, which has an order and a syntax of its own."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

VersionPart: TypeAlias = tuple[int, int, str]
Components: TypeAlias = tuple[tuple[VersionPart, ...], ...]

VERSION = re.compile(r"(?:(\d+)!)?([a-z0-9_.-]+)(?:\+([a-z0-9_.-]+))?", re.ASCII)
CLAUSE = re.compile(r"(==|!=|<=|>=|~=|=|<|>)?([^\s=<>!~|,()^$*][^\s=<>~|,()^$]*)", re.ASCII)

#: What stands for a part that is not there: `1.2` is `1.2.0`.
ZERO: VersionPart = (1, 0, "")
SPECIAL: dict[str, VersionPart] = {"dev": (-1, 0, ""), "post": (2, 0, "")}

#: What `compare` may give for each operator.
ORDER = {">=": (0, 1), "<=": (-1, 0), ">": (1,), "<": (-1,)}

#: Nothing real is longer; more would only cost time.
MAX_LENGTH = 200


class CondaVersion(NamedTuple):
    epoch: int
    main: Components
    local: Components


def satisfies(version: str, spec: str) -> bool:
    """True also where the specification is not understood: only what is surely wrong may be called wrong."""
    have = parsed(version)
    if have is None or len(spec) > MAX_LENGTH or set(spec) & set("()^$"):
        return True
    return any(
        all(_clause(have, clause.strip().lower()) for clause in alternative.split(","))
        for alternative in spec.split("|")
    )


def build_satisfies(build: str, pattern: str) -> bool:
    """Tell whether a build string is the wanted one; `*` in the pattern stands for anything."""
    return pattern.startswith("^") or fnmatchcase(build, pattern)


def parsed(text: str) -> CondaVersion | None:
    """None for what is no version."""
    found = VERSION.fullmatch(text.lower()) if len(text) <= MAX_LENGTH else None
    if found is None:
        return None
    return CondaVersion(int(found[1] or "0"), _components(found[2]), _components(found[3] or ""))


def compare(one: CondaVersion, other: CondaVersion) -> int:
    """-1, 0 or 1, as the first is before, with, or after the second."""
    if one.epoch != other.epoch:
        return -1 if one.epoch < other.epoch else 1
    return _compare(one.main, other.main) or _compare(one.local, other.local)


def _clause(have: CondaVersion, clause: str) -> bool:
    found = CLAUSE.fullmatch(clause)
    prefix = found[2].removesuffix("*").removesuffix(".") if found else ""
    want = parsed(prefix)
    if found is None or want is None:
        return True
    operator = found[1] or "=="
    # `1.2.*` and `=1.2` are all releases that begin with 1.2; the star means nothing after the other operators.
    begins = operator == "=" or found[2].endswith("*")
    alike = _starts_with(have, want) if begins else compare(have, want) == 0
    if operator in ("=", "=="):
        return alike
    if operator == "!=":
        return not alike
    if operator == "~=":
        return compare(have, want) >= 0 and _starts_with(have, want._replace(main=want.main[:-1]))
    return compare(have, want) in ORDER[operator]


def _components(text: str) -> Components:
    return tuple(_parts(component) for component in re.split(r"[._-]", text)) if text else ()


def _parts(component: str) -> tuple[VersionPart, ...]:
    words = re.findall(r"\d+|\D+", component)
    parts = tuple((1, int(word), "") if word.isdigit() else SPECIAL.get(word, (0, 0, word)) for word in words)
    # A word is before the number that it stands in front of: `1.rc1` is `1.0rc1`.
    return (ZERO, *parts) if words and not words[0].isdigit() else parts


def _compare(one: Components, other: Components) -> int:
    for left, right in zip_longest(one, other, fillvalue=()):
        for a, b in zip_longest(left, right, fillvalue=ZERO):
            if a != b:
                return -1 if a < b else 1
    return 0


def _starts_with(have: CondaVersion, want: CondaVersion) -> bool:
    if not want.main or have.epoch != want.epoch:
        return have.epoch == want.epoch
    *whole, last = want.main
    main = (*have.main, *((ZERO,) for _ in range(len(want.main) - len(have.main))))
    return _compare(main[: len(whole)], tuple(whole)) == 0 and main[len(whole)][: len(last)] == last
