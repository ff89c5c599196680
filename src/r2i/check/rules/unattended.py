"""N401, N402: cells that need somebody at the keyboard, or a service that the image is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from r2i.check.code.notebooks import Cell
from r2i.check.code.python_code import Facts
from r2i.check.facts.notebook_tables import services
from r2i.check.findings import Finding, Rule
from r2i.check.jupyterlite import may_run_in_browser
from r2i.check.subject import Subject

#: Functions that wait for an answer, and words of which the code has one where it calls them.
ASKING = frozenset({"input", "raw_input", "getpass", "getpass.getpass"})
#: The same of debuggers. `breakpoint()` is not among them: IPython's kernel goes on where no debugger listens.
DEBUGGING = frozenset(
    {"pdb.set_trace", "pdb.pm", "pdb.post_mortem", "ipdb.set_trace", "IPython.core.debugger.set_trace"}
    | {"IPython.embed", "code.interact"}
)
WORDS = ("input(", "getpass", "set_trace", "pdb.", "embed(", "interact(", "%debug")

TOLERANT = frozenset({"skip-execution", "raises-exception"})


def _asks(subject: Subject) -> Iterator[Finding]:
    for notebook, cell, facts in subject.code:
        if cell.tags & TOLERANT or not any(word in cell.source for word in WORDS):
            continue
        if may_run_in_browser(subject, notebook):
            continue
        for line, what, hint in _waiting(facts, subject.code_of[notebook.path]):
            yield Finding(
                message=f"`{what}` waits for input, which a program that runs the notebook cannot give",
                file=notebook.path,
                line=subject.line_of(notebook, cell, line),
                cell=cell.number,
                hint=f"{hint}, or tag the cell `skip-execution`",
            )


def _waiting(facts: Facts, cells: Iterable[tuple[Cell, Facts]]) -> Iterator[tuple[int, str, str]]:
    """The line of a cell of these, what waits there, and what to do instead."""
    bound = {own: known for _, others in cells for one in others.imports for own, known in one.bound}
    for call in facts.calls:
        first, dot, rest = call.name.partition(".")
        if call.optional or call.name in facts.defined:
            continue
        if call.name in ASKING:
            yield call.line, f"{call.name}()", "Use a variable with a default value"
        elif f"{bound.get(first, first)}{dot}{rest}" in DEBUGGING:
            yield call.line, f"{call.name}()", "Remove it"
    for command in facts.commands:
        if command.sign.startswith("%") and re.match(r"debug\b", command.text):
            yield command.line, f"{command.sign}debug", "Remove it"


def _of_a_service(subject: Subject) -> Iterator[Finding]:
    for notebook, cell, facts in subject.code:
        if cell.tags & TOLERANT or not any(module in cell.source for module in services()):
            continue
        for one in facts.imports:
            names = (one.module, *(f"{one.module}.{name}" for name in one.names))
            module = next((m for m in services() for n in names if f"{n}.".startswith(f"{m}.")), None)
            if module and not one.optional:
                yield Finding(
                    message=f"`{module}` exists only on {services()[module]}, so the import fails in every image",
                    file=notebook.path,
                    line=subject.line_of(notebook, cell, one.line),
                    cell=cell.number,
                    hint=f'Import it only there: `if "{module}" in sys.modules:`',
                )


RULES = (
    Rule(
        code="N401",
        name="waits-for-input",
        severity="info",
        why="Nobody answers when a program runs the notebook.",
        find=_asks,
    ),
    Rule(
        code="N402",
        name="module-of-a-service",
        severity="error",
        why="No package provides the module; it exists only on the machines of this service.",
        find=_of_a_service,
    ),
)
