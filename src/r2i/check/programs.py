"""Programs that code starts: in a shell of a cell, in a script of the configuration, and by functions of Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from r2i.check.code.cell_installs import SHELLS
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Call, Facts
from r2i.check.code.shell_script import commands
from r2i.check.imports import uses
from r2i.check.scripts import scripts
from r2i.check.subject import Subject

#: Functions that start a program, and those that give the text to a shell.
STARTING = frozenset(
    {f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")}
)
WITH_SHELL = frozenset({"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"})
WORDS = ("run(", "call(", "check_output(", "popen(", "Popen(", "system(", "getoutput(", "getstatusoutput(")


@dataclass(frozen=True, kw_only=True)
class Started:
    """A program by its name, and the line of its file, or of a cell of a notebook."""

    program: str
    path: str
    line: int
    cell: Cell | None = None
    notebook: Notebook | None = None

    def line_of_file(self, subject: Subject) -> int:
        """To be asked for what is reported only: it reads the notebook again."""
        return (
            subject.line_of(self.notebook, self.cell, self.line) if self.notebook and self.cell else self.line
        )


def started(subject: Subject) -> Iterator[Started]:
    for notebook in (*subject.notebooks, *subject.text_notebooks):
        cells = subject.code_of.get(notebook.path, ())
        names = _names(facts for _, facts in cells)
        for cell, facts in cells:
            found = [*_in_cell(cell.source, facts, names)]
            for line, program in found if found and not cell.fails_on_purpose else ():
                yield Started(program=program, path=notebook.path, line=line, cell=cell, notebook=notebook)
    for path in sorted(subject.once(uses).modules):
        facts = subject.modules[path]
        for line, program in _in_python(facts, _names([facts])):
            if not facts.functions_at(line):  # which may be called by nobody
                yield Started(program=program, path=path, line=line)
    for script in subject.once(scripts):
        for one in script.lines:
            for program, *_ in one.commands:
                yield Started(program=program, path=script.path, line=one.first)


def _names(pieces: Iterable[Facts]) -> dict[str, str]:
    """Those that stand for the modules by which programs are started."""
    pairs = (pair for facts in pieces for one in facts.imports for pair in one.bound)
    return {own: known for own, known in pairs if known.partition(".")[0] in ("os", "subprocess")}


def _in_cell(source: str, facts: Facts, names: dict[str, str]) -> Iterator[tuple[int, str]]:
    for command in facts.commands:
        if command.sign == "!":
            yield from ((command.line, program) for _, program in _of_shell(command.text))
    if facts.language in SHELLS:
        first, _, body = source.partition("\n")
        script = re.match(r"%%script[ \t]+(?:\S*/)?(\w+)", first)
        if script is None or script[1] in ("bash", "sh"):
            for line, program in _of_shell(body):
                yield line + 1, program
    yield from _in_python(facts, names)


def _of_shell(text: str) -> Iterator[tuple[int, str]]:
    for line in commands(text):
        for program, *_ in line.commands:
            yield line.first, program


def _in_python(facts: Facts, names: dict[str, str]) -> Iterator[tuple[int, str]]:
    starts = any(f"{own}." in facts.source or f"{own}(" in facts.source for own in names)
    if not starts or not any(word in facts.source for word in WORDS):
        return
    for call in facts.calls:
        first, dot, rest = call.name.partition(".")
        full = f"{names.get(first, first)}{dot}{rest}"
        if call.optional or not call.leading:
            continue
        if full in WITH_SHELL or (full in STARTING and _has_shell(call)):
            yield from ((call.line, program) for _, program in _of_shell(call.leading))
        elif full in STARTING and " " not in call.leading:
            yield call.line, call.leading


def _has_shell(call: Call) -> bool:
    return dict(call.keywords).get("shell") is True
