"""N1: notebooks as files: whether they can be opened, how large they are, and whether they were run as they stand."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from r2i.check.code.notebooks import BYTE_ORDER_MARK, CONFLICT, Notebook, line_of_value
from r2i.check.code.pointers import pointer_of
from r2i.check.code.text_notebooks import HEADER
from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.edits.fixes import Edit, Fix

#: What Jupyter reads and converts by itself, and what it writes since 2015.
OLDEST_FORMAT, FORMAT = 1, 4

#: Larger outputs make a notebook slow to open, and every commit of it heavy, in bytes.
LARGE = 5_000_000

#: What jupytext writes into the metadata for the R kernel: with `--set-kernel ir` it fails where that is not installed.
KERNELSPEC_OF_R = '{"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}'

#: Directories of R packages that have documentation, and files that make the texts beside them a website or a book.
OF_R_PACKAGE = frozenset({"vignettes", "inst"})
SITES = ("_site.yml", "_bookdown.yml", "_pkgdown.yml", "_quarto.yml", "_quarto.yaml")
#: How R Markdown and Quarto call slides in their headers.
SLIDES = re.compile(
    r"_presentation\b|\bxaringan::|\brevealjs\b|^(?:format: *|  )(?:beamer|pptx)\b", re.MULTILINE
)

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
        elif notebook.problem == "pointer":
            yield _pointer(subject, notebook)
        elif notebook.problem in HINTS:
            said = "It is empty" if not notebook.size and notebook.problem == "json" else notebook.error or ""
            yield Finding(
                message=f"Jupyter cannot open the notebook: {said[:1].lower()}{said[1:]}",
                file=notebook.path,
                line=notebook.error_line,
                hint=HINTS[notebook.problem].format(path=shlex.quote(notebook.path)),
            )


def _pointer(subject: Subject, notebook: Notebook) -> Finding:
    pointer = pointer_of(subject.checkout.read_bytes(notebook.path))
    assert pointer is not None  # noqa: S101 - this is the problem
    command = pointer.command.format(path=shlex.quote(notebook.path))
    return Finding(
        message=f"This is a {pointer.program} pointer, not the notebook",
        file=notebook.path,
        line=1,
        hint=f"Run `{command}` to fetch it",
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
    """One for each directory: books and sites have dozens of texts."""
    directories: dict[str, list[Notebook]] = {}
    for notebook in subject.text_notebooks:
        if _is_other_document(subject, notebook):
            continue
        if subject.is_ignored("N107", notebook.path, 1):
            yield _texts([notebook])
        else:
            directories.setdefault(posixpath.dirname(notebook.path), []).append(notebook)
    yield from map(_texts, directories.values())


def _texts(notebooks: list[Notebook]) -> Finding:
    first, others = notebooks[0], len(notebooks) - 1
    if others:
        more = "another notebook" if others == 1 else f"{others} other notebooks"
        message = (
            f"r2i does not run this and {more} of the directory, because they are texts and not `.ipynb`"
        )
        hint = f"Commit an `.ipynb` file beside each of them; for the first: `{_conversion(first)}`"
    else:
        message = f"r2i does not run this notebook, because it is {first.form} and not `.ipynb`"
        hint = f"Commit an `.ipynb` file beside it: `{_conversion(first)}`"
    return Finding(message=message, file=first.path, line=1, hint=hint)


def _conversion(notebook: Notebook) -> str:
    """jupytext and Quarto set the kernel only where the file names it, or it is installed on the machine."""
    path, of_r = shlex.quote(notebook.path), notebook.language == "r" and not notebook.kernel
    kernel = f"--update-metadata {shlex.quote(KERNELSPEC_OF_R)}"
    if not notebook.path.endswith(".qmd"):
        return f"jupytext --to ipynb {kernel} {path}" if of_r else f"jupytext --to ipynb {path}"
    made = shlex.quote(notebook.path.removesuffix(".qmd") + ".ipynb")
    return f"quarto convert {path} && jupytext {kernel} {made}" if of_r else f"quarto convert {path}"


def _is_other_document(subject: Subject, notebook: Notebook) -> bool:
    """Whether it is known that nobody would open the text in Jupyter: documentation, the start of a website, slides."""
    directory, name = posixpath.split(notebook.path)
    stem, ending = posixpath.splitext(name)
    if ending.lower() not in (".rmd", ".qmd") or notebook.kernel:
        return False
    if stem.lower() == "readme" or OF_R_PACKAGE & set(directory.split("/")):
        return True
    if stem.lower() == "index" and any(posixpath.join(directory, file) in subject.files for file in SITES):
        return True
    header = HEADER.match(subject.text(notebook.path) or "")
    return header is not None and SLIDES.search(header[1]) is not None


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
        severity="info",
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
