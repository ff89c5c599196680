"""What is planned to run, and what each container may use."""

from __future__ import annotations

from dataclasses import dataclass

from r2i.check.execution.transcript import PlannedImport
from r2i.check.subject import Subject
from r2i.engines.protocol import Engine

#: A notebook may use that much more at once than there are processors: it often waits, for its kernel or for nothing.
WORKERS_PER_PROCESSOR = 2

#: What a container may use at least, and of what the machine has all of them together, in bytes and as a share.
LEAST_MEMORY, SHARE = 1 << 30, 0.8

SKIPPED = frozenset({"skip-execution", "raises-exception"})


@dataclass(frozen=True, kw_only=True)
class RunLimits:
    """`memory` is what each container may use, in bytes; `timeout` what each cell may take, in seconds.

    `script` are the settings of this machine that a container with the network needs to reach it.
    """

    workers: int
    memory: int
    timeout: int
    network: bool = False
    script: str = ""


@dataclass(frozen=True, kw_only=True)
class PlannedNotebook:
    """`paths` are the directories that it adds to `sys.path` by their names."""

    path: str
    imports: tuple[PlannedImport, ...] = ()
    paths: tuple[str, ...] = ()


def planned(subject: Subject) -> tuple[PlannedNotebook, ...]:
    """What is to run, and the imports that must work: none that its author expects to fail, or provides for."""
    imports: dict[str, dict[str, PlannedImport]] = {notebook.path: {} for notebook in subject.notebooks}
    paths: dict[str, list[str]] = {notebook.path: [] for notebook in subject.notebooks}
    for notebook, cell, facts in subject.code:
        if cell.tags & SKIPPED or notebook.form:
            continue
        for one in facts.imports:
            if not one.optional and not one.level:
                names = ", ".join(one.names)
                statement = f"from {one.module} import {names}" if names else f"import {one.module}"
                known = PlannedImport(statement=statement, module=one.module, cell=cell.number, line=one.line)
                imports[notebook.path].setdefault(statement, known)
        paths[notebook.path] += [
            call.arguments[-1]
            for call in facts.calls
            if call.name in ("sys.path.append", "sys.path.insert")
            and call.arguments
            and isinstance(call.arguments[-1], str)
        ]
    return tuple(
        PlannedNotebook(path=path, imports=(*found.values(),), paths=(*paths[path],))
        for path, found in imports.items()
    )


def limits(
    engine: Engine, *, memory: int | None, timeout: int, jobs: int, network: bool = False, script: str = ""
) -> RunLimits:
    """As many containers at once as there are processors and memory for, and what is there of it for each."""
    there = int(engine.memory() * SHARE)
    least = LEAST_MEMORY if memory is None else memory
    workers = max(1, min(engine.processors() * WORKERS_PER_PROCESSOR, there // max(least, 1), jobs))
    return RunLimits(
        workers=workers,
        memory=max(there // workers, 1) if memory is None else memory,
        timeout=timeout,
        network=network,
        script=script,
    )
