"""`*.ipynb`: a notebook may compile, says which version of its language it ran on, and imports what the Binder environment has."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.imports import in_modules, in_notebook, without_own
from r2i.formats.languages import NAMES, language_of
from r2i.model import Detection, Evidence, Options, VersionRequest

#: Cell magics and shell commands, as they stand in a notebook's JSON: at the beginning of a source line.
COMPILES = re.compile(
    rb'"\s*(%%(?:cython|cpp|fortran|f90|pybind11|cffi)\b|%load_ext\s+(?:[Cc]ython|fortranmagic)'
    rb"|!\s*(?:gcc|g\+\+|cc|gfortran|make|cmake|f2py)\s)"
)

#: The same of commands that run Node.js.
NODE = re.compile(
    rb'"\s*+(?:\w{1,40}+\s*+=\s*+)?(!{1,2}\s*+(node|nodejs|npm|npx|yarn|corepack)|%%script\s+node)(?=[\s"\\])'
)

#: The keys of the metadata, the better one first. In the text of a cell their quotes are escaped.
KEYS = (b'"language_info"', b'"kernelspec"')
OBJECT = re.compile(r'"\w+"\s*:\s*(?=\{)')
KERNEL = re.compile(r"[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,79}", re.ASCII)
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

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        compiles: list[Evidence] = []
        node: list[Evidence] = []
        yarn: list[Evidence] = []
        ran: dict[str, list[tuple[str, Evidence]]] = {}
        kernels: dict[str, set[str]] = {}
        imports: dict[str, Evidence] = {}
        path = None
        for path, data, whole in _notebooks(checkout):
            if whole:
                compiles += _compiler(path, data)
                called = [*_node(path, data)]
                node += called
                yarn += called if called and any(one[2] == b"yarn" for one in NODE.finditer(data)) else []
                in_notebook(path, data, imports)
            if found := _ran_on(data):
                language, version, at = found
                line = _line(data, at) if whole else None
                ran.setdefault(language, []).append((version, Evidence(why="", file=path, line=line)))
                kernels.setdefault(language, set()).update(_kernel(data))
        in_modules(checkout, imports)
        imports = without_own(checkout, imports)
        if path is None and not imports:
            return None
        return Detection(
            compiles=tuple(compiles),
            node=tuple(node),
            yarn=tuple(yarn),
            ran_on={language: _majority(language, versions) for language, versions in ran.items()},
            kernels={language: tuple(sorted(names)) for language, names in kernels.items()},
            imports=imports,
        )


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


def _compiler(path: str, data: bytes) -> Iterator[Evidence]:
    if match := COMPILES.search(data):
        word = match[1].decode(errors="replace").strip()
        why = f"a notebook runs a compiler: `{word}`"
        yield Evidence(why=why, file=path, line=_line(data, match.start()))


def _node(path: str, data: bytes) -> Iterator[Evidence]:
    if match := NODE.search(data):
        why = f"a notebook runs Node.js: `{match[1].decode()}`"
        yield Evidence(why=why, file=path, line=_line(data, match.start()))


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _ran_on(data: bytes) -> tuple[str, str, int] | None:
    """The language of a notebook, the minor release that it ran on, and where it says so.

    Nothing else of the notebook is parsed. The release is empty where only the language is known, which tells nothing of Python.
    """
    for key in KEYS:
        at = data.rfind(key)
        if at < 0 or data[at - 1 : at] == b"\\" or not (said := _object(data, at)):
            continue
        name = said.get("name" if key == KEYS[0] else "language")
        language = language_of(name) if isinstance(name, str) else ""
        if language not in NAMES:
            continue
        version = said.get("version")
        found = VERSION.fullmatch(version) if key == KEYS[0] and isinstance(version, str) else None
        if found:
            place = data.find(b'"version": "' + found[0].encode(errors="replace"), at)
            return language, found[1], max(at, place)
        if language != "python":
            return language, "", at
    return None


def _kernel(data: bytes) -> Iterator[str]:
    """The name of the kernel that a notebook asks for, where Jupyter takes it for one."""
    at = data.rfind(KEYS[1])
    said = _object(data, at) if at >= 0 and data[at - 1 : at] != b"\\" else None
    name = said.get("name") if said else None
    if isinstance(name, str) and KERNEL.fullmatch(name):
        yield name


def _object(data: bytes, at: int) -> dict[str, object] | None:
    text = data[at : at + LONGEST_METADATA].decode(errors="replace")
    if not (start := OBJECT.match(text)):
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _majority(language: str, ran: list[tuple[str, Evidence]]) -> VersionRequest:
    """What most notebooks ran on that say it; where two are as many, the newer."""
    ran = [each for each in ran if each[0]] or ran
    counts = Counter(version for version, _ in ran)
    version = max(
        counts, key=lambda version: (counts[version], [*map(int, version.split("."))] if version else [])
    )
    first = next(evidence for one, evidence in ran if one == version)
    if len(ran) == 1:
        who = "the notebook"
    elif len(counts) == 1:
        who = "both notebooks" if len(ran) == 2 else f"all {len(ran)} notebooks"
    else:
        who = f"{counts[version]} of {len(ran)} notebooks"
    is_in = f"{'is' if len(ran) == 1 else 'are'} in {NAMES[language]}"
    why = f"{who} ran on {NAMES[language]} {version}" if version else f"{who} {is_in}"
    evidence = Evidence(why=why, file=first.file, line=first.line)
    return VersionRequest(version=version, evidence=evidence)
