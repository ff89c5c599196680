"""Versions that only pip before 24.1 took (`>=1.16.*`, `>=2011k`), as it compared them.

What is no version of PEP 440 was compared part by part: numbers as numbers, words as words, any word before a number,
and the end of a version between the words before and after `final`.
"""

from __future__ import annotations

import re

CLAUSE = re.compile(r"(===|==|!=|<=|>=|<|>)\s*([^\s,;()]+)", re.ASCII)

#: Numbers, and what follows them: a wildcard, a word, or another clause after a forgotten comma.
OLD = re.compile(
    r"v?(\d+(?:\.\d+)*)(?:((?:\.\*)+)|[._-]?([a-z]+)[a-z0-9._-]*|([&<=>!][^|]*))", re.ASCII | re.IGNORECASE
)

#: How the words were called that may stand before a release.
BEFORE_FINAL = {"pre": "c", "preview": "c", "rc": "c", "dev": "@"}


def modern(specifiers: str) -> str:
    """The same with versions of PEP 440 where one is found that means it; else as it stands."""
    return CLAUSE.sub(_modern_clause, specifiers)


def _modern_clause(found: re.Match[str]) -> str:
    operator, version = found.groups()
    if version == "*" and operator in {"==", ">="}:
        return ""
    old = OLD.fullmatch(version)
    if old is None or _is_valid(found[0]):
        return found[0]
    numbers, wildcard, word, clause = old.groups()
    if operator in {"==", "===", "!="}:
        return f"{operator[:2]}{numbers}.*" if wildcard else found[0]
    # Any release that begins with these numbers sorts after their wildcard.
    early = bool(wildcard or clause) or BEFORE_FINAL.get(word.lower(), word.lower()) < "final"
    above = operator in {">", ">="}
    return f"{('>=' if early else '>') if above else ('<' if early else '<=')}{numbers}"


def _is_valid(clause: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, Specifier

    try:
        Specifier(clause)
    except (InvalidSpecifier, ValueError):  # ValueError: more digits than Python reads
        return False
    return True
