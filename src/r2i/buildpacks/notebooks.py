"""`*.ipynb`: a notebook may compile, says which Python it ran on, and imports what the Binder environment has."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.imports import in_modules, in_notebook, without_own
from r2i.model import BaseImage, Detection, Evidence, PythonRequest

#: Cell magics and shell commands, as they stand in a notebook's JSON: at the beginning of a source line.
COMPILES = re.compile(
    rb'"\s*(%%(?:cython|cpp|fortran|f90|pybind11|cffi)\b|%load_ext\s+(?:[Cc]ython|fortranmagic)'
    rb"|!\s*(?:gcc|g\+\+|cc|gfortran|make|cmake|f2py)\s)"
)

#: The key of the metadata. In the text of a cell its quotes are escaped.
LANGUAGE = b'"language_info"'
OBJECT = re.compile(r'"language_info"\s*:\s*(?=\{)')
VERSION = re.compile(r"(\d{1,2}\.\d{1,2})(?:\.\S*)?", re.ASCII)

#: More than the longest such metadata, in bytes.
LONGEST_METADATA = 4_000

#: Larger notebooks are large by their outputs: of these, and beyond this altogether, only the end is read, where
#: Jupyter writes the metadata, and of so many.
LARGEST = 4_000_000
ALTOGETHER = 64_000_000
MOST_ENDS = 2_000


class Notebooks:
    name = "notebooks"
    files = ()

    def detect(self, checkout: Checkout, base: BaseImage) -> Detection | None:
        compiles = []
        ran: list[tuple[str, Evidence]] = []
        imports: dict[str, Evidence] = {}
        path = None
        for path, data, whole in _notebooks(checkout):
            if whole and (match := COMPILES.search(data)):
                word = match[1].decode(errors="replace").strip()
                why = f"a notebook runs a compiler: `{word}`"
                compiles.append(Evidence(why=why, file=path, line=_line(data, match.start())))
            if whole:
                in_notebook(path, data, imports)
            if found := _python(data):
                version, at = found
                line = _line(data, at) if whole else None
                ran.append((version, Evidence(why="", file=path, line=line)))
        in_modules(checkout, imports)
        imports = without_own(checkout, imports)
        if path is None and not imports:
            return None
        return Detection(compiles=tuple(compiles), ran_on=_majority(ran), imports=imports)


def _notebooks(checkout: Checkout) -> Iterator[tuple[str, bytes, bool]]:
    """Each path with what is read of it, and whether that is all."""
    left, ends = ALTOGETHER, MOST_ENDS
    for path in checkout.glob(".ipynb"):
        try:
            data = checkout.read_bytes(path, limit=min(LARGEST, left))
            left -= len(data)
            yield path, data, True
            continue
        except InvalidRepositoryError:
            ends -= 1
        if ends < 0:
            break
        try:
            yield path, checkout.read_end(path, LONGEST_METADATA), False
        except InvalidRepositoryError:
            continue  # unreadable: no concern of a build


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _python(data: bytes) -> tuple[str, int] | None:
    """The minor release that a notebook of Python ran on, and where it says so. Nothing else of it is parsed."""
    at = data.rfind(LANGUAGE)
    if at < 0 or data[at - 1 : at] == b"\\":
        return None
    text = data[at : at + LONGEST_METADATA].decode(errors="replace")
    if not (start := OBJECT.match(text)):
        return None
    try:
        language, _ = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return None
    version = language.get("version")
    if language.get("name") != "python" or not isinstance(version, str):
        return None
    found = VERSION.fullmatch(version)
    key = data.find(b'"version": "' + version.encode(errors="replace"), at)
    return (found[1], max(at, key)) if found else None


def _majority(ran: list[tuple[str, Evidence]]) -> PythonRequest | None:
    """What most notebooks ran on; where two are as many, the newer."""
    if not ran:
        return None
    counts = Counter(version for version, _ in ran)
    version = max(counts, key=lambda version: (counts[version], [*map(int, version.split("."))]))
    first = next(evidence for one, evidence in ran if one == version)
    if len(ran) == 1:
        who = "the notebook"
    elif len(counts) == 1:
        who = "both notebooks" if len(ran) == 2 else f"all {len(ran)} notebooks"
    else:
        who = f"{counts[version]} of {len(ran)} notebooks"
    evidence = Evidence(why=f"{who} ran on Python {version}", file=first.file, line=first.line)
    return PythonRequest(version=version, evidence=evidence)
