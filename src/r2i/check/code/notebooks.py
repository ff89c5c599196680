"""Notebooks as the check sees them: their cells without the outputs, and where each line of them stands in the file.

The format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from r2i.check.code import json_places
from r2i.check.code.credentials import Credential, credentials_in, may_have_credentials
from r2i.check.code.pointers import pointer_of
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.languages import language_of

#: What is not read: no notebook that somebody opens is as large, in bytes, and of one that is we say so.
LARGEST = 64_000_000

#: More values than this would need a multiple of the memory that their text needs; half of a hundred megabytes of plots.
MOST_VALUES = 2_000_000

#: Nobody reads as many, nor has a browser room for them.
MOST_CELLS = 5_000

#: Outputs of smaller notebooks are not measured, in bytes.
SMALL = 1_000_000

CellKind: TypeAlias = Literal["code", "markdown", "raw"]

#: Why a notebook could not be read.
NotebookProblem: TypeAlias = Literal[
    "unreadable", "json", "pointer", "encoding", "mark", "constant", "conflict", "shape", "large"
]

#: Where a cell's text is, in version 4 and in version 3 of the format.
SOURCE_KEYS = ("source", "input")

NO_TAGS: frozenset[str] = frozenset()

#: Keys of outputs, and kinds of their data, in which no text is.
PICTURES = ("image/", "audio/", "video/", "application/pdf", "png", "jpeg", "svg", "pdf")

CONFLICT = b"<<<<<<< "
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`number` counts all cells of the notebook from 1; `output_size` is that of its outputs as JSON, in characters,
    and 0 in small notebooks. `execution_count` is None where it was not executed. `leaks` are credentials in its outputs.
    `first_line` is where it begins in a notebook that is a text.
    """

    number: int
    kind: CellKind
    source: str
    tags: frozenset[str] = frozenset()
    output_size: int = 0
    execution_count: int | None = None
    first_line: int | None = None
    leaks: tuple[Credential, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """`error` says why it could not be read, `problem` of what kind that is, and `error_line` where; then it has no cells.

    `kernel` is the name of its kernelspec, `kernel_title` what people see of it, and `language` that of what its cells are written in, lower case; both are
    empty where it does not say. `language_named` tells whether `language_info` does, by which JupyterLab finds a kernel.
    `version` is the major number of its format, None where that is none. `form` says what a notebook is that is a text, and empty for others.
    """

    path: str
    size: int
    cells: tuple[Cell, ...] = ()
    kernel: str = ""
    kernel_title: str = ""
    language: str = ""
    language_named: bool = False
    language_version: str = ""
    version: int | None = None
    form: str = ""
    error: str | None = None
    error_line: int | None = None
    problem: NotebookProblem | None = None

    @property
    def code(self) -> Iterator[Cell]:
        return (cell for cell in self.cells if cell.kind == "code")


def read_notebook(checkout: Checkout, path: str, size: int = 0) -> Notebook:
    """Never raises for what is in the file: that is a finding. `size` is what the file is known to have."""
    if size > LARGEST:
        return Notebook(path=path, size=size, error=f"It has {size / 1e6:,.0f} MB", problem="large")
    try:
        data = checkout.read_bytes(path, limit=LARGEST)
    except InvalidRepositoryError as error:
        return Notebook(path=path, size=size, error=error.message, problem="unreadable")
    try:
        document = _document(data)
    except _Unreadable as error:
        return Notebook(
            path=path, size=len(data), error=error.message, error_line=error.line, problem=error.problem
        )
    return _notebook(path, len(data), document)


class _Unreadable(Exception):  # noqa: N818 - what is wrong with a file, never raised beyond this module
    def __init__(self, problem: NotebookProblem, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.problem, self.message, self.line = problem, message, line


def _document(data: bytes) -> dict[str, Any]:
    """As Jupyter reads a notebook: UTF-8 without a mark."""
    if pointer := pointer_of(data):
        raise _Unreadable("pointer", f"It is a {pointer.program} pointer without its content", 1)
    if data.startswith(BYTE_ORDER_MARK):
        raise _Unreadable("mark", "It begins with a byte order mark", 1)
    if len(data) > MOST_VALUES and sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise _Unreadable("large", "It has millions of values")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Unreadable("encoding", "It is not UTF-8 text", line) from error
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        if marker := _conflict_line(data):
            raise _Unreadable("conflict", "It contains conflict markers", marker) from error
        raise _Unreadable("json", f"It is not JSON: {error.msg}", error.lineno) from error
    except (RecursionError, ValueError) as error:  # ValueError: more digits than Python reads
        message = "It is nested too deeply, or contains a number that is too long"
        raise _Unreadable("json", message) from error
    if not isinstance(document, dict) or not _has_cells(document):
        raise _Unreadable("shape", "It is JSON without a list of cells", 1)
    if sum(1 for _ in _cells(document)) > MOST_CELLS:
        raise _Unreadable("large", f"It has more than {MOST_CELLS:,} cells")
    return document


def _refuse_constant(name: str) -> object:
    raise _Unreadable("constant", f"It contains `{name}`, which a browser cannot read")


def _conflict_line(data: bytes) -> int | None:
    at = 0 if data.startswith(CONFLICT) else data.find(b"\n" + CONFLICT) + 1
    return data.count(b"\n", 0, at) + 1 if at or data.startswith(CONFLICT) else None


def _notebook(path: str, size: int, document: Mapping[str, Any]) -> Notebook:
    metadata = _mapping(document.get("metadata"))
    kernel = _mapping(metadata.get("kernelspec"))
    info = _mapping(metadata.get("language_info"))
    version = document.get("nbformat")
    cells = [*_cells(document)]
    leaky = may_have_credentials("\n".join(text for cell in cells for text in _texts(cell)))
    return Notebook(
        path=path,
        size=size,
        cells=tuple(
            _cell(number, cell, measured=size > SMALL, leaky=leaky) for number, cell in enumerate(cells, 1)
        ),
        kernel=_text(kernel.get("name")),
        kernel_title=_text(kernel.get("display_name")),
        language=language_of(_text(info.get("name") or kernel.get("language"))),
        language_named=bool(_text(info.get("name"))),
        language_version=_text(info.get("version")),
        version=version if type(version) is int else None,
    )


class Places:
    """Where the lines of a notebook's cells stand in its file. Made for what is reported only: it reads the file again.

    It keeps a number for each line of each cell, and nothing of the text.
    """

    def __init__(self, checkout: Checkout, path: str) -> None:
        text = checkout.read_bytes(path, limit=LARGEST).decode(errors="replace")
        self._cells: list[tuple[int, array[int]]] = []
        at, line = 0, 1
        for cell in _cell_places(text):
            line += text.count("\n", at, cell)
            at = cell
            self._cells.append((line, array("L", _source_lines(text, cell, line))))

    def line(self, cell: int, source_line: int = 1) -> int:
        """The line of the file with line `source_line` of cell number `cell`, both counted from 1."""
        if not 0 < cell <= len(self._cells):
            return 1
        begin, lines = self._cells[cell - 1]
        return lines[source_line - 1] if 0 < source_line <= len(lines) else begin


@dataclass(frozen=True, kw_only=True)
class Place:
    """A value in a file: its first line, counted from 1, and its first byte and that after its last one."""

    line: int
    start: int
    end: int


def place_of(checkout: Checkout, path: str, *keys: str) -> Place | None:
    """Where the value of a notebook is to which the keys of nested objects lead, None where there is none."""
    text = checkout.read_bytes(path, limit=LARGEST).decode(errors="replace")
    at = json_places.found(text, *keys)
    if at is None:
        return None
    start = len(text[:at].encode())
    length = len(text[at : json_places.end(text, at)].encode())
    return Place(line=text.count("\n", 0, at) + 1, start=start, end=start + length)


def line_of_value(checkout: Checkout, path: str, *keys: str) -> int | None:
    place = place_of(checkout, path, *keys)
    return place.line if place else None


def _cell_places(text: str) -> Iterator[int]:
    top = json_places.members(text, json_places.start(text))
    if "cells" in top:
        yield from json_places.elements(text, top["cells"])
    elif "worksheets" in top:
        for sheet in json_places.elements(text, top["worksheets"]):
            if cells := json_places.members(text, sheet).get("cells"):
                yield from json_places.elements(text, cells)


def _source_lines(text: str, cell: int, line: int) -> Iterator[int]:
    """For each line of a cell's source the line of the file in which it begins; `line` is that of the cell."""
    keys = json_places.members(text, cell)
    at = next((keys[key] for key in SOURCE_KEYS if key in keys), None)
    if at is None:
        return
    strings = [at] if text.startswith('"', at) else json_places.elements(text, at)
    begun, counted = False, cell  # whether an earlier string holds the beginning of the line
    for place in strings:
        found = json_places.string(text, place)
        if not found or not (value := found[0]):
            continue
        line += text.count("\n", counted, place)
        counted = place
        yield from [line] * (value.count("\n") + (not value.endswith("\n")) - begun)
        begun = not value.endswith("\n")


def _has_cells(document: Mapping[str, Any]) -> bool:
    sheets = [document] if "cells" in document else document.get("worksheets")
    return isinstance(sheets, list) and all(
        isinstance(sheet, dict)
        and isinstance(cells := sheet.get("cells", []), list)
        and all(isinstance(cell, dict) for cell in cells)
        for sheet in sheets
    )


def _cells(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for sheet in [document] if "cells" in document else document["worksheets"]:
        yield from sheet.get("cells", [])


def _cell(number: int, cell: Mapping[str, Any], *, measured: bool, leaky: bool) -> Cell:
    kind = cell.get("cell_type")
    count = cell.get("execution_count", cell.get("prompt_number"))
    return Cell(
        number=number,
        kind=kind if kind in ("code", "raw") else "markdown",
        source=next((_joined(cell[key]) for key in SOURCE_KEYS if key in cell), ""),
        tags=_tags(tags) if (tags := _mapping(cell.get("metadata")).get("tags")) else NO_TAGS,
        output_size=_size(cell.get("outputs")) if measured else 0,
        execution_count=count if type(count) is int else None,
        leaks=credentials_in("\n".join(_texts(cell))) if leaky else (),
    )


def _tags(tags: object) -> frozenset[str]:
    return frozenset(tag for tag in _list(tags) if isinstance(tag, str))


def _texts(cell: Mapping[str, Any]) -> Iterator[str]:
    """What people read of the outputs: streams, tracebacks and tables, but no pictures."""
    for output in _list(cell.get("outputs")):
        for key, value in _mapping(output).items():
            if key == "data" and isinstance(value, dict):
                yield from (_joined(data) for kind, data in value.items() if not kind.startswith(PICTURES))
            elif not key.startswith(PICTURES):
                yield _joined(value)


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
    try:
        return "".join(source) if isinstance(source, list) else ""
    except TypeError:
        return "".join(part for part in _list(source) if isinstance(part, str))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
