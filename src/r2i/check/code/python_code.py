"""What Python code says of itself, without running it: its imports, and its strings with the calls that they stand in."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from r2i.check.code.broken_code import BrokenCode, broken_code, may_be_known
from r2i.check.code.expressions import dotted, leading, root
from r2i.check.code.ipython_code import IPythonCommand, as_python

#: Code larger than this is data, or generated, in characters.
LARGEST = 1_000_000


#: What may not run, and need not: whatever is in there is provided for.
OPTIONAL = frozenset({ast.Try, ast.TryStar, ast.If, ast.IfExp})

#: Fields of nodes in which nothing is that we look for.
LEAVES = frozenset(
    {"ctx", "op", "ops", "id", "attr", "kind", "conversion", "type_comment", "type_ignores"}
    | {"module", "level", "is_async", "simple", "asname"}
)

#: A magic that imports a module, and the names for which IPython takes its own.
LOADED = re.compile(r"(?:re)?load_ext[ \t]+[\"']?(?P<module>[A-Za-z_]\w*(?:\.\w+)*)[\"']?[ \t]*(?:#.*)?")
OF_IPYTHON = frozenset({"autoreload", "storemagic"})


@dataclass(frozen=True, kw_only=True)
class Import:
    """A module as it is imported (`sklearn.svm`), at a line counted from 1.

    `optional` where its absence is provided for: in a `try`, an `if` or a function's own fallback. `level` counts the
    dots of a relative import, `names` are what is imported from it. `bound` are the names that it gives to the code, each
    with what it stands for: `plt` and `matplotlib.pyplot`.
    """

    module: str
    line: int
    optional: bool = False
    level: int = 0
    names: tuple[str, ...] = ()
    bound: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A string, and the call that it is a direct argument of (`pd.read_csv`; empty where there is none).

    `argument` is its place (0 the first) or the name of the keyword. `optional` as in `Import`; `alone` where it is a
    statement of its own, as the text that documents a function.
    """

    value: str
    line: int
    call: str = ""
    argument: int | str = ""
    optional: bool = False
    alone: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of something with a name, and its constant arguments by place (0 the first) or keyword.

    `root` is how the chain begins that it ends: `pd.read_csv` of `pd.read_csv(…)["a"].plot()`, whose name is `plot`.
    `leading` is the text that the first argument begins with: of a string, one that is put together, or the first of a list.
    `given` are the keywords of all arguments, `positional` counts those without one.
    """

    name: str
    line: int
    constants: tuple[tuple[int | str, object], ...] = ()
    optional: bool = False
    root: str = ""
    leading: str = ""
    given: tuple[str, ...] = ()
    positional: int = 0

    @property
    def arguments(self) -> tuple[object, ...]:
        """Those before the first other one."""
        return tuple(value for number, (place, value) in enumerate(self.constants) if place == number)

    @property
    def keywords(self) -> tuple[tuple[str, object], ...]:
        return tuple((place, value) for place, value in self.constants if isinstance(place, str))


@dataclass(frozen=True, kw_only=True)
class ShownFile:
    """The expression that ends a cell, a name or a call: that name, or the call's, and its root as in `Call`."""

    name: str
    line: int
    root: str
    is_name: bool


@dataclass
class _Seen:
    imports: list[Import] = field(default_factory=list)
    literals: list[Literal] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    made: list[tuple[str, str]] = field(default_factory=list)
    functions: list[tuple[str, int, int]] = field(default_factory=list)
    shown: ShownFile | None = None
    taken: set[int] = field(default_factory=set)
    broken: BrokenCode | None = None


@dataclass(frozen=True)
class Facts:
    """What a piece of code says, `source` being Python.

    It is parsed when it is first asked for something that the text cannot rule out: of hundreds of notebooks most cells
    never are, so ask for words of the text before calls and literals.
    """

    source: str = ""
    commands: tuple[IPythonCommand, ...] = ()
    language: str = "python"

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Also those of IPython's extensions: `%load_ext rpy2.ipython`."""
        found = self._seen.imports if "import" in self.source else ()
        return (*found, *_extensions(self.commands, self.source))

    @property
    def literals(self) -> tuple[Literal, ...]:
        return tuple(self._seen.literals)

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(self._seen.calls)

    @property
    def defined(self) -> frozenset[str]:
        """Names that are given to functions, classes and values anywhere."""
        return frozenset(self._seen.defined)

    @property
    def made(self) -> tuple[tuple[str, str], ...]:
        """Each name that is given to a value, with the root of that value as in `Call`; empty where it has none."""
        return tuple(self._seen.made)

    @property
    def shown(self) -> ShownFile | None:
        """What a cell displays at its end."""
        return None if self.source.rstrip().endswith(";") else self._seen.shown

    def functions_at(self, line: int) -> tuple[str, ...]:
        """The functions around a line that run only where something calls them by name, the outermost first."""
        return tuple(name for name, first, last in self._seen.functions if first < line <= last)

    @cached_property
    def not_python(self) -> BrokenCode | None:
        """What it is if it is known to be something else than Python 3; cheaper than `broken`."""
        return self._seen.broken if may_be_known(self.source) else None

    @property
    def broken(self) -> BrokenCode | None:
        """What it is if it is not Python of this interpreter; then it says only what can be read of it."""
        return self._seen.broken

    @cached_property
    def _seen(self) -> _Seen:
        seen = _seen_in(self.source)
        if seen is not None:
            return seen
        broken = broken_code(self.source)
        seen = _seen_in(broken.python) or _Seen()
        seen.broken = broken
        return seen


def _seen_in(source: str) -> _Seen | None:
    """None where it is not Python."""
    seen = _Seen()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes and the like in somebody else's code
            tree = ast.parse(source)
        _visit(tree, seen)
        seen.shown = _shown(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return seen


def facts_of_cell(source: str) -> Facts:
    """Of a cell that IPython would run; a cell magic of another language gives its name as the language."""
    if len(source) > LARGEST:
        return Facts()
    return Facts(*as_python(source))


def facts_of_module(source: str) -> Facts:
    return Facts(source)


def _extensions(commands: Sequence[IPythonCommand], source: str) -> Iterator[Import]:
    """The modules of extensions that a cell loads; below a condition they may not be needed."""
    for command in commands:
        match = LOADED.fullmatch(command.text) if command.sign == "%" else None
        if match and match["module"] not in OF_IPYTHON:
            line = source.split("\n")[command.line - 1 : command.line]
            yield Import(
                module=match["module"], line=command.line, optional=any(one[:1].isspace() for one in line)
            )


def _visit(tree: ast.AST, seen: _Seen) -> None:
    """Without recursion of our own: a tree may be as deep as the parser allows."""
    pending: list[tuple[Any, bool]] = [(tree, False)]
    while pending:
        node, maybe = pending.pop()
        kind = type(node)
        if see := SEEN.get(kind):
            see(node, seen, maybe)
        elif kind in OPTIONAL and not is_main(node):
            maybe = True
        for name in reversed(node._fields):
            if name not in LEAVES:
                value = getattr(node, name, None)
                if type(value) is list:
                    pending += [(child, maybe) for child in reversed(value) if isinstance(child, ast.AST)]
                elif isinstance(value, ast.AST):
                    pending.append((value, maybe))


def is_main(node: ast.AST) -> bool:
    """Whether it is `if __name__ == …`: that is always so in a notebook, and in a program that is started."""
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.left, ast.Name)
        and node.test.left.id == "__name__"
    )


def _see_import(node: ast.Import, seen: _Seen, optional: bool) -> None:  # noqa: FBT001 - as all of `SEEN`
    for alias in node.names:
        first = alias.name.partition(".")[0]
        bound = (alias.asname, alias.name) if alias.asname else (first, first)
        seen.imports.append(Import(module=alias.name, line=node.lineno, optional=optional, bound=(bound,)))


def _see_import_from(node: ast.ImportFrom, seen: _Seen, optional: bool) -> None:  # noqa: FBT001
    module = node.module or ""
    seen.imports.append(
        Import(
            module=module,
            line=node.lineno,
            optional=optional,
            level=node.level,
            names=tuple(alias.name for alias in node.names),
            bound=tuple((alias.asname or alias.name, f"{module}.{alias.name}") for alias in node.names),
        )
    )


def _see_call(node: ast.Call, seen: _Seen, optional: bool) -> None:  # noqa: FBT001
    """The call, and the strings among its arguments."""
    name = dotted(node.func)
    given: list[tuple[int | str, ast.expr]] = [*enumerate(node.args)]
    given += [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg]
    constants = [(place, value) for place, value in given if isinstance(value, ast.Constant)]
    seen.calls.append(
        Call(
            name=name,
            line=node.lineno,
            constants=tuple((place, one.value) for place, one in constants),
            optional=optional,
            root=root(node.func),
            leading=leading(node.args[0]) if node.args else "",
            given=tuple(keyword.arg for keyword in node.keywords if keyword.arg),
            positional=len(node.args),
        )
    )
    for place, constant in constants:
        if isinstance(constant.value, str):
            seen.taken.add(id(constant))
            seen.literals.append(
                Literal(
                    value=constant.value, line=constant.lineno, call=name, argument=place, optional=optional
                )
            )


def _see_constant(node: ast.Constant, seen: _Seen, optional: bool) -> None:  # noqa: FBT001
    if isinstance(node.value, str) and id(node) not in seen.taken:
        seen.literals.append(Literal(value=node.value, line=node.lineno, optional=optional))


def _see_expression(node: ast.Expr, seen: _Seen, optional: bool) -> None:  # noqa: FBT001
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        seen.taken.add(id(node.value))
        seen.literals.append(
            Literal(value=node.value.value, line=node.value.lineno, optional=optional, alone=True)
        )


def _see_assignment(node: ast.Assign | ast.AnnAssign | ast.NamedExpr, seen: _Seen, optional: bool) -> None:  # noqa: ARG001, FBT001
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name) and node.value is not None:
            seen.taken.add(id(target))
            seen.made.append((target.id, root(node.value)))


def _see_name(node: ast.Name, seen: _Seen, optional: bool) -> None:  # noqa: ARG001, FBT001
    if type(node.ctx) is ast.Store:
        seen.defined.add(node.id)
        if id(node) not in seen.taken:
            seen.made.append((node.id, ""))


def _see_definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    seen: _Seen,
    optional: bool,  # noqa: ARG001, FBT001
) -> None:
    seen.defined.add(node.name)
    by_name = not (isinstance(node, ast.ClassDef) or node.decorator_list or node.name.startswith("__"))
    if by_name and node.end_lineno:
        seen.functions.append((node.name, node.lineno, node.end_lineno))


def _shown(tree: ast.Module) -> ShownFile | None:
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or not isinstance(last.value, ast.Name | ast.Call):
        return None
    is_name = isinstance(last.value, ast.Name)
    called = last.value.func if isinstance(last.value, ast.Call) else last.value
    return ShownFile(name=dotted(called), line=last.lineno, root=root(last.value), is_name=is_name)


#: What is done at a node of each kind.
SEEN: Mapping[type[ast.AST], Callable[[Any, _Seen, bool], None]] = {
    ast.Import: _see_import,
    ast.ImportFrom: _see_import_from,
    ast.Call: _see_call,
    ast.Assign: _see_assignment,
    ast.AnnAssign: _see_assignment,
    ast.NamedExpr: _see_assignment,
    ast.Constant: _see_constant,
    ast.Expr: _see_expression,
    ast.Name: _see_name,
    ast.FunctionDef: _see_definition,
    ast.AsyncFunctionDef: _see_definition,
    ast.ClassDef: _see_definition,
}
