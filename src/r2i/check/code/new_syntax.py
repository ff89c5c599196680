"""Syntax that not every Python 3 has: which version a piece of code needs, the same on whatever Python r2i itself runs."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from r2i.image import version_tuple


@dataclass(frozen=True, kw_only=True)
class NewSyntax:
    """What Python has since `minor` (`3.10`), at a line counted from 1."""

    minor: str
    what: str
    line: int


#: The newest Python with syntax that is looked for.
NEWEST = "3.12"

MATCH = NewSyntax(minor="3.10", what="`match` statements", line=0)
GROUPS = NewSyntax(minor="3.11", what="`except*`", line=0)
WALRUS = NewSyntax(minor="3.8", what="`:=`", line=0)
POSITIONAL = NewSyntax(minor="3.8", what="positional-only parameters (`/`)", line=0)
ALIAS = NewSyntax(minor="3.12", what="`type` statements", line=0)
GENERIC = NewSyntax(minor="3.12", what="type parameters (`def f[T]`)", line=0)
NESTED = NewSyntax(minor="3.12", what="f-strings with the same quotes or a backslash inside `{}`", line=0)

#: By kind of node; Python 3.11 has none of the last ones.
KINDS = {
    ast.Match: MATCH,
    ast.TryStar: GROUPS,
    ast.NamedExpr: WALRUS,
    **{kind: ALIAS for name in ("TypeAlias",) if (kind := getattr(ast, name, None))},
}

#: Words without which none of it is there: most code has none of them.
MAY_HAVE = re.compile(
    r"^[ \t]*(?:match|type)\b[^\n=]*[:=]|\bexcept[ \t]*\*|:=|^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+\w+\["
    r"|[(,][ \t\n]*/[ \t\n]*[,):]",
    re.MULTILINE,
)
WORDS = ("match ", "match(", "match[", "match{", "type ", "type\t", "except*", "except *")
#: Those of syntax that only Pythons before 3.8 lack.
OLD_WORDS = (":=", "/)", "/,", "/:", "/ ", "/\n")
GENERICS = (re.compile(r"def[ \t]+\w+\["), re.compile(r"class[ \t]+\w+\["))
TEXTS = (
    (re.compile(r"^[ \t]*type[ \t]+[^\W\d]\w*[ \t]*(?:\[[^\]\n]*\][ \t]*)?=(?!=)", re.MULTILINE), ALIAS),
    (re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+\w+\[[^\]\n]+\]", re.MULTILINE), GENERIC),
)

#: A brace that is open at a quote or before a backslash, in a line of usual length: finding these first is faster.
F_STRING = re.compile(r"[fF][rR]?[\"']")
SUSPECT = re.compile(
    r"""[fF][rR]?(?:"[^"\n]{0,300}\{[^}"\n]{0,300}"|'[^'\n]{0,300}\{[^}'\n]{0,300}')|\{[^{}\n]{0,300}\\"""
)

#: The strings of code, and f-strings in one line as Python had them before 3.12: to the first mark of their kind.
STRINGS = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<long>\b[a-zA-Z]{0,2}(?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)))"""
    r"""|\b(?P<prefix>[rR]?[fF][rR]?)(?P<mark>["'])(?P<body>(?:\\.|(?!(?P=mark))[^\\\n])*+)(?P=mark)"""
    r"""|"(?:\\.|[^"\\\n])*+"|'(?:\\.|[^'\\\n])*+'""",
    re.DOTALL,
)


def newer_syntax(source: str, *, than: str) -> NewSyntax | None:
    """What the code has that Python `than` lacks, of what needs the newest one; None also where it is no Python at all."""
    target = version_tuple(than)
    if target >= version_tuple(NEWEST):
        return None
    nested = _may_be_nested(source)
    if not nested and not (_has_words(source, target) and MAY_HAVE.search(source)):
        return None
    found = [one for one in _found(source, nested=nested) if version_tuple(one.minor) > target]
    return max(found, key=lambda one: (version_tuple(one.minor), -one.line), default=None)


def _has_words(source: str, target: tuple[int, ...]) -> bool:
    """To find a string is ten times as fast as the pattern."""
    words = WORDS if target >= version_tuple(WALRUS.minor) else (*WORDS, *OLD_WORDS)
    return any(word in source for word in words) or any(pattern.search(source) for pattern in GENERICS)


def _may_be_nested(source: str) -> bool:
    return bool(F_STRING.search(source) and SUSPECT.search(source) and any(_nested(source)))


def _found(source: str, *, nested: bool) -> Iterator[NewSyntax]:
    texts = [*_nested(source)] if nested else []
    texts += [
        _at(one, _line(source, match.start())) for pattern, one in TEXTS for match in pattern.finditer(source)
    ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        # It may be what this Python does not know; what breaks elsewhere is broken for every Python.
        yield from (one for one in texts if one.line == error.lineno)
        return
    except (ValueError, RecursionError, MemoryError):
        return
    yield from (one for one in texts if one.what == NESTED.what)
    for node in ast.walk(tree):
        if kind := KINDS.get(type(node)):
            yield _at(kind, getattr(node, "lineno", 1))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and node.args.posonlyargs:
            yield _at(POSITIONAL, node.lineno)
        if getattr(node, "type_params", None):
            yield _at(GENERIC, getattr(node, "lineno", 1))


def _nested(source: str) -> Iterator[NewSyntax]:
    """f-strings that end within their braces for an old Python, or have a backslash there."""
    for match in STRINGS.finditer(source):
        if match["body"] and _is_nested(match["body"]):
            yield _at(NESTED, _line(source, match.start()))


def _is_nested(body: str) -> bool:
    """Whether a brace is open at the end, or a string within braces has a backslash."""
    depth, at = 0, 0
    while at < len(body):
        two, one = body[at : at + 2], body[at]
        if depth == 0 and two in ("{{", "}}"):
            at += 1
        elif one == "{":
            depth += 1
        elif one == "}":
            depth = max(0, depth - 1)
        elif depth and one in "\"'" and (end := body.find(one, at + 1)) > 0:
            if "\\" in body[at:end]:
                return True
            at = end
        at += 1
    return depth > 0


def _at(one: NewSyntax, line: int) -> NewSyntax:
    return NewSyntax(minor=one.minor, what=one.what, line=line)


def _line(source: str, at: int) -> int:
    return source.count("\n", 0, at) + 1
