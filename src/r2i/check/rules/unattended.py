"""N401, N402: cells that need somebody at the keyboard, or a service that the image is not."""

from __future__ import annotations

from collections.abc import Iterator

from r2i.check.findings import Finding, Rule
from r2i.check.notebook_tables import services
from r2i.check.subject import Subject

#: Functions that wait for an answer, and words of which the code has one where it calls them.
ASKING = frozenset({"input", "raw_input", "getpass", "getpass.getpass"})
WORDS = ("input(", "getpass")

TOLERANT = frozenset({"skip-execution", "raises-exception"})


def _asks(subject: Subject) -> Iterator[Finding]:
    for notebook, cell, facts in subject.code:
        if cell.tags & TOLERANT or not any(word in cell.source for word in WORDS):
            continue
        for call in facts.calls:
            if call.name in ASKING and not call.optional and call.name not in facts.defined:
                yield Finding(
                    message=f"`{call.name}()` waits for an answer: run by a program, the notebook fails here",
                    file=notebook.path,
                    line=subject.line_of(notebook, cell, call.line),
                    cell=cell.number,
                    hint="Take the value from a variable with a default, or tag the cell `skip-execution`",
                )


def _of_a_service(subject: Subject) -> Iterator[Finding]:
    for notebook, cell, facts in subject.code:
        if cell.tags & TOLERANT or not any(module in cell.source for module in services()):
            continue
        for one in facts.imports:
            names = (one.module, *(f"{one.module}.{name}" for name in one.names))
            module = next((m for m in services() for n in names if f"{n}.".startswith(f"{m}.")), None)
            if module and not one.optional:
                yield Finding(
                    message=f"`{module}` exists only on {services()[module]}: the import fails in every image",
                    file=notebook.path,
                    line=subject.line_of(notebook, cell, one.line),
                    cell=cell.number,
                    hint=f'Import it only there: `if "{module}" in sys.modules:`',
                )


RULES = (
    Rule(
        code="N401",
        name="waits-for-input",
        severity="warning",
        why="A run from top to bottom has nobody who answers.",
        find=_asks,
    ),
    Rule(
        code="N402",
        name="module-of-a-service",
        severity="error",
        why="No distribution brings it: it is part of a machine of that service.",
        find=_of_a_service,
    ),
)
