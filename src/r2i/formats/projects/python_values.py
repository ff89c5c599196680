"""What the top level of a Python script assigns, as far as it can be told without running it.

A small part of Python is followed statement by statement: literals, names, `+`, paths, and the lines of files that are
opened by name. Whatever else touches a name makes its value unknown.
"""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from r2i.errors import InvalidRepositoryError

#: Larger values are not worth to be known; doubling a list sixty times takes sixty lines.
MAX_LENGTH = 10_000

#: A longer script, in characters, was written by a program: its tree takes a hundred times its memory.
MAX_SCRIPT = 150_000

#: The length of all values together: `a = b + b` on each line would copy the same list thousands of times.
MAX_SPENT = 1_000_000


class UnknownError(Exception):
    """A value that only running the script would tell."""


@dataclass(frozen=True)
class FilePath:
    """A path relative to the directory of the script."""

    path: str


@dataclass(frozen=True)
class FileText:
    """The text of a file, or its lines: setuptools parts it into lines itself."""

    path: str


@dataclass
class SetupScript:
    """The values of names, and the calls of `setup` with what was known when they were reached."""

    names: dict[str, Any] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    spent: int = 0


UNKNOWN = UnknownError()


@lru_cache(maxsize=4)
def read_script(text: str, path: str) -> SetupScript:
    """Follow a script; raise where it is not Python. The same object for the same text, which nobody may change."""
    script = SetupScript()
    if len(text) > MAX_SCRIPT:
        return script
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        _follow(tree.body, script)
        reached = len(script.calls)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_setup(node)]
        if len(calls) > reached:  # in a function or under a condition, where names may have other values
            script.names = _assigned_once(tree, script)
            script.calls = [_arguments(node, script) for node in calls]
    except SyntaxError as error:
        raise InvalidRepositoryError(
            f"`{path}` is not valid Python 3: {error.msg}",
            file=path,
            line=error.lineno,
            hint="Correct it, or declare the project in a `pyproject.toml`",
        ) from error
    except (RecursionError, MemoryError, ValueError):
        return SetupScript()  # nothing that a person wrote
    return script


def _assigned_once(tree: ast.Module, script: SetupScript) -> dict[str, Any]:
    once = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    return {name: value for name, value in script.names.items() if once[name] == 1}


def _follow(body: list[ast.stmt], script: SetupScript) -> None:
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                script.names[name] = _known(value, script)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                script.names[name] = _known(value, script)
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                script.names[name] = _known(ast.BinOp(ast.Name(name, ast.Load()), ast.Add(), value), script)
            case ast.With(items=[ast.withitem(context_expr=opened, optional_vars=ast.Name(id=name))]):
                script.names[name] = _known(opened, script)
                _follow(statement.body, script)
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                _follow(statement.body, script)
            case ast.Expr(value=ast.Call() as call) if _is_setup(call):
                script.calls.append(_arguments(call, script))
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                pass
            case _:
                _forget(statement, script)


def _forget(statement: ast.stmt, script: SetupScript) -> None:
    """Names that are assigned or changed somewhere below, or handed to something that could change them."""
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                script.names[name] = UNKNOWN
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                script.names[name] = UNKNOWN
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                script.names[name] = UNKNOWN
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                script.names[name] = UNKNOWN
            case ast.Call(args=arguments) if not _is_setup(node):
                for argument in arguments:
                    if isinstance(argument, ast.Name):
                        script.names[argument.id] = UNKNOWN


def _arguments(call: ast.Call, script: SetupScript) -> dict[str, Any]:
    """The keywords of a call; `**` stands for those that are not known."""
    found: dict[str, Any] = {}
    for keyword in call.keywords:
        value = _known(keyword.value, script)
        if keyword.arg is not None:
            found[keyword.arg] = value
        elif isinstance(value, dict):
            found |= value
        else:
            found["**"] = UNKNOWN
    return found


def _is_setup(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr == "setup" and isinstance(function.value, ast.Name)
    return isinstance(function, ast.Name) and function.id == "setup"


def _known(node: ast.expr, script: SetupScript) -> Any:
    try:
        return _value(node, script)
    except UnknownError:
        return UNKNOWN


def _value(node: ast.expr, script: SetupScript) -> Any:
    reader = READERS.get(type(node))
    if reader is None or script.spent > MAX_SPENT:
        raise UNKNOWN
    value = reader(node, script)
    script.spent += len(value) if isinstance(value, str | list | dict) else 1
    return value


def _name(node: ast.Name, script: SetupScript) -> Any:
    value = FilePath("script") if node.id == "__file__" else script.names.get(node.id, UNKNOWN)
    if value is UNKNOWN:
        raise UNKNOWN
    return value


def _list(node: ast.List | ast.Tuple | ast.Set, script: SetupScript) -> Any:
    return _limited([value for item in node.elts for value in _item(item, script)])


def _joined(node: ast.JoinedStr, script: SetupScript) -> Any:
    return _limited("".join(_text(part, script) for part in node.values))


def _operation(node: ast.BinOp, script: SetupScript) -> Any:
    left, right = _value(node.left, script), _value(node.right, script)
    if isinstance(node.op, ast.Add):
        return _sum(left, right)
    if isinstance(node.op, ast.Div):
        return _path(left, right)
    raise UNKNOWN


def _attribute(node: ast.Attribute, script: SetupScript) -> Any:
    if node.attr != "parent":
        raise UNKNOWN
    return _parent(_value(node.value, script))


def _item(node: ast.expr, script: SetupScript) -> Iterator[Any]:
    if isinstance(node, ast.Starred):
        inner = _value(node.value, script)
        if not isinstance(inner, list):
            raise UNKNOWN
        yield from inner
    else:
        yield _value(node, script)


def _dictionary(node: ast.Dict, script: SetupScript) -> Any:
    found: dict[Any, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            inner = _value(value, script)
            if not isinstance(inner, dict):
                raise UNKNOWN
            found |= inner
        else:
            name = _value(key, script)
            if not isinstance(name, str):
                raise UNKNOWN
            found[name] = _known(value, script)
    return found


def _text(node: ast.expr, script: SetupScript) -> str:
    value = _value(node.value if isinstance(node, ast.FormattedValue) else node, script)
    if not isinstance(value, str):
        raise UNKNOWN
    return value


def _sum(left: Any, right: Any) -> Any:
    if isinstance(left, FilePath) and isinstance(right, str):
        return FilePath(f"{left.path}{right}")
    if type(left) is type(right) and isinstance(left, str | list):
        return _limited(left + right)
    if isinstance(left, FileText | list) and isinstance(right, FileText | list):
        return _limited([*_several(left), *_several(right)])
    raise UNKNOWN


def _several(value: FileText | list[Any]) -> list[Any]:
    return [value] if isinstance(value, FileText) else value


def _limited(value: Any) -> Any:
    if len(value) > MAX_LENGTH:
        raise UNKNOWN
    return value


def _path(*parts: Any) -> FilePath:
    words = [part.path if isinstance(part, FilePath) else part for part in parts]
    if not all(isinstance(word, str) for word in words):
        raise UNKNOWN
    return FilePath(_limited(posixpath.normpath(posixpath.join("", *words))))


def _parent(value: Any) -> FilePath:
    if not isinstance(value, FilePath):
        raise UNKNOWN
    return FilePath(posixpath.dirname(value.path))


def _call(node: ast.Call, script: SetupScript) -> Any:
    name = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
    last = name.rpartition(".")[2]
    if name == "dict" and not node.args and all(keyword.arg for keyword in node.keywords):
        return {str(keyword.arg): _known(keyword.value, script) for keyword in node.keywords}
    if name in OPENING and node.args:
        return FileText(_path(_value(node.args[0], script)).path)
    if name.endswith("path.join") and node.args:
        return _path(*(_value(each, script) for each in node.args))
    if last in OF_ONE and len(node.args) == 1:
        return OF_ONE[last](_value(node.args[0], script))
    if isinstance(node.func, ast.Attribute):
        return _method(_value(node.func.value, script), node.func.attr, node.args)
    raise UNKNOWN


def _method(value: Any, name: str, arguments: list[ast.expr]) -> Any:
    """Ways to read a file and to part its text into lines, and the same for a string."""
    constants = [node.value for node in arguments if isinstance(node, ast.Constant)]
    if len(constants) != len(arguments):
        raise UNKNOWN
    match value, name, constants:
        case FilePath(path), ("open" | "read_text"), _:
            return FileText(path)
        case FilePath(), ("resolve" | "absolute"), []:
            return value
        case FileText(), ("read" | "readlines" | "splitlines" | "strip" | "rstrip"), []:
            return value
        case FileText(), "split", ["\n"]:
            return value
        case str(), ("strip" | "split" | "splitlines"), []:
            return _limited(getattr(value, name)())
        case str(), "split", [str(separator)] if separator:
            return _limited(value.split(separator))
    raise UNKNOWN


def _lines(node: ast.ListComp, script: SetupScript) -> Any:
    """`[line.strip() for line in open("file") if line and not line.startswith("#")]` is what setuptools would do."""
    each = node.generators[0]
    value = _value(each.iter, script)
    name = ast.unparse(each.target)
    allowed = {name, f"{name}.strip()", f"{name}.rstrip()", f"str({name})"}
    comment = {f"not {test}.startswith('#')" for test in (name, f"{name}.strip()")}
    tests = [part for test in each.ifs for part in (test.values if isinstance(test, ast.BoolOp) else [test])]
    joined_by_or = any(isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) for test in each.ifs)
    if (
        not isinstance(value, FileText)
        or len(node.generators) > 1
        or joined_by_or
        or ast.unparse(node.elt) not in allowed
        or not {ast.unparse(test) for test in tests} <= allowed | comment
    ):
        raise UNKNOWN
    return value


def _same(value: Any) -> Any:
    return value


#: What opens a file, and functions of one argument.
OPENING = ("open", "io.open", "codecs.open")
OF_ONE: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("list", "tuple", "str", "abspath", "realpath"), _same),
    "dirname": _parent,
    "Path": _path,
    "PurePath": _path,
}

READERS: Mapping[type[ast.expr], Callable[[Any, SetupScript], Any]] = {
    ast.Constant: lambda node, _: node.value,
    ast.Name: _name,
    ast.List: _list,
    ast.Tuple: _list,
    ast.Set: _list,
    ast.Dict: _dictionary,
    ast.JoinedStr: _joined,
    ast.BinOp: _operation,
    ast.ListComp: _lines,
    ast.Attribute: _attribute,
    ast.Call: _call,
}


def literal(values: Mapping[str, Any], key: str) -> Any:
    """The value of a keyword: None where it is not given, `UNKNOWN` where it might be."""
    return values.get(key, UNKNOWN if "**" in values else None)
