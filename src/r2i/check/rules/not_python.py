"""N204: cells that the kernel of Python cannot run: lines for a shell, and sentences."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from r2i.check.cell_edits import in_cell
from r2i.check.code.broken_code import command_lines
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Facts
from r2i.check.facts.notebook_tables import is_of_python
from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.edits.fixes import Fix
from r2i.formats.requirements.lines import quoted

#: What has a magic of its own, and what a cell cannot do: its shell ends with the line.
MAGICS = frozenset({"cd", "pip", "conda", "mamba", "micromamba"})
IN_VAIN = re.compile(r"sudo\b|source\b|(?:conda|mamba)[ \t]+activate\b")


def _not_python(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        cells = subject.code_of.get(notebook.path, ())
        found = [(cell, facts) for cell, facts in cells if facts.not_python or command_lines(facts.source)]
        if not found or not is_of_python(notebook) or not any(facts.imports for _, facts in cells):
            continue
        defined = {name for _, facts in cells for name in facts.defined}
        for cell, facts in found:
            broken = facts.not_python
            if cell.fails_on_purpose:
                continue
            if broken and broken.kind == "shell":
                numbers = sorted({*_changed(facts), *_subtracted(facts, defined)})
                yield _of_shell(subject, notebook, cell, numbers)
            elif broken and broken.kind == "text":
                yield _of_text(subject, notebook, cell, broken.line)
            elif not broken and (commands := _subtracted(facts, defined)):
                yield _of_shell(subject, notebook, cell, commands)


def _changed(facts: Facts) -> list[int]:
    """The numbers of the lines that are for a shell."""
    kept = facts.broken.python.split("\n") if facts.broken else []
    pairs = zip(facts.source.split("\n"), kept, strict=False)
    return [number for number, (old, new) in enumerate(pairs, 1) if old.strip() and not new.strip()]


def _subtracted(facts: Facts, defined: Collection[str]) -> list[int]:
    return [number for number, name in command_lines(facts.source) if name not in defined]


def _of_shell(subject: Subject, notebook: Notebook, cell: Cell, numbers: list[int]) -> Finding:
    lines = cell.source.split("\n")
    first = lines[numbers[0] - 1].strip()
    fix = None
    if any(IN_VAIN.match(lines[number - 1].strip()) for number in numbers):
        hint = "Remove the line: what every session needs belongs to `postBuild` or `start`"
    else:
        hint = f"Write {quoted(_for_shell(first))}"
        edits = [
            in_cell(subject, notebook, cell, number, old=line, new=_for_shell(line))
            for number in numbers
            if (line := lines[number - 1])
        ]
        known = tuple(edit for edit in edits if edit)
        if len(known) == len(numbers):
            which = f"cell {cell.number} of `{notebook.path}`"
            fix = Fix(title=f"Give {which} the signs of commands for a shell", edits=known)
    return Finding(
        message=f"{quoted(first)} is a command for a shell, and the kernel of the notebook is Python",
        file=notebook.path,
        line=subject.line_of(notebook, cell, numbers[0]),
        cell=cell.number,
        hint=hint,
        fix=fix,
    )


def _for_shell(line: str) -> str:
    return f"{'%' if line.split(maxsplit=1)[0] in MAGICS else '!'}{line}"


def _of_text(subject: Subject, notebook: Notebook, cell: Cell, line: int) -> Finding:
    said = cell.source.split("\n")[line - 1].strip()
    return Finding(
        message=f"{quoted(said[:40] + ('…' if len(said) > 40 else ''))} is text in a code cell, which the kernel runs as Python",
        file=notebook.path,
        line=subject.line_of(notebook, cell, line),
        cell=cell.number,
        hint="Make it a Markdown cell, or begin its lines with `#`",
    )


RULES = (
    Rule(
        code="N204",
        name="not-python",
        severity="error",
        why="The cell is no Python code, so it fails, and nothing below it runs.",
        find=_not_python,
    ),
)
