"""Notebooks as the check sees them: their cells without the outputs, and where each line of them stands in the file.

The format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError

#: What is not read: no notebook that somebody opens is as large, in bytes, and of one that is we say so.
LARGEST = 64_000_000

CellKind: TypeAlias = Literal["code", "markdown", "raw"]

#: Where a cell's text is, in version 4 and in version 3 of the format.
SOURCE_KEYS = ("source", "input")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`number` counts all cells of the notebook from 1; `output_size` is that of its outputs as JSON, in characters."""

    number: int
    kind: CellKind
    source: str
    tags: frozenset[str] = frozenset()
    output_size: int = 0


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """`error` says why it could not be read, and `error_line` where; then it has no cells.

    `kernel` is the name of its kernelspec and `language` that of what its cells are written in, lower case; both are
    empty where it does not say.
    """

    path: str
    size: int
    cells: tuple[Cell, ...] = ()
    kernel: str = ""
    language: str = ""
    error: str | None = None
    error_line: int | None = None

    @property
    def code(self) -> Iterator[Cell]:
        return (cell for cell in self.cells if cell.kind == "code")


def read_notebook(checkout: Checkout, path: str) -> Notebook:
    """Never raises for what is in the file: that is a finding."""
    try:
        data = checkout.read_bytes(path, limit=LARGEST)
    except InvalidRepositoryError as error:
        return Notebook(path=path, size=0, error=error.message)
    size = len(data)
    try:
        document = json.loads(data)
    except json.JSONDecodeError as error:
        return Notebook(path=path, size=size, error=f"It is not JSON: {error.msg}", error_line=error.lineno)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Notebook(path=path, size=size, error="It is not UTF-8 text", error_line=line)
    except (RecursionError, ValueError):  # ValueError: more digits than Python reads
        return Notebook(
            path=path, size=size, error="It is nested too deeply, or has a number that is too long"
        )
    del data
    if not isinstance(document, dict) or not _has_cells(document):
        return Notebook(
            path=path, size=size, error="It is JSON, but no notebook: it has no list of cells", error_line=1
        )
    metadata = _mapping(document.get("metadata"))
    kernel = _mapping(metadata.get("kernelspec"))
    language = _mapping(metadata.get("language_info")).get("name") or kernel.get("language")
    return Notebook(
        path=path,
        size=size,
        cells=tuple(_cell(number, cell) for number, cell in enumerate(_cells(document), 1)),
        kernel=_text(kernel.get("name")),
        language=_text(language).lower(),
    )


class Places:
    """Where the lines of a notebook's cells stand in its file. Made for what is reported only: it reads the file again."""

    def __init__(self, checkout: Checkout, path: str) -> None:
        self._text = checkout.read_bytes(path, limit=LARGEST).decode(errors="replace")
        self._starts = list(_cell_starts(self._text))

    def line(self, cell: int, source_line: int) -> int:
        """The line of the file with line `source_line` of cell number `cell`, both counted from 1."""
        if cell > len(self._starts):
            return 1
        begin, end = self._starts[cell - 1]
        for at in _source_strings(self._text, begin, end):
            source_line -= at[1]
            if source_line <= 0:
                return self._text.count("\n", 0, at[0]) + 1
        return self._text.count("\n", 0, begin) + 1


def _cell_starts(text: str) -> Iterator[tuple[int, int]]:
    """Beginning and end of each cell in the JSON."""
    decoder = json.JSONDecoder()
    for match in re.finditer(r'"cells"\s*:\s*\[', text):
        at = match.end()
        while found := re.compile(r"[\s,]*(?=\{)").match(text, at):
            begin = found.end()
            try:
                _, at = decoder.raw_decode(text, begin)
            except (ValueError, RecursionError):
                return
            yield begin, at


def _source_strings(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Where each string of a cell's source begins, and how many lines of the source it holds."""
    found = _key_at_top(text, begin, end)
    if found is None:
        return
    string = re.compile(r'\s*,?\s*("(?:[^"\\]|\\.)*")', re.DOTALL)
    listed = re.compile(r"\s*\[").match(text, found)
    at = listed.end() if listed else found
    while (match := string.match(text, at)) and match.end() <= end:
        value = match[1]
        lines = len(re.findall(r"(?<!\\)(?:\\\\)*\\n", value))
        yield match.start(1), lines if listed and lines else max(lines, 0) + (0 if listed else 1) or 1
        if not listed:
            return
        at = match.end()


def _key_at_top(text: str, begin: int, end: int) -> int | None:
    """Where the value of the cell's own `source` begins; those of its outputs and attachments are deeper."""
    decoder = json.JSONDecoder()
    at = begin + 1
    key = re.compile(r'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
    while (match := key.match(text, at)) and match.end() < end:
        if match[1].strip('"') in SOURCE_KEYS:
            return match.end()
        try:
            _, at = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            return None
    return None


def _has_cells(document: Mapping[str, Any]) -> bool:
    return isinstance(document.get("cells"), list) or isinstance(document.get("worksheets"), list)


def _cells(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    sheets = [document] if "cells" in document else document["worksheets"]
    for sheet in sheets:
        for cell in _list(_mapping(sheet).get("cells")):
            yield _mapping(cell)


def _cell(number: int, cell: Mapping[str, Any]) -> Cell:
    kind = cell.get("cell_type")
    outputs = _list(cell.get("outputs"))
    return Cell(
        number=number,
        kind=kind if kind in ("code", "raw") else "markdown",
        source=next((_joined(cell[key]) for key in SOURCE_KEYS if key in cell), ""),
        tags=frozenset(
            tag for tag in _list(_mapping(cell.get("metadata")).get("tags")) if isinstance(tag, str)
        ),
        output_size=sum(map(_size, outputs)),
    )


def _size(value: object) -> int:
    """About how many characters a value is as JSON: what is long are its strings."""
    pending, size = [value], 0
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            size += len(one)
        elif isinstance(one, dict):
            size += sum(map(len, one))
            pending += one.values()
        elif isinstance(one, list):
            pending += one
        else:
            size += 4
    return size


def _joined(source: object) -> str:
    if isinstance(source, str):
        return source
    return "".join(part for part in _list(source) if isinstance(part, str))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
