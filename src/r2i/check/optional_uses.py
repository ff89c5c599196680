"""What libraries import only when they are called, and do not install themselves: `optional_uses.toml`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from packaging.version import Version

from r2i.check.code.ipython_code import IPythonCommand
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Call, Facts, ShownFile
from r2i.check.facts.provided import Provided, beginnings, providers
from r2i.check.imports import Use, uses
from r2i.check.reads import TOLERANT
from r2i.check.subject import Subject
from r2i.facts.tables import read_table
from r2i.formats.requirements.specifiers import normalised
from r2i.model import PythonEnvironment

#: Keywords by which a call names what does the work, and those of arguments that have a place, too.
OF_ENGINES = ("engine", "flavor", "parser", "backend")
OF_PLACES = (
    *("con", "excel_writer", "features", "filename_or_obj", "filepath_or_buffer", "io", "path"),
    *("path_or_buffer", "paths"),
)

#: On older ones are releases of libraries that need something else.
OLDEST_PYTHON = Version("3.9")

UPPER_BOUND = re.compile(r"(?<![<>!~=])(={1,3}|<=?|~=) ?(\d+(?:\.\d+)*)")


@dataclass(frozen=True, kw_only=True)
class UseRow:
    """As the table explains it; `makers` are the functions of whose objects alone the methods count."""

    needs: tuple[str, ...]
    of: tuple[str, ...] = ()
    functions: re.Pattern[str] | None = None
    methods: re.Pattern[str] | None = None
    makers: re.Pattern[str] | None = None
    shown: re.Pattern[str] | None = None
    commands: re.Pattern[str] | None = None
    string: re.Pattern[str] | None = None
    silent: re.Pattern[str] | None = None
    words: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    argument: int = 0
    engine: bool = False
    since: str = ""

    @property
    def library(self) -> str:
        """The distribution of it."""
        return next(iter(providers(self.of[0])), self.of[0]) if self.of else ""


@dataclass(frozen=True, kw_only=True)
class Need:
    """That a line of code needs one of these modules, and what in it does."""

    modules: tuple[str, ...]
    by: str
    line: int
    library: str = ""


@dataclass(frozen=True)
class Program:
    """The pieces of code that share their names: the cells of a notebook, or a module alone."""

    pieces: Sequence[Facts]
    own: Collection[str]

    @cached_property
    def bound(self) -> Mapping[str, str]:
        """What names stand for that imports give."""
        return dict(pair for facts in self.pieces for one in facts.imports for pair in one.bound)

    @cached_property
    def modules(self) -> frozenset[str]:
        """All that is imported from outside, and what that is in."""
        return frozenset(
            part
            for facts in self.pieces
            for one in facts.imports
            if not one.level and one.module.partition(".")[0] not in self.own
            for full in (one.module, *(f"{one.module}.{name}" for name in one.names))
            for part in beginnings(full)
        )

    @cached_property
    def has_commands(self) -> bool:
        return any(facts.commands for facts in self.pieces)

    @cached_property
    def source(self) -> str:
        return "\n".join(facts.source for facts in self.pieces)

    @cached_property
    def defined(self) -> frozenset[str]:
        return frozenset(name for facts in self.pieces for name in facts.defined)

    @cached_property
    def _made(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for name, root in (pair for facts in self.pieces for pair in facts.made):
            found.setdefault(name, set()).add(root)
        return {name: frozenset(roots) for name, roots in found.items()}

    def full(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        return f"{self.bound.get(first, first)}{dot}{rest}"

    def origins(self, root: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        """The full names of the functions that an object may be of, by the root of its expression; one is empty where
        nobody knows."""
        first = root.partition(".")[0]
        if first in seen:
            return frozenset()
        if first in self._made:
            within = seen | {first}
            return frozenset(one for made in self._made[first] for one in self.origins(made, within))
        return frozenset({self.full(root) if first in self.bound else ""})


def optional_uses(subject: Subject, there: Provided) -> Iterator[Use]:
    """What notebooks, and the modules that they reach, call for and nothing brings."""
    # Methods with names as common as `plot` are looked for only where it matters: all code has to be parsed for them.
    rows = [row for row in table() if not (row.makers and _is_met(row, there)) and _is_recent(row, subject)]
    own = subject.once(uses).own
    for notebook in subject.notebooks:
        cells = subject.code_of.get(notebook.path, [])
        program = Program([facts for _, facts in cells], own)
        wanted = [row for row in rows if _is_used(row, program)]
        for cell, facts in cells:
            found = () if cell.tags & TOLERANT else needs(wanted, facts, program)
            for need in sorted(_unmet(found, there), key=lambda need: need.line):
                yield _use(need, facts, notebook.path, notebook=notebook, cell=cell)
    for path in sorted(subject.once(uses).modules):
        program = Program([subject.modules[path]], own)
        # What a program shows that is no notebook is shown elsewhere.
        wanted = [row for row in rows if not row.shown and _is_used(row, program)]
        for need in _unmet(needs(wanted, subject.modules[path], program), there):
            yield _use(need, subject.modules[path], path)


def _unmet(found: Iterable[Need], there: Provided) -> Iterator[Need]:
    return (need for need in found if not any(map(there.has, need.modules)))


def _use(
    need: Need, facts: Facts, path: str, *, notebook: Notebook | None = None, cell: Cell | None = None
) -> Use:
    return Use(
        module=need.modules[0],
        path=path,
        line=need.line,
        notebook=notebook,
        cell=cell,
        by=need.by,
        library=need.library,
        functions=facts.functions_at(need.line),
    )


def needs(rows: Iterable[UseRow], facts: Facts, program: Program) -> Iterator[Need]:
    """Of one piece of a program that imports the libraries of these rows."""
    for row in rows:
        for command in facts.commands if row.commands else ():
            if need := _of_command(row, command):
                yield need
        for one in facts.imports if row.imports else ():
            names = {one.module, *(f"{one.module}.{name}" for name in one.names)}
            if not one.optional and (found := next((name for name in row.imports if name in names), "")):
                yield Need(modules=row.needs, by=f"`{found}`", line=one.line, library=row.library)
        for call in facts.calls if any(map(facts.source.__contains__, row.words)) else ():
            if not call.optional and (need := _of_call(row, call, program)):
                yield need
        if row.shown and facts.shown and (need := _of_shown(row, row.shown, facts.shown, program)):
            yield need


def distributions_of(module: str) -> tuple[str, ...]:
    """Those that bring it, the likeliest first; one that no table of distributions knows is called as its module."""
    return providers(module) or ((normalised(module),) if module else ())


def is_older(environment: PythonEnvironment, name: str, release: str) -> bool:
    """Whether what a file allows of a distribution ends before a release, or may."""
    return any(
        Version(bound) < Version(release) or (operator == "<" and Version(bound) == Version(release))
        for pin in environment.pins
        if pin.name == name
        for operator, bound in UPPER_BOUND.findall(pin.specifier)
    )


@cache
def table() -> tuple[UseRow, ...]:
    tables = _tables()
    return tuple(_row(one, tables["makers"]) for one in tables["use"])


def _tables() -> dict[str, Any]:
    return read_table("r2i.check.facts", "optional_uses.toml")


def _row(one: Mapping[str, Any], makers: Mapping[str, str]) -> UseRow:
    of, functions, methods = (one.get(key, []) for key in ("of", "functions", "methods"))
    last = [name.rpartition(".")[2] for name in functions] + [name.partition(".")[0] for name in methods]
    patterns = {key: re.compile(one[key]) for key in ("shown", "commands", "string", "silent") if key in one}
    return UseRow(
        needs=tuple(one["needs"]),
        of=tuple(of),
        functions=_any_of([f"{library}.{name}" for library in of for name in functions]),
        methods=_any_of(methods),
        makers=re.compile(makers[of[0]]) if one.get("made") else None,
        words=tuple(one.get("words", {name.rstrip("*") for name in last})),
        imports=tuple(one.get("imports", [])),
        argument=one.get("argument", 0),
        engine=one.get("engine", False),
        since=one.get("since", ""),
        **patterns,
    )


def _any_of(names: Collection[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(_pattern, names))) if names else None


def _pattern(name: str) -> str:
    return re.escape(name).replace(r"\*", r"\w+")


def _is_met(row: UseRow, there: Provided) -> bool:
    return any(map(there.has, row.needs))


def _is_recent(row: UseRow, subject: Subject) -> bool:
    """Whether what is installed may be a release that does so."""
    environment, plan = subject.environment, subject.plan
    if not row.since or environment is None:
        return True
    if subject.options.as_of or (plan and plan.python and Version(plan.python.version) < OLDEST_PYTHON):
        return False
    return not is_older(environment, row.library, row.since)


def _is_used(row: UseRow, program: Program) -> bool:
    """Whether its library is imported, and anything that it looks for may be in the text."""
    if program.modules.isdisjoint(row.of) if row.of else not program.has_commands:
        return False
    may_be = not row.words or row.shown or any(map(program.source.__contains__, row.words))
    return bool(may_be) and not (row.silent and row.silent.search(program.source))


def _of_command(row: UseRow, command: IPythonCommand) -> Need | None:
    if command.sign != "%" or not row.commands or not row.commands.match(command.text):
        return None
    return Need(modules=row.needs, by=f"`%{command.text}`", line=command.line)


def _of_call(row: UseRow, call: Call, program: Program) -> Need | None:
    by = _called(row, call, program)
    modules = _of_engine(row, call)
    if not by or not modules:
        return None
    given = dict(call.constants)
    argument = next((given[key] for key in (row.argument, *OF_PLACES) if key in given), "")
    if row.string and not row.string.fullmatch(argument if isinstance(argument, str) else ""):
        return None
    return Need(modules=modules, by=f"`{by}`", line=call.line, library=row.library)


def _of_engine(row: UseRow, call: Call) -> tuple[str, ...]:
    """What the call needs, which may say so itself."""
    given = dict(call.keywords)
    named = next((given[key] for key in OF_ENGINES if key in given), None) if row.engine else None
    if not isinstance(named, str) or named == "auto":
        return row.needs
    module = _tables()["engines"].get(named)
    return (module,) if module else ()


def _called(row: UseRow, call: Call, program: Program) -> str:
    """How it is called, if it is one of the row's; else empty."""
    if row.functions and call.root == call.name and row.functions.fullmatch(program.full(call.name)):
        return call.name
    is_method = "." in call.name or call.root != call.name
    parts = call.name.split(".")
    said = next(
        (one for one in (parts[-1:], parts[-2:]) if row.methods and row.methods.fullmatch(".".join(one))), []
    )
    # Methods of classes of its own are called so, too.
    is_own = bool(said) and (said[-1] in program.defined or call.name == ".".join(("self", *said)))
    if not is_method or not said or is_own or not _is_of(row, call.root, program):
        return ""
    return call.name if call.root == call.name else f".{call.name}"


def _is_of(row: UseRow, root: str, program: Program) -> bool:
    """Whether an object is of the row's library, or, where its methods have no other's names, of none that has them, too."""
    origins = program.origins(root)
    if row.makers:
        return bool(origins) and all(map(row.makers.fullmatch, origins))
    if root.partition(".")[0] in program.bound and program.modules.isdisjoint(beginnings(program.full(root))):
        return False
    if any(_is_own_class(one, program) for one in origins):
        return False
    rivals = {*_tables()["rivals"]["modules"].split()} - {*row.of}
    return rivals.isdisjoint(one.partition(".")[0] for one in origins)


def _is_own_class(origin: str, program: Program) -> bool:
    """By its name: what a function of the repository gives may well be a table of the library's."""
    top, *parts = origin.split(".")
    return top in program.own and any(part[:1].isupper() for part in parts)


def _of_shown(row: UseRow, methods: re.Pattern[str], shown: ShownFile, program: Program) -> Need | None:
    """A figure by its name, one that a function makes, or what its methods give."""
    last = shown.name.rpartition(".")[2]
    is_made = (
        shown.root == shown.name and row.makers is not None and row.makers.fullmatch(program.full(shown.name))
    )
    if not (shown.is_name or is_made or methods.fullmatch(last)) or not _is_of(row, shown.root, program):
        return None
    by = f"`{shown.name}`, which the cell shows,"
    return Need(modules=row.needs, by=by, line=shown.line, library=row.library)
