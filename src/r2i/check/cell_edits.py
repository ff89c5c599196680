"""Changes of single lines of code in notebooks, where the file says them once and plainly."""

from __future__ import annotations

import json

from r2i.check.code.notebooks import LARGEST, Cell, Notebook
from r2i.check.subject import Subject
from r2i.edits.fixes import Edit


def in_cell(
    subject: Subject, notebook: Notebook, cell: Cell, line: int, *, old: str, new: str
) -> Edit | None:
    """A piece of a line of a cell (the line is counted from 1) becomes another; None where it is not found there exactly once.

    Most programs write each line of a cell into a line of its own. Where the whole notebook is one line, the piece may be
    anywhere in it.
    """
    number = subject.line_of(notebook, cell, line)
    data = subject.checkout.read_bytes(notebook.path, limit=LARGEST)
    lines = data.split(b"\n")
    if number > len(lines):
        return None
    before, after = (json.dumps(text, ensure_ascii=False)[1:-1].encode() for text in (old, new))
    if cell.first_line is not None:  # a notebook that is a text
        before, after = old.encode(), new.encode()
    raw = lines[number - 1]
    if raw.count(before) != 1:
        return None
    start = sum(len(one) + 1 for one in lines[: number - 1]) + raw.index(before)
    return Edit(file=notebook.path, start=start, end=start + len(before), text=after)
