"""What Python code says of itself, without running it: its imports, and its strings with the calls that they stand in.

Cells of notebooks may hold what only IPython understands (https://ipython.readthedocs.io/en/stable/interactive/magics.html).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Cell magics whose body is Python.
PYTHON_MAGICS = frozenset(
    {"time", "timeit", "capture", "prun", "memit", "mprun", "python", "python3", "pypy"}
)

MAGIC = re.compile(r"^(\s*)(?:[\w.,\s\[\]]+=\s*)?([%!])(?!=)(.*)$")
CELL_MAGIC = re.compile(r"^\s*%%(\w[\w.]*)(.*)$")
HELP = re.compile(r"^\s*\??[\w.]+\?{1,2}\s*$|^\s*\?{1,2}[\w.]+\s*$")


@dataclass(frozen=True, kw_only=True)
class Import:
    """A module as it is imported (`sklearn.svm`), at a line counted from 1.

    `optional` where its absence is provided for: in a `try`, an `if` or a function's own fallback. `level` counts the
    dots of a relative import, `names` are what is imported from it.
    """

    module: str
    line: int
    optional: bool = False
    level: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A string, and the call that it is a direct argument of (`pd.read_csv`; empty where there is none).

    `argument` is its place (0 the first) or the name of the keyword.
    """

    value: str
    line: int
    call: str = ""
    argument: int | str = ""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of something with a name, and the text of its first arguments where they are strings."""

    name: str
    line: int
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Command:
    """A line that IPython gives to a shell (`!`) or to a magic (`%`): `pip install x`, at its line."""

    sign: str
    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a piece of code says; `broken` where it is not Python."""

    imports: tuple[Import, ...] = ()
    literals: tuple[Literal, ...] = ()
    calls: tuple[Call, ...] = ()
    commands: tuple[Command, ...] = ()
    language: str = "python"
    broken: bool = False


@dataclass
class _Seen:
    imports: list[Import] = field(default_factory=list)
    literals: list[Literal] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    arguments: set[int] = field(default_factory=set)


def facts_of_cell(source: str) -> Facts:
    """Of a cell that IPython would run; a cell magic of another language gives its name as the language."""
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    commands = []
    language = "python"
    if match := CELL_MAGIC.match(lines[first]):
        commands.append(Command(sign="%%", text=f"{match[1]}{match[2]}".strip(), line=first + 1))
        lines[first] = ""
        if match[1] not in PYTHON_MAGICS:
            return Facts(commands=tuple(commands), language=match[1].lower())
    for number, line in enumerate(lines):
        if (match := MAGIC.match(line)) and not _continues(lines, number):
            commands.append(Command(sign=match[2], text=match[3].strip(), line=number + 1))
            lines[number] = f"{match[1]}pass"
        elif "?" in line and HELP.match(line):
            lines[number] = ""
    found = facts_of_module("\n".join(lines))
    return Facts(
        imports=found.imports,
        literals=found.literals,
        calls=found.calls,
        commands=tuple(commands),
        language=language,
        broken=found.broken,
    )


def facts_of_module(source: str) -> Facts:
    """Of a module; what is not Python of this interpreter is `broken` and says nothing else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes and the like in somebody else's code
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Facts(broken=True)
    seen = _Seen()
    _visit(tree, seen, optional=False)
    return Facts(imports=tuple(seen.imports), literals=tuple(seen.literals), calls=tuple(seen.calls))


def _continues(lines: list[str], number: int) -> bool:
    """Whether a line that begins like a magic goes on with a string or an expression of the line before."""
    before = lines[number - 1].rstrip() if number else ""
    return before.endswith(("\\", "(", ",", "[", "{"))


def _visit(tree: ast.AST, seen: _Seen, *, optional: bool) -> None:
    """Without recursion of our own: a tree may be as deep as the parser allows."""
    pending: list[tuple[ast.AST, bool]] = [(tree, optional)]
    while pending:
        node, maybe = pending.pop()
        match node:
            case ast.Import():
                seen.imports += [
                    Import(module=alias.name, line=node.lineno, optional=maybe) for alias in node.names
                ]
            case ast.ImportFrom():
                names = tuple(alias.name for alias in node.names)
                seen.imports.append(
                    Import(
                        module=node.module or "",
                        line=node.lineno,
                        optional=maybe,
                        level=node.level,
                        names=names,
                    )
                )
            case ast.Call():
                name = _dotted(node.func)
                seen.calls.append(Call(name=name, line=node.lineno, arguments=tuple(_constants(node))))
                for literal, constant in _literals(node, name):
                    seen.literals.append(literal)
                    seen.arguments.add(id(constant))
            case ast.Constant(value=str(value)) if id(node) not in seen.arguments:
                seen.literals.append(Literal(value=value, line=node.lineno))
            case ast.Try() | ast.If():
                maybe = True
            case _:
                pass
        pending += [(child, maybe) for child in reversed(list(ast.iter_child_nodes(node)))]


def _literals(node: ast.Call, name: str) -> Iterator[tuple[Literal, ast.Constant]]:
    """The strings among the arguments of a call, each with its place in the tree."""
    given: list[tuple[int | str, ast.expr]] = [*enumerate(node.args)]
    given += [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg]
    for place, value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield Literal(value=value.value, line=value.lineno, call=name, argument=place), value


def _constants(node: ast.Call) -> Iterator[object]:
    for argument in node.args:
        if not isinstance(argument, ast.Constant):
            return
        yield argument.value


def _dotted(node: ast.AST) -> str:
    """`pd.read_csv` of the expression; what is not a name is left out (`().read`)."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))
