"""Where Python code uses a name of a module, as it is written: `np.float`, `plt.style.use("seaborn")`, `table.append`.

Asked for little of the code only: what the text rules out is not parsed a second time.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from r2i.check.code.python_code import OPTIONAL, is_main

#: Values that are a `dict`, by what makes them.
DICTS = frozenset({"dict", "OrderedDict", "defaultdict", "Counter"})


@dataclass(frozen=True, kw_only=True)
class NameUse:
    """Names with dots between them, at a line counted from 1; `string` is the first argument of a call, if that is a constant."""

    name: str
    line: int
    called: bool = False
    string: str = ""


@dataclass
class NameUses:
    """`read` are uses that always run, `given` names that get a value that way (`np.float = float`).

    `made` are names with what gives them their values: the name of the called function, `dict` for a dictionary, empty for all else.
    """

    read: list[NameUse] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    made: dict[str, set[str]] = field(default_factory=dict)


def name_uses(source: str) -> NameUses:
    """Nothing of what is not Python."""
    seen = NameUses()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        _visit(tree, seen)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return NameUses()
    return seen


def _visit(tree: ast.AST, seen: NameUses) -> None:
    pending: list[tuple[Any, bool]] = [(tree, False)]
    strings: dict[int, str] = {}
    while pending:
        node, maybe = pending.pop()
        maybe = maybe or (type(node) in OPTIONAL and not is_main(node))
        if isinstance(node, ast.Call):
            strings[id(node.func)] = _only_string(node)
        _see_value(node, seen)
        if isinstance(node, ast.Attribute) and (name := dotted(node)):
            if not isinstance(node.ctx, ast.Load):
                seen.given.add(name)
            elif not maybe:
                called, string = id(node) in strings, strings.get(id(node), "")
                seen.read.append(NameUse(name=name, line=node.lineno, called=called, string=string))
            continue
        pending += [(child, maybe) for child in _children(node)]


def _children(node: ast.AST) -> Iterator[ast.AST]:
    return reversed([*ast.iter_child_nodes(node)])


def _see_value(node: ast.AST, seen: NameUses) -> None:
    """What names are given, by assignments, loops, arguments, and all else that binds one."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                seen.made.setdefault(target.id, set()).add(_maker(node.value))
                target.ctx = ast.Load()  # it is taken into account
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        seen.made.setdefault(node.id, set()).add("")
    elif isinstance(node, ast.arg):
        seen.made.setdefault(node.arg, set()).add("")
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        seen.made.setdefault(node.name, set()).add("")
    elif isinstance(node, ast.Call) and dotted(node.func) in ("setattr", "delattr") and node.args:
        seen.given.add(f"{dotted(node.args[0])}.{_only_string(node, at=1)}")


def _maker(value: ast.expr) -> str:
    if isinstance(value, ast.Dict | ast.DictComp):
        return "dict"
    name = dotted(value.func) if isinstance(value, ast.Call) else ""
    return "dict" if name.rpartition(".")[2] in DICTS else name


def _only_string(call: ast.Call, *, at: int = 0) -> str:
    """The constant at that place among the arguments, or the first of a list of them; empty where there is none."""
    one = call.args[at] if len(call.args) > at else None
    one = one.elts[0] if isinstance(one, ast.List) and one.elts else one
    return one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else ""


def dotted(node: ast.AST) -> str:
    """`pd.read_csv` of the expression; empty where anything in it is no name."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def merged(uses: list[NameUses]) -> NameUses:
    """What cells that share their names give these together."""
    together = NameUses()
    for one in uses:
        together.given |= one.given
        for name, makers in one.made.items():
            together.made.setdefault(name, set()).update(makers)
    return together
