"""N307: relative paths as Windows separates them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from r2i.check.cell_edits import in_cell
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Facts, Literal
from r2i.check.findings import Finding, Rule
from r2i.check.nearest import nearest
from r2i.check.reads import TOLERANT, reading_arguments
from r2i.check.rules.paths import SHOWING
from r2i.check.subject import Subject
from r2i.check.wording import from_notebook
from r2i.edits.fixes import Fix

#: A plain relative path with a backslash between its parts, that ends as files do.
RELATIVE = re.compile(r"(?:[\w .()+@&=-]+[\\/])+[\w .()+@&=-]*\w\.\w{1,10}")


def _relative(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        cells = [*subject.code_of.get(notebook.path, ())]
        written = None
        for cell, facts in cells:
            if "\\" not in cell.source or cell.tags & TOLERANT:
                continue
            for literal in _literals(facts):
                written = _said_elsewhere(subject, notebook) if written is None else written
                if finding := _finding(subject, notebook, cell, literal, written):
                    yield finding


def _literals(facts: Facts) -> Iterator[Literal]:
    for literal in facts.literals:
        shown = literal.alone or literal.optional or literal.call in SHOWING
        if not shown and "\\" in literal.value and RELATIVE.fullmatch(literal.value):
            yield literal


def _said_elsewhere(subject: Subject, notebook: Notebook) -> dict[str, set[str]]:
    """By path the calls that are given it, `read` for all that read a file."""
    found: dict[str, set[str]] = {}
    cells = subject.code_of.get(notebook.path, ())
    reading = {(line, said) for line, said in reading_arguments([facts for _, facts in cells])}
    for _, facts in cells:
        for literal in facts.literals if "\\" in facts.source else ():
            is_read = (literal.line, literal.value) in reading
            found.setdefault(literal.value, set()).add("read" if is_read else literal.call)
    return found


def _finding(
    subject: Subject, notebook: Notebook, cell: Cell, literal: Literal, calls: dict[str, set[str]]
) -> Finding | None:
    """None where the code may make a file of that very name, and where a string that nothing reads is no file of the repository."""
    said = literal.value
    given_to = calls.get(said, set())
    there = _there(subject, notebook, said)
    if given_to - {"read", ""} or (there is None and "read" not in given_to):
        return None
    right = there or nearest(subject, said)
    path = from_notebook(right, notebook.path) if right else said.replace("\\", "/")
    fix = _fix(subject, notebook, cell, literal, path) if there else None
    return Finding(
        message=f"`{said}` is a relative path of Windows: Linux takes the backslash as a part of the name",
        file=notebook.path,
        line=subject.line_of(notebook, cell, literal.line),
        cell=cell.number,
        hint=f"Write `{path}`" + ("" if right else ", and commit the file"),
        fix=fix,
    )


def _there(subject: Subject, notebook: Notebook, said: str) -> str | None:
    """The file of the repository that Windows would open: it knows no case."""
    directory = posixpath.dirname(notebook.path)
    path = posixpath.normpath(posixpath.join(directory, said.replace("\\", "/")))
    if path in subject.files:
        return path
    found = nearest(subject, path)
    return found if found and found.casefold() == path.casefold() else None


def _fix(subject: Subject, notebook: Notebook, cell: Cell, literal: Literal, path: str) -> Fix | None:
    lines = cell.source.split("\n")
    line = lines[literal.line - 1] if literal.line <= len(lines) else ""
    spelled: Iterable[str] = (literal.value.replace("\\", "\\\\"), literal.value)
    old = next((one for one in spelled if line.count(one) == 1), None)
    edit = in_cell(subject, notebook, cell, literal.line, old=old, new=path) if old else None
    return (
        Fix(title=f"Write `{path}` in cell {cell.number} of `{notebook.path}`", edits=(edit,))
        if edit
        else None
    )


RULES = (
    Rule(
        code="N307",
        name="windows-path",
        severity="error",
        why="The file is not found, because only Windows separates directories with a backslash.",
        find=_relative,
    ),
)
