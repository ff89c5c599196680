"""Notebooks that are texts: Markdown of MyST or jupytext, R Markdown, Quarto, and scripts with a header of jupytext.

The formats: https://jupytext.readthedocs.io/en/latest/formats-markdown.html and formats-scripts.html beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from r2i.check.code.notebooks import Cell, CellKind, Notebook
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.formats.languages import language_of

#: Larger texts are no notebooks, in bytes.
LARGEST_TEXT = 1_000_000

SCRIPTS = {".py": "python", ".R": "r", ".r": "r", ".jl": "julia"}
DOCUMENTS = {".Rmd": "R Markdown", ".rmd": "R Markdown", ".qmd": "Quarto", ".md": "Markdown"}

#: The YAML at the beginning of a document, and of a script in its comments.
HEADER = re.compile(r"\A---[ \t]*\n((?:(?!---|\.\.\.).*\n){1,400})(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
SCRIPT_HEADER = re.compile(
    r"\A(?:#!.*\n|# -\*-.*\n)*# ---[ \t]*\n((?:#(?! ---).*\n){1,400})# ---[ \t]*$", re.MULTILINE
)

#: What makes Markdown or a script a notebook.
OF_A_NOTEBOOK = re.compile(r"^(?:jupytext|kernelspec|jupyter):|^file_format: *mystnb\b", re.MULTILINE)
KERNEL = re.compile(
    r"^[ ]*kernelspec:[ ]*\n(?:[ ]+\w+:.*\n)*?[ ]+name:[ ]*['\"]?(?P<name>[\w.+-]+)", re.MULTILINE
)
PERCENT = re.compile(r"^# %%", re.MULTILINE)

#: The beginning of a block of code: ```` ```{code-cell} ipython3 ````, ```` ```{python label, echo=FALSE} ````, ```` ```python ````.
FENCE = re.compile(r"(?P<fence>`{3,}|~{3,})[ ]*(?P<brace>\{)?[ ]*(?P<kind>[\w-]+)(?P<rest>[^`]*)")

#: How the language of a block of R is written.
OF_R = frozenset({"r", "ir"})

RUN = frozenset({"python", "r", "julia", "bash", "octave", "sql", "stan"})


def text_notebook(checkout: Checkout, path: str, size: int) -> Notebook | None:
    """None for every other text. Only cells in Python have the kind `code`, with the line where they begin."""
    ending = path[path.rfind(".") :]
    if size > LARGEST_TEXT or ending not in SCRIPTS.keys() | DOCUMENTS.keys():
        return None
    try:
        text = checkout.read(path)
    except R2iError:
        return None
    header = (SCRIPT_HEADER if ending in SCRIPTS else HEADER).match(text)
    if header is None and ending in (*SCRIPTS, ".md"):
        return None
    said = re.sub(r"^# ?", "", header[1], flags=re.MULTILINE) if header else ""
    if ending in (*SCRIPTS, ".md") and not OF_A_NOTEBOOK.search(said):
        return None
    kernel = KERNEL.search(said)
    cells: tuple[Cell, ...] = ()
    languages: frozenset[str] = frozenset()
    if ending in SCRIPTS:
        form = f"a script of jupytext, {'`percent`' if PERCENT.search(text) else '`light`'} format"
        cells = (Cell(number=1, kind="code", source=text, first_line=1),) if ending == ".py" else ()
    else:
        form = "MyST Markdown" if "{code-cell}" in text else DOCUMENTS[ending]
        found = list(_cells(text, bare=ending == ".md" and form != "MyST Markdown"))
        cells, languages = tuple(cell for _, cell in found), frozenset(language for language, _ in found)
        if not cells and ending != ".md":
            return None  # a text without code
    language = "r" if languages & OF_R else SCRIPTS.get(ending, "other")
    if any(cell.kind == "code" for cell in cells):
        language = "python"
    return Notebook(
        path=path,
        size=size,
        cells=cells,
        kernel=kernel["name"] if kernel else "",
        language=language,
        form=form,
    )


def _cells(text: str, *, bare: bool) -> Iterator[tuple[str, Cell]]:
    """Blocks of code that a notebook runs, with their languages; those of `bare` Markdown have no braces."""
    fence, code, language, first, number = "", False, "", 0, 0
    source: list[str] = []
    for place, line in enumerate(text.split("\n"), 1):
        if not fence:
            begins = FENCE.fullmatch(line.rstrip())
            if begins is not None:
                kind = begins["kind"].lower()
                of_cell = kind == "code-cell"
                word = begins["rest"].strip("} \t").split(" ")[0] if of_cell else kind
                fence, source, first = begins["fence"], [], place + 1
                code = of_cell or (bool(begins["brace"]) != bare and language_of(kind) in RUN)
                language = language_of(word or "python")
        elif line.strip() and not line.strip().strip(fence[0]) and len(line.strip()) >= len(fence):
            if code:
                number += 1
                lines = _without_options(source)
                kind_of_cell: CellKind = "code" if language == "python" else "raw"
                yield (
                    language,
                    Cell(number=number, kind=kind_of_cell, source="\n".join(lines), first_line=first),
                )
            fence = ""
        else:
            source.append(line)


def _without_options(lines: list[str]) -> list[str]:
    """With empty lines for what MyST says of a cell at its beginning: `:tags: [hide-input]`, or YAML between dashes."""
    if lines and lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:]):
        end = next(n for n, line in enumerate(lines[1:], 2) if line.strip() == "---")
    else:
        end = next((n for n, line in enumerate(lines) if not re.match(r":[\w-]+:", line)), len(lines))
    return [""] * end + lines[end:]
