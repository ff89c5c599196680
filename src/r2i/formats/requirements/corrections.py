"""What the author of a requirement that pip does not accept most likely meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.lines import Line, quoted

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OPERATOR = r"(?:===|==|~=|!=|<=|>=|<|>)"
HEAD = r"(?P<head>[A-Za-z0-9][\w.-]*(?: ?\[[\w., -]*\])?)"
CLAUSE = rf"{OPERATOR} ?v?[\w.*+!-]+"

#: What stands between two clauses instead of a comma.
GAP = r"(?: ?(?:,|;|&&?|and) ?| ?)"

SEVERAL = re.compile(rf"{HEAD} ?\(?(?P<clauses>{CLAUSE}(?:{GAP}{CLAUSE})+),?\)?", re.ASCII)
ALTERNATIVES = re.compile(rf"{HEAD} ?{CLAUSE} ?(?:\|\|?|or) ?{CLAUSE}.*", re.ASCII)
PART = re.compile(rf"{HEAD} ?(?:==|=|~=) ?v?(?P<numbers>\d+(?:\.\d+)*)(?:\.[xX])+", re.ASCII)
NEWEST = re.compile(rf"{HEAD} ?(?:={{1,3}}|>=|@|:) ?[\"']?(?:latest|newest|current|\*)[\"']?", re.ASCII)
OF_NPM = re.compile(rf"{HEAD} ?(?:@|:) ?[\"']?={{0,2}}v?(?P<version>\d[\w.]*)[\"']?", re.ASCII)
OF_POETRY = re.compile(rf"{HEAD} ?=? ?[\"']?(?P<operator>\^|~) ?(?P<version>\d+(?:\.\d+)*)[\"']?", re.ASCII)
QUOTED = re.compile(rf"{HEAD} ?= ?[\"'](?P<clauses>{OPERATOR}[^\"']+)[\"'],?", re.ASCII)
SINGLE = re.compile(rf"{HEAD} ?= ?[\"']?(?P<version>[\w.*+]+)[\"']?,?", re.ASCII)
SWAPPED = re.compile(rf"{HEAD} ?(?P<operator>=>|=<) ?(?P<version>\d[\w.]*)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Correction:
    """`what` is wrong, as a message goes on after the requirement; `meant` is empty where nobody can know."""

    what: str
    meant: str = ""
    hint: str = ""


def correction(text: str) -> Correction | None:
    """The first that fits and, where it names a requirement, names a valid one (PEP 508)."""
    return next((found for found in _fitting(text) if not found.meant or parsed(found.meant)), None)


def corrected(text: str, line: Line) -> InvalidRepositoryError | None:
    """What is wrong with a requirement of a line, and what was meant; None where nobody can guess."""
    found = correction(text)
    if found is None:
        return None
    return line.error(
        f"{quoted(text)} {found.what}",
        hint=found.hint or f"Write {quoted(found.meant)}",
        correct=(text, found.meant) if found.meant else None,
    )


def _fitting(text: str) -> Iterator[Correction]:
    if found := NEWEST.fullmatch(text):
        yield Correction(what="names no version", meant=found["head"])
    if found := PART.fullmatch(text):
        what = "has an `x` in its version" if "==" in text or "~" in text else "has a single `=`"
        yield Correction(what=what, meant=f"{found['head']}=={found['numbers']}.*")
    if found := SEVERAL.fullmatch(text):
        clauses = (clause.replace(" ", "") for clause in re.findall(CLAUSE, found["clauses"], re.ASCII))
        yield Correction(what="has no comma between two versions", meant=found["head"] + ",".join(clauses))
    if ALTERNATIVES.fullmatch(text):
        hint = "Write one range of versions, such as `>=1.20,<2`"
        yield Correction(what="has alternatives, which a requirement cannot have", hint=hint)
    if found := OF_POETRY.fullmatch(text):
        meant = found["head"] + _of_poetry(found["operator"], found["version"])
        yield Correction(what="is Poetry notation", meant=meant)
    if found := OF_NPM.fullmatch(text):
        meant = f"{found['head']}=={found['version']}"
        yield Correction(what=f"has a `{'@' if '@' in text else ':'}` before its version", meant=meant)
    if found := QUOTED.fullmatch(text):
        yield Correction(what="is TOML notation", meant=found["head"] + found["clauses"])
    if found := SINGLE.fullmatch(text):
        yield Correction(what="has a single `=`", meant=f"{found['head']}=={found['version']}")
    if found := SWAPPED.fullmatch(text):
        meant = f"{found['head']}{found['operator'][::-1]}{found['version']}"
        yield Correction(what="has an operator that does not exist", meant=meant)


def _of_poetry(operator: str, version: str) -> str:
    """`^1.2` and `~1.2` as ranges: https://python-poetry.org/docs/dependency-specification/."""
    numbers = version.split(".")
    at = min(1, len(numbers) - 1)
    if operator == "^":
        at = next((index for index, number in enumerate(numbers) if int(number)), len(numbers) - 1)
    above = [*numbers[:at], str(int(numbers[at]) + 1)]
    return f">={version},<{'.'.join(above)}"


def parsed(text: str) -> Requirement | None:
    """A requirement by PEP 508, None where it is not valid."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError, ValueError):  # ValueError: more digits than Python reads
        return None
