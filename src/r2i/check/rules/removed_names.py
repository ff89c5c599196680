"""D321: names that the installed release of a library, or of Python, no longer has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from r2i.check.code.name_uses import NameUse, NameUses, merged, name_uses
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Facts
from r2i.check.facts.provided import beginnings
from r2i.check.facts.removed import (
    Removed,
    dictionary_methods,
    keeps_table,
    makes_table,
    removed_methods,
    removed_names,
    removed_styles,
)
from r2i.check.findings import Finding, Rule
from r2i.check.imports import uses
from r2i.check.installed import without
from r2i.check.reads import TOLERANT
from r2i.check.removed_hints import RemovedUse, finding_of
from r2i.check.subject import Subject
from r2i.check.targets import Targets

STYLE_FUNCTIONS = frozenset(
    {
        "matplotlib.pyplot.style.use",
        "matplotlib.style.use",
        "matplotlib.style.context",
        "matplotlib.pyplot.style.context",
    }
)

#: What tables had beside methods; all else without a call may be a column.
ATTRIBUTES = frozenset({"ix"})

#: How many chains are kept in mind.
MOST_KEPT = 20_000

#: Names with dots, as text: what may be one of the table's.
CHAIN = re.compile(r"\b[A-Za-z_]\w*+(?:\.\w++)++")


@dataclass(frozen=True)
class CodePiece:
    """A cell of a notebook, or a module."""

    facts: Facts
    notebook: Notebook | None = None
    cell: Cell | None = None


def _removed(subject: Subject) -> Iterator[Finding]:
    calls = _Calls(subject)
    targets: dict[str, Targets] = {}
    for path, pieces in _programs(subject):
        grouped: dict[tuple[str, str], list[RemovedUse]] = {}
        for place in _places(path, pieces):
            if calls.reach(place):
                grouped.setdefault((place.removed.distribution, place.removed.before), []).append(place)
        for places in grouped.values():
            row = places[0].removed.row
            if row not in targets:
                targets[row] = without(subject, places[0].removed)
            if targets[row]:
                yield finding_of(subject, places, targets[row])


def _programs(subject: Subject) -> Iterator[tuple[str, list[CodePiece]]]:
    for notebook in subject.notebooks:
        if notebook.kernel.startswith(("python2", "sage")) or notebook.language_version.startswith("2."):
            continue  # another finding, or none
        if "pyodide" in notebook.kernel_title.lower():
            continue  # it runs in the browser, with packages of its own
        cells = subject.code_of.get(notebook.path, [])
        yield (
            notebook.path,
            [CodePiece(facts, notebook, cell) for cell, facts in cells if not cell.tags & TOLERANT],
        )
    for path in sorted(subject.once(uses).modules):
        yield path, [CodePiece(subject.modules[path])]


def _places(path: str, pieces: list[CodePiece]) -> Iterator[RemovedUse]:
    """Where the code of one program uses such names."""
    bound = _bound(pieces)
    hit = _may_use("\n".join(piece.facts.source for piece in pieces), bound)
    parsed = {id(piece): name_uses(piece.facts.source) for piece in (pieces if hit else ())}
    names = merged([*parsed.values()])
    for piece in pieces:
        found = [*_imported(piece.facts)]
        if id(piece) in parsed:
            found += _used(parsed[id(piece)].read, bound, names)
        for removed, use in found:
            yield RemovedUse(
                removed=removed,
                use=use,
                path=path,
                notebook=piece.notebook,
                cell=piece.cell,
                facts=piece.facts,
            )


def _bound(pieces: Iterable[CodePiece]) -> Mapping[str, str]:
    """What names of imports stand for, where all of these agree."""
    found: dict[str, set[str]] = {}
    for piece in pieces:
        for one in piece.facts.imports:
            for name, full in one.bound:
                found.setdefault(name, set()).add("" if one.level else full)
    return {name: next(iter(full)) for name, full in found.items() if len(full) == 1 and "" not in full}


def _may_use(source: str, bound: Mapping[str, str]) -> bool:
    """Whether the text has anything that may be one of the names; most notebooks have the same chains."""
    harmless = _harmless(tuple(bound.items()))
    for chain in {*CHAIN.findall(source)} - harmless:
        if _may_be(chain, bound.get(chain.partition(".")[0], "")):
            return True
        if len(harmless) < MOST_KEPT:
            harmless.add(chain)
    return False


@lru_cache(maxsize=64)
def _harmless(_bound: tuple[tuple[str, str], ...]) -> set[str]:
    """Chains that are none of the names where the names of imports stand for these."""
    return set()


def _may_be(chain: str, module: str) -> bool:
    """Whether a chain, whose first name stands for a module, may be one of the names."""
    if not module:
        last = chain.rpartition(".")[2]
        return chain.count(".") == 1 and (last in dictionary_methods() or last in removed_methods())
    full = f"{module}.{chain.partition('.')[2]}"
    return full in STYLE_FUNCTIONS or _known(full) is not None


def _full(name: str, bound: Mapping[str, str]) -> str:
    first, dot, rest = name.partition(".")
    return f"{bound[first]}{dot}{rest}" if first in bound else ""


def _known(full: str) -> Removed | None:
    return next((found for part in beginnings(full) if (found := removed_names().get(part))), None)


def _imported(facts: Facts) -> Iterator[tuple[Removed, NameUse]]:
    for one in facts.imports:
        if one.optional or one.level:
            continue
        names = [f"{one.module}.{name}" for name in one.names] or [one.module]
        found = next((removed for name in names if (removed := _known(name))), None)
        if found:
            yield found, NameUse(name=found.name, line=one.line)


def _used(
    read: Iterable[NameUse], bound: Mapping[str, str], names: NameUses
) -> Iterator[tuple[Removed, NameUse]]:
    for use in read:
        first, _, rest = use.name.partition(".")
        if use.name in names.given:
            continue
        if first in bound and first not in names.made:
            full = _full(use.name, bound)
            found = removed_styles().get(use.string) if full in STYLE_FUNCTIONS else _known(full)
            if found and "." in full and not _known(bound[first]):
                yield found, use if full in STYLE_FUNCTIONS else replace(use, string="")
        elif rest and "." not in rest and first in names.made and first not in bound:
            if names.made[first] == {"dict"} and rest in dictionary_methods():
                yield dictionary_methods()[rest], replace(use, string="")
            elif (
                (use.called or rest in ATTRIBUTES)
                and rest in removed_methods()
                and _is_table(first, bound, names)
            ):
                yield removed_methods()[rest], replace(use, string="")


def _is_table(name: str, bound: Mapping[str, str], names: NameUses) -> bool:
    """Whether all that a name stands for are tables of pandas."""
    makers = names.made[name]
    own = {maker for maker in makers if maker.startswith(f"{name}.") and keeps_table(maker[len(name) + 1 :])}
    others = makers - own
    return bool(others) and all(re.fullmatch(makes_table(), _full(maker, bound)) for maker in others)


class _Calls:
    """Whether code runs, as far as the names of the functions around it tell."""

    def __init__(self, subject: Subject) -> None:
        self._sources = subject.once(uses).sources
        self._mentioned: dict[str, bool] = {}

    def reach(self, use: RemovedUse) -> bool:
        return all(map(self._is_mentioned, use.facts.functions_at(use.use.line)))

    def _is_mentioned(self, name: str) -> bool:
        if name not in self._mentioned:
            word = re.compile(rf"(?<!def )\b{re.escape(name)}\b")
            self._mentioned[name] = any(word.search(source) for source in self._sources if name in source)
        return self._mentioned[name]


RULES = (
    Rule(
        code="D321",
        name="removed-name",
        severity="error",
        why="The code fails, because the installed release of the library, or of Python, no longer has the name.",
        find=_removed,
        varying=True,
    ),
)
