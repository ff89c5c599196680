"""The text of a Nix file: the paths in it, and the arguments of its function, as far as this is seen without evaluating it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: What changes how the text goes on: in code, in a string, and in one with two single quotes.
IN_CODE = re.compile(
    r"#[^\n]*|/\*.*?(?:\*/|\Z)|(?<![\w+.-])[A-Za-z][\w+.-]*://[^\s;\"()\[\]{}]*|''|\$\{|[\"{}]",
    re.DOTALL | re.ASCII,
)
IN_STRING = re.compile(r"\\.|\$\$|\$\{|\"", re.DOTALL)
IN_INDENTED = re.compile(r"'''|''\$|''\\.|\$\$|\$\{|''", re.DOTALL)

#: A path, perhaps with a part that is computed; a division of names looks the same and names no file.
PATH = re.compile(
    r"(?<![\w.+~/\"$}-])(?P<path>[\w.+-]*(?:/[\w.+-]+)+/?|\.{1,2}/(?=\$\{))(?P<computed>\$\{)?", re.ASCII
)
SEARCH_PATH = re.compile(r"<(?P<name>[\w.+-]+)(?:/[\w.+-]+)*>", re.ASCII)

#: What may stand before a directory whose `default.nix` is meant.
COMPARED = re.compile(r"[=!]=\s*\Z")
IMPORTS = re.compile(r"\b(?:import|callPackage)\s*\(?\s*\Z")

BRACKET = re.compile(r"[{}\[\](),]")
WORD = re.compile(r"[A-Za-z_][\w'-]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class NixPath:
    """A path as it is written, and its line. `computed` says that it has a part that only evaluation tells, `imported` that a file of
    the language is meant."""

    path: str
    line: int
    computed: bool = False
    imported: bool = False


def code_of(text: str) -> str:
    """The same text with blanks for comments and what is in strings: positions and lines are those of the text."""
    parts: list[str] = []
    modes = [IN_CODE]
    at = 0
    while at < len(text):
        mode = modes[-1]
        mark = mode.search(text, at)
        end = mark.start() if mark else len(text)
        parts.append(text[at:end] if mode is IN_CODE else _blank(text[at:end]))
        if mark is None:
            break
        parts.append(_taken(mark[0], modes))
        at = mark.end()
    return "".join(parts)


def _taken(mark: str, modes: list[re.Pattern[str]]) -> str:
    """Change the mode as the mark says; the mark as it stands in the code."""
    mode = modes[-1]
    if mark in ("${", "{") and (mode is IN_CODE or mark == "${"):
        modes.append(IN_CODE)
        return mark
    if mode is not IN_CODE:
        if mark in ('"', "''"):
            modes.pop()
            return mark
        return _blank(mark)
    if mark == "}":
        if len(modes) > 1:
            modes.pop()
        return mark
    if mark in ('"', "''"):
        modes.append(IN_STRING if mark == '"' else IN_INDENTED)
        return mark
    return _blank(mark)


def _blank(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))


def paths(code: str) -> Iterator[NixPath]:
    """All paths in code without comments and strings, but for those that are only compared."""
    line, at = 1, 0
    for match in PATH.finditer(code):
        line += code.count("\n", at, match.start())
        at = match.start()
        if COMPARED.search(code, max(0, at - 10), at):
            continue
        yield NixPath(
            path=match["path"],
            line=line,
            computed=match["computed"] is not None,
            imported=IMPORTS.search(code, max(0, at - 40), at) is not None,
        )


def search_paths(code: str) -> Iterator[tuple[str, int]]:
    """What is looked for in `NIX_PATH`: the first part of each name, and its line."""
    line, at = 1, 0
    for match in SEARCH_PATH.finditer(code):
        line += code.count("\n", at, match.start())
        at = match.start()
        yield match["name"], line


def required_arguments(code: str) -> tuple[str, ...]:
    """The arguments without a default of the function that the file is; none where it is something else."""
    start = re.match(r"\s*(?:[\w'-]+\s*@\s*)?\{", code)
    if start is None:
        return ()
    depth, at, names = 1, start.end(), list[str]()
    first = at
    for mark in BRACKET.finditer(code, at):
        at = mark.end()
        if depth == 1 and mark[0] in ",}":
            names.append(code[first : mark.start()].strip())
            first = at
        depth += (mark[0] in "{[(") - (mark[0] in "}])")
        if not depth:
            break
    if not re.match(r"\s*(?:@\s*[\w'-]+\s*)?:", code[at:]):
        return ()
    return tuple(name for name in names if WORD.fullmatch(name))
