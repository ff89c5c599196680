"""D322: arguments that a function of the installed release no longer takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Call, Facts
from r2i.check.facts.provided import beginnings
from r2i.check.facts.removed import Removed
from r2i.check.findings import Finding, Rule
from r2i.check.imports import Use, uses
from r2i.check.installed import without
from r2i.check.jupyterlite import is_of_browser
from r2i.check.reads import TOLERANT
from r2i.check.subject import Subject
from r2i.check.targets import Targets
from r2i.check.wording import named
from r2i.edits.applying import line_edit, line_text
from r2i.edits.fixes import Edit, Fix
from r2i.facts.tables import read_table

#: Each edit reads its file.
MOST_MENDED = 50


@dataclass(frozen=True, kw_only=True)
class RemovedArgument:
    """A row of `removed_arguments.toml`: `value` is empty where any is gone, `positional` counts arguments without a keyword."""

    keyword: str
    value: str
    positional: int
    row: str
    instead: str
    hint: str

    @property
    def release(self) -> Removed:
        distribution, _, before = self.row.partition("<")
        return Removed(name=self.keyword, distribution=distribution, before=before)

    @property
    def said(self) -> str:
        if self.positional:
            return f"{self.positional} positional arguments"
        return f'{self.keyword}="{self.value}"' if self.value else self.keyword

    def is_given(self, call: Call) -> bool:
        if self.positional:
            return call.positional >= self.positional
        if self.value:
            return (self.keyword, self.value) in call.keywords
        return self.keyword in call.given


@dataclass(frozen=True, kw_only=True)
class GivenArgument:
    """A call that gives such an argument, at a line of its file or cell."""

    argument: RemovedArgument
    call: Call
    path: str
    notebook: Notebook | None = None
    cell: Cell | None = None

    def line(self, subject: Subject) -> int:
        if self.notebook and self.cell:
            return subject.line_of(self.notebook, self.cell, self.call.line)
        return self.call.line


def _removed(subject: Subject) -> Iterator[Finding]:
    targets: dict[str, Targets] = {}
    for path, notebook, pieces in _programs(subject):
        grouped: dict[tuple[str, str], list[GivenArgument]] = {}
        for one in _given(subject, path, notebook, pieces):
            grouped.setdefault((one.argument.row, one.call.name), []).append(one)
        for (row, _), places in grouped.items():
            if row not in targets:
                targets[row] = without(subject, places[0].argument.release)
            if targets[row]:
                yield _finding(subject, places, targets[row])


def _programs(
    subject: Subject,
) -> Iterator[tuple[str, Notebook | None, list[tuple[Cell | None, Facts]]]]:
    for notebook in subject.notebooks:
        if notebook.kernel.startswith(("python2", "sage")) or notebook.language_version.startswith("2."):
            continue  # another finding, or none
        if not is_of_browser(notebook):
            cells = subject.code_of.get(notebook.path, [])
            yield (
                notebook.path,
                notebook,
                [(cell, facts) for cell, facts in cells if not cell.tags & TOLERANT],
            )
    for path in sorted(subject.once(uses).modules):
        yield path, None, [(None, subject.modules[path])]


def _given(
    subject: Subject, path: str, notebook: Notebook | None, pieces: list[tuple[Cell | None, Facts]]
) -> Iterator[GivenArgument]:
    bound = _bound(facts for _, facts in pieces)
    called = _called(bound, "\n".join(facts.source for _, facts in pieces))
    found = subject.once(uses) if called else None
    for cell, facts in pieces if found else ():
        if not any(one in facts.source for one in called):
            continue
        for call in facts.calls:
            for argument in _of_call(call, bound) if not call.optional else ():
                around = Use(module="", path=path, line=call.line, functions=facts.functions_at(call.line))
                if argument.is_given(call) and found and not found.uncalled(around):
                    yield GivenArgument(argument=argument, call=call, path=path, notebook=notebook, cell=cell)


def _of_call(call: Call, bound: Mapping[str, str]) -> tuple[RemovedArgument, ...]:
    """Those of a function of a module, or of a method, by its name alone."""
    first, dot, rest = call.name.partition(".")
    if first in bound and call.root == call.name:
        return _rows().get(f"{bound[first]}{dot}{rest}", ())
    return _rows().get(f".{call.name.rpartition('.')[2]}", ()) if dot or call.root != call.name else ()


def _bound(pieces: Iterable[Facts]) -> Mapping[str, str]:
    """What names of imports stand for, where all of these agree."""
    found: dict[str, set[str]] = {}
    for facts in pieces:
        for one in facts.imports:
            for name, full in one.bound:
                found.setdefault(name, set()).add("" if one.level else full)
    return {name: next(iter(full)) for name, full in found.items() if len(full) == 1 and "" not in full}


def _called(bound: Mapping[str, str], text: str) -> list[str]:
    """The functions that the text may give one of the arguments, as it calls them: most code calls none and need not be parsed."""
    modules = {full.partition(".")[0] for full in bound.values()}
    methods = [
        f"{name}("
        for name, rows in _rows().items()
        if name.startswith(".")
        and f"{name}(" in text
        and any(row.keyword in text and row.release.distribution in modules for row in rows)
    ]
    return methods + [
        called
        for own, full in bound.items()
        for rest, words in _below().get(full, ())
        if (called := f"{own}{rest}(") in text and any(word in text for word in words)
    ]


@cache
def _below() -> Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """By each beginning of a function's name, the rest of it, and how its arguments look in code; one of them stands for any
    positional ones."""
    found: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {}
    for full, rows in _rows().items():
        said = ((row.value,) if row.value else (f"{row.keyword}=", f"{row.keyword} =") for row in rows)
        words = ("(",) if any(row.positional for row in rows) else tuple(word for one in said for word in one)
        for part in beginnings(full):
            found[part] = (*found.get(part, ()), (full[len(part) :], words))
    return found


@cache
def _rows() -> Mapping[str, tuple[RemovedArgument, ...]]:
    found: dict[str, tuple[RemovedArgument, ...]] = {}
    for row in read_table("r2i.check.facts", "removed_arguments.toml")["removed"]:
        keyword, _, value = row["argument"].partition("=")
        one = RemovedArgument(
            keyword=keyword.lstrip("*") if not keyword.startswith("*") else "",
            value=value,
            positional=int(keyword[1:]) if keyword.startswith("*") else 0,
            row=row["row"],
            instead=row.get("instead", ""),
            hint=row.get("hint", ""),
        )
        for name in row["functions"].split():
            found[name] = (*found.get(name, ()), one)
    return found


def _finding(subject: Subject, places: list[GivenArgument], targets: Targets) -> Finding:
    first, row = places[0], places[0].argument
    arguments = dict.fromkeys(place.argument for place in places)
    distribution, _, before = row.row.partition("<")
    more = f", {len(places)} uses" if places[1:] else ""
    what = (
        f"{row.said} of `{first.call.name}`"
        if row.positional
        else f"{named(a.said for a in arguments)} of `{first.call.name}`"
    )
    return Finding(
        message=f"{what}: {distribution} {before} removed {'it' if len(arguments) == 1 and not row.positional else 'them'}{more}",
        file=first.path,
        line=first.line(subject),
        cell=first.cell.number if first.cell else None,
        hint=f"{_instead([*arguments])}, or require `{row.row}`",
        fix=_fix(subject, places),
        targets=targets,
    )


def _instead(arguments: list[RemovedArgument]) -> str:
    pairs = [f"`{a.instead}` instead of `{a.value or a.keyword}`" for a in arguments if a.instead]
    return "; ".join(
        [*(["Write " + ", ".join(pairs)] if pairs else []), *(a.hint for a in arguments if a.hint)]
    )


def _fix(subject: Subject, places: list[GivenArgument]) -> Fix | None:
    """Only where each argument has another name, and stands once in the line of its call."""
    edits: dict[int, Edit] = {}
    for place in places:
        edit = _edit(subject, place) if len(places) <= MOST_MENDED else None
        line = place.line(subject)
        if edit is None or line in edits:
            return None
        edits[line] = edit
    names = dict.fromkeys(place.argument.instead for place in places)
    return Fix(title=f"Write {named(names)} in `{places[0].path}`", edits=tuple(edits.values()))


def _edit(subject: Subject, place: GivenArgument) -> Edit | None:
    argument, line = place.argument, place.line(subject)
    raw = line_text(subject.checkout, place.path, line)
    if raw is None or not argument.instead:
        return None
    if argument.value:
        pattern = rf"(\b{argument.keyword} ?= ?(?:\\?\"|'))({argument.value})(?=\\?\"|')"
    else:
        pattern = rf"([(,] ?)({argument.keyword})(?= ?=[^=])"
    if len(re.findall(pattern, raw)) != 1:
        return None
    return line_edit(subject.checkout, place.path, line, re.sub(pattern, rf"\g<1>{argument.instead}", raw))


RULES = (
    Rule(
        code="D322",
        name="removed-argument",
        severity="error",
        why="The call fails, because the installed release of the library no longer takes the argument.",
        find=_removed,
        varying=True,
    ),
)
