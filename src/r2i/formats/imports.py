"""What notebooks and modules import of that which the Binder environment has by itself.

Most have none of these names where an import has them; only the others are parsed.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import warnings
from collections.abc import Iterator
from itertools import islice

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.facts.binder_modules import CalledModule, binder_modules, called_modules
from r2i.formats.languages import language_of
from r2i.model import Evidence

#: Every import has this word: what stands around it is looked at only there.
WORD = re.compile(rb"import[ \t]")
#: What comes before it where a line of code begins; in the JSON of a notebook that is where a string or, in it, a line begins.
BEFORE = re.compile(rb'(?:"|\\n|;|\n|\A)[ \t]*(?:from[ \t]+([\w.]+)[ \t]+)?\Z')
AFTER = re.compile(rb"[\w., \t]+")
LONGEST_LINE = 200
LINE = re.compile(r"(?:^|;)[ \t]*(?P<keyword>import|from)[ \t]+(?P<rest>[\w., \t]+)", re.MULTILINE)

#: Cells of other languages, and lines that are no Python.
PYTHON_CELLS = frozenset({"capture", "prun", "time", "timeit"})
COMMAND = re.compile(r"^[ \t]*[%!?].*$", re.MULTILINE)

#: Code that nobody who reads the notebooks runs: the name of such a file, and such paths.
DEVELOPERS_FILE = r"(?:setup|conftest|noxfile|tasks|fabfile|versioneer|conf|test_[^/]*|[^/]*_test)\.py"
FOR_DEVELOPERS = re.compile(rf"(?:.*/)?(?:\.[^/]+|tests?|docs?|{DEVELOPERS_FILE})(?:/.*)?")

#: Larger modules are data, and in so many lies more than a repository of notebooks.
LARGEST = 200_000
MOST_MODULES = 1_000


def in_notebook(path: str, data: bytes, found: dict[str, Evidence]) -> None:
    """Add what the cells of a notebook import, or libraries import for them, and is not known yet."""
    places = _places(data)
    called = _called(data, found)
    candidates = places.keys() - found.keys()
    if not (candidates or called):
        return
    try:
        sources = [*_sources(json.loads(data))]
        modules = {module for source in sources for module in _imported(source)}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return  # no notebook, or none that anybody can run
    for module in candidates & modules:
        found[module] = _evidence(module, path, data.count(b"\n", 0, places[module]) + 1)
    for row, at in called:
        if row.library in {"", *modules} and any(row.pattern.search(source.encode()) for source in sources):
            line = data.count(b"\n", 0, at) + 1
            found.setdefault(row.module, _evidence(row.module, path, line, why=f"{row.what} needs"))


def _called(data: bytes, found: dict[str, Evidence]) -> list[tuple[CalledModule, int]]:
    """What the text of a notebook may call for, and where."""
    return [
        (row, match.start())
        for row in called_modules()
        if row.module not in found
        and any(word in data for word in row.words)
        and row.library.encode() in data
        and (match := row.pattern.search(data))
    ]


def in_modules(checkout: Checkout, found: dict[str, Evidence]) -> None:
    """Add what the modules of the repository import and is not known yet."""
    paths = (path for path in checkout.glob(".py") if not FOR_DEVELOPERS.fullmatch(path))
    for path in islice(paths, MOST_MODULES):
        try:
            data = checkout.read_bytes(path, limit=LARGEST)
        except InvalidRepositoryError:
            continue
        if candidates := _places(data).keys() - found.keys():
            for module, line in _imports(data.decode(errors="replace")):
                if module in candidates:
                    found.setdefault(module, _evidence(module, path, line))


def without_own(checkout: Checkout, found: dict[str, Evidence]) -> dict[str, Evidence]:
    """Without what is a module of the repository, wherever it lies."""
    if not found:
        return found
    own = {
        name
        for path in checkout.glob(".py")
        for name in (posixpath.basename(path).removesuffix(".py"), *posixpath.dirname(path).split("/"))
    }
    return {module: evidence for module, evidence in found.items() if module not in own}


def _evidence(module: str, path: str, line: int, *, why: str = "imports") -> Evidence:
    return Evidence(why=f"{why} `{module}`, which the Binder environment has", file=path, line=line)


def _places(data: bytes) -> dict[str, int]:
    """Modules of that environment which an import may name, and where the first does."""
    found: dict[str, int] = {}
    for match in WORD.finditer(data):
        before = BEFORE.search(data[max(0, match.start() - LONGEST_LINE) : match.start()])
        if before is None:
            continue
        after = AFTER.match(data, match.end(), match.end() + LONGEST_LINE)
        words = before[1] or (after[0] if after else b"")
        for module in _tops(words.decode(errors="replace")) & binder_modules().keys():
            found.setdefault(module, match.start())
    return found


def _tops(words: str) -> set[str]:
    """The first parts of all names in `requests.adapters as r, os`, or in `requests import get`."""
    return {word.strip().split(" ")[0].partition(".")[0].strip() for word in words.split(",")}


def _sources(document: dict[str, object]) -> Iterator[str]:
    """The code cells of a notebook of Python, in format 4 or 3."""
    metadata = document.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    if language is not None and language_of(str(language)) != "python":
        return
    sheets = document.get("worksheets") or [document]
    for sheet in sheets if isinstance(sheets, list) else ():
        for cell in sheet.get("cells", ()):
            if cell.get("cell_type") == "code":
                source = cell.get("source", cell.get("input", ""))
                yield source if isinstance(source, str) else "".join(source)


def _imported(source: str) -> Iterator[str]:
    magic = re.match(r"\s*%%(\w+)[^\n]*", source)
    if magic is not None:
        if magic[1] not in PYTHON_CELLS:
            return
        source = source[magic.end() :]
    for module, _ in _imports(COMMAND.sub("pass", source)):
        yield module


def _imports(source: str) -> Iterator[tuple[str, int]]:
    """The top-level modules with their lines; where it is no Python of today, what its lines look like."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        for match in LINE.finditer(source):
            line = source.count("\n", 0, match.start("keyword")) + 1
            words = match["rest"] if match["keyword"] == "import" else match["rest"].split(" ")[0]
            yield from ((module, line) for module in _tops(words))
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node.lineno
