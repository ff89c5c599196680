"""N1: notebooks as files: whether they can be opened, how large they are, and whether they were run as they stand."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from r2i.check.code.notebooks import BYTE_ORDER_MARK, CONFLICT, line_of_value
from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.edits.fixes import Edit, Fix

#: What Jupyter reads and converts by itself, and what it writes since 2015.
OLDEST_FORMAT, FORMAT = 1, 4

#: Larger outputs make a notebook slow to open, and every commit of it heavy, in bytes.
LARGE = 5_000_000

MARKER = CONFLICT.decode()

HINTS = {
    "json": "Restore it from git (`git log -- {path}`), or fix this line in a text editor",
    "encoding": "Save it as UTF-8",
    "constant": "Replace the value with a number and run the notebook again, or clear its outputs: `jupyter nbconvert --clear-output --inplace {path}`",
    "shape": "Save it from Jupyter, or rename it if it is not a notebook",
    "unreadable": "Commit the notebook itself",
}


def _unreadable(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        if notebook.problem == "mark":
            edit = Edit(file=notebook.path, start=0, end=len(BYTE_ORDER_MARK), text=b"")
            fix = Fix(title=f"Remove the byte order mark from `{notebook.path}`", edits=(edit,))
            message = "Jupyter cannot open the notebook: it begins with a byte order mark"
            yield Finding(
                message=message,
                file=notebook.path,
                line=1,
                hint="Save it as UTF-8 without a byte order mark",
                fix=fix,
            )
        elif notebook.problem in HINTS:
            said = "It is empty" if not notebook.size and notebook.problem == "json" else notebook.error or ""
            yield Finding(
                message=f"Jupyter cannot open the notebook: {said[:1].lower()}{said[1:]}",
                file=notebook.path,
                line=notebook.error_line,
                hint=HINTS[notebook.problem].format(path=shlex.quote(notebook.path)),
            )


def _conflict(subject: Subject) -> Iterator[Finding]:
    hint = "Merge the two versions cell by cell: `nbdime mergetool` shows them side by side"
    for notebook in subject.notebooks:
        if notebook.problem == "conflict":
            message = "Jupyter cannot open the notebook: it contains an unresolved merge conflict"
            yield Finding(message=message, file=notebook.path, line=notebook.error_line, hint=hint)
        for cell in notebook.code:
            if MARKER in cell.source:
                lines = cell.source.split("\n")
                at = next((n for n, line in enumerate(lines, 1) if line.startswith(MARKER)), None)
                if at and any(line.startswith(">>>>>>> ") for line in lines[at:]):
                    yield Finding(
                        message="The cell contains an unresolved merge conflict",
                        file=notebook.path,
                        line=subject.line_of(notebook, cell, at),
                        cell=cell.number,
                        hint="Keep one of the two versions, and delete the markers",
                    )


def _unknown_format(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        if notebook.error is None and (
            notebook.version is None or not OLDEST_FORMAT <= notebook.version <= FORMAT
        ):
            said = (
                "does not name its format version"
                if notebook.version is None
                else f"has format version {notebook.version}, but Jupyter only reads versions up to {FORMAT}"
            )
            yield Finding(
                message=f"The notebook {said}",
                file=notebook.path,
                line=line_of_value(subject.checkout, notebook.path, "nbformat"),
                hint='Save it from Jupyter, which writes `"nbformat": 4`',
            )


def _old_format(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        if notebook.version is not None and OLDEST_FORMAT <= notebook.version < FORMAT:
            command = f"jupyter nbconvert --to notebook --inplace {shlex.quote(notebook.path)}"
            yield Finding(
                message=f"The notebook has format version {notebook.version}; version {FORMAT} is current since 2015",
                file=notebook.path,
                line=line_of_value(subject.checkout, notebook.path, "nbformat"),
                hint=f"Convert it: `{command}`",
            )


def _large(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        path = shlex.quote(notebook.path)
        hint = (
            f"Clear the outputs: `nbstripout {path}` or `jupyter nbconvert --clear-output --inplace {path}`"
        )
        if notebook.problem == "large":
            said = notebook.error or ""
            message = (
                f"The notebook is too large for a browser, and was not checked: {said[:1].lower()}{said[1:]}"
            )
            yield Finding(message=message, file=notebook.path, hint=hint)
        elif (outputs := sum(cell.output_size for cell in notebook.cells)) > LARGE:
            largest = max(notebook.cells, key=lambda cell: cell.output_size)
            yield Finding(
                message=f"The outputs take {outputs / 1e6:.1f} MB, of which this cell takes {largest.output_size / 1e6:.1f} MB",
                file=notebook.path,
                line=subject.line_of(notebook, largest),
                cell=largest.number,
                hint=hint,
            )


def _out_of_order(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        last = 0
        for cell in notebook.code:
            count = cell.execution_count
            if count is None or not cell.source.strip():
                continue
            if count < last:
                yield Finding(
                    message="The cells were not run from top to bottom: this cell ran before the cell above it",
                    file=notebook.path,
                    line=subject.line_of(notebook, cell),
                    cell=cell.number,
                    hint="Restart the kernel, run all cells, and save the notebook",
                )
                break
            last = count


def _as_text(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.text_notebooks:
        quarto = notebook.path.endswith(".qmd")
        path = shlex.quote(notebook.path)
        convert = f"`quarto convert {path}`" if quarto else f"`jupytext --to ipynb {path}`"
        yield Finding(
            message=f"r2i does not run this notebook, because it is {notebook.form} and not `.ipynb`",
            file=notebook.path,
            line=1,
            hint=f"Commit an `.ipynb` file beside it: {convert}",
        )


RULES = (
    Rule(
        code="N101",
        name="unreadable-notebook",
        severity="error",
        why="Jupyter shows an error instead of the notebook.",
        find=_unreadable,
    ),
    Rule(
        code="N102",
        name="merge-conflict",
        severity="error",
        why="A notebook with conflict markers does not open or does not run.",
        find=_conflict,
    ),
    Rule(
        code="N103",
        name="unknown-format",
        severity="error",
        why="Jupyter refuses a notebook with an unknown format version.",
        find=_unknown_format,
    ),
    Rule(
        code="N104",
        name="old-format",
        severity="info",
        why="Jupyter converts the notebook when it opens it, but many tools do not.",
        find=_old_format,
    ),
    Rule(
        code="N105",
        name="large-outputs",
        severity="warning",
        why="The notebook is slow to open in a browser, and every version stays in the repository.",
        find=_large,
    ),
    Rule(
        code="N106",
        name="out-of-order",
        severity="info",
        why="The stored results come from an order in which nobody else runs the cells.",
        find=_out_of_order,
    ),
    Rule(
        code="N107",
        name="notebook-as-text",
        severity="info",
        why="`r2i check --execute` runs only `.ipynb` files, and Jupyter opens others as notebooks only with an extension such as jupytext.",
        find=_as_text,
    ),
)
