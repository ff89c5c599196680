"""What the dynamic check saw: a build, a server, kernels and notebooks, in the order in which they come.

Everything in here is from a container in which somebody else's code ran: none of it is to be believed, and none of it
reaches a terminal or a page unescaped. Tracebacks and text outputs are as the kernel sent them, without escape sequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from r2i.edits.fixes import Fix
from r2i.model import Change, Json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Level(IntEnum):
    """How far a repository comes; each level includes those before it."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4

    @property
    def meaning(self) -> str:
        return MEANINGS[self]


MEANINGS: Mapping[Level, str] = {
    Level.L0: "it builds",
    Level.L1: "the server answers and every kernel starts",
    Level.L2: "every import works",
    Level.L3: "every notebook runs",
    Level.L4: "every output equals the stored one",
}

#: The digits after the point of a time in the report for programs.
MILLISECONDS = 3

#: The first frame of a traceback that is of a cell, and the line that IPython marks in it.
RAISED = re.compile(
    r"^(?:Cell In|Input In|<ipython-input|/tmp/ipykernel)[^\n]*\n(?:[^\n]*\n){0,8}?-+> (\d{1,5})\b",
    re.MULTILINE,
)

#: What is said where there is nothing that levels beyond L1 are about.
NOTHING_TO_RUN = "There is no notebook to run"

Status: TypeAlias = Literal["passed", "failed", "skipped"]

#: `error`: a cell raised. `timeout`: one took longer than it may. `dead-kernel`: the kernel ended by itself.
#: `out-of-memory`: it was ended for what it used. `missing-kernel`: the image has none for this language.
#: `import`: an import does not work, found without running the notebook. `unreadable`: no notebook, or not in the image.
#: `no-answer`: the container gave no result: what should have run the notebook did not start, or was ended.
FailureKind: TypeAlias = Literal[
    "error", "timeout", "dead-kernel", "out-of-memory", "missing-kernel", "import", "unreadable", "no-answer"
]

#: An output as nbformat 4 has it, with strings that are joined: `output_type`, and `text`, `data`, or `ename` and so on.
#: One that was too large has lost what was, and has `"r2i_cut": BYTES` for it.
Output: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a notebook does not come further. `message` is a sentence without a full stop.

    `cell` counts all cells of the notebook from 1 as findings do, and is None where it is not about one; `source` is its
    text. `error_name` and `error_value` are those of the exception; `traceback` has what the kernel said of it, or the
    last words of a kernel that died, by lines.
    """

    kind: FailureKind
    message: str
    hint: str | None = None
    cell: int | None = None
    source: str = ""
    error_name: str = ""
    error_value: str = ""
    traceback: tuple[str, ...] = ()

    @property
    def line(self) -> int | None:
        """The line of the cell that raised, counted from 1, where the traceback tells it."""
        found = RAISED.search("\n".join(self.traceback))
        return int(found[1]) if found else None


@dataclass(frozen=True, kw_only=True)
class FailedImport:
    """An import that a kernel could not do: the statement (`from a import b`), the module, and why."""

    statement: str
    module: str
    cell: int
    line: int
    error_name: str
    error_value: str


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """An output that is not as it is stored.

    `what` is a MIME type, `stdout`, `stderr`, `error` or `number` (of outputs). `stored` and `produced` are what was
    compared, without what differs at every run, and shortened; both are empty for what is not text.
    """

    cell: int
    what: str
    message: str
    stored: str = ""
    produced: str = ""


@dataclass(frozen=True, kw_only=True)
class CellRun:
    """A code cell. `skipped`: tagged so, or behind the one that failed. `saved`: it had been run when the notebook was saved."""

    number: int
    source: str
    status: Status
    seconds: float = 0.0
    outputs: tuple[Output, ...] = ()
    stored: tuple[Output, ...] = ()
    tags: frozenset[str] = frozenset()
    saved: bool = True


@dataclass(frozen=True, kw_only=True)
class NotebookRun:
    """One notebook in a container of its own.

    `statuses` has the levels from L2 on that were tried, each by itself. `kernel` is the one that it ran in, which
    `notes` explain where it is not the one that it names. `peak_memory` is that of the kernel and what it started, in
    bytes. `cells` are its code cells, `mismatches` say what L4 is about.
    """

    path: str
    kernel: str = ""
    statuses: Mapping[Level, Status] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int | None = None
    failure: Failure | None = None
    failed_imports: tuple[FailedImport, ...] = ()
    cells: tuple[CellRun, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()
    notes: tuple[str, ...] = ()

    def passed(self, level: Level) -> bool:
        """Whether it comes as far: no level up to it failed, and this one was tried (L0 and L1 are not its own)."""
        if level < Level.L2:
            return True
        return self.statuses.get(level) == "passed" and "failed" not in {
            status for tried, status in self.statuses.items() if tried < level
        }


@dataclass(frozen=True, kw_only=True)
class BuildRun:
    """The build, or the finding that nothing had changed. Without an image, the rest says why."""

    image: str | None = None
    seconds: float
    message: str = ""
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    cause: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ServerRun:
    """Whether Jupyter answers, after how long; where it does not, why, and the last lines that it wrote."""

    ok: bool
    seconds: float
    message: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class KernelRun:
    """A kernel of the image, and whether it starts."""

    name: str
    language: str
    ok: bool
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """`code` is stable (docs/diagnosis.md), `evidence` the line that shows it; `message` is a sentence without a full stop.

    `change` says in words what mends it, and `fix` is that as a change of the user's files, the last of which is at
    `file` and `line`. `hint` is another way, or the only one. `options` are those with which another check may do better.
    """

    code: str
    message: str
    evidence: str
    change: str | None = None
    hint: str | None = None
    fix: Fix | None = None
    file: str | None = None
    line: int | None = None
    options: tuple[Change, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DynamicReport:
    """`asked` decides over the exit code; `tried` is as far as the check went, and no less.

    `causes` say by the paths of notebooks why they failed, where that is known, and `lines` in which line of the file.
    """

    asked: Level
    tried: Level
    build: BuildRun
    server: ServerRun | None = None
    kernels: tuple[KernelRun, ...] = ()
    runs: tuple[NotebookRun, ...] = ()
    notes: tuple[str, ...] = ()
    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def image(self) -> str | None:
        return self.build.image

    def status(self, level: Level) -> Status:
        """Of the repository: passed where all before it passed, too."""
        if level > self.tried or (level > Level.L0 and self.status(Level(level - 1)) != "passed"):
            return "skipped"
        if level > Level.L1 and not self.runs:
            return "skipped"
        return "passed" if self._holds(level) else "failed"

    @property
    def reached(self) -> Level | None:
        """The highest level that passed, None where it does not even build."""
        return max((level for level in Level if self.status(level) == "passed"), default=None)

    @property
    def nothing_to_run(self) -> bool:
        """Whether notebooks were to run and there is none: a repository of scripts, or the wrong directory."""
        return self.tried > Level.L1 and self.image is not None and not self.runs

    @property
    def ok(self) -> bool:
        needed = min(self.asked, Level.L1) if self.nothing_to_run else self.asked
        return self.reached is not None and self.reached >= needed

    def _holds(self, level: Level) -> bool:
        if level == Level.L0:
            return self.build.image is not None
        if level == Level.L1:
            started = bool(self.kernels) and all(kernel.ok for kernel in self.kernels)
            return self.server is not None and self.server.ok and started
        return all(run.passed(level) for run in self.runs)


def to_json(report: DynamicReport) -> dict[str, Json]:
    """For programs. Outputs are not in it, but where they differ from the stored ones."""
    return {
        "asked": report.asked.name,
        "reached": None if report.reached is None else report.reached.name,
        "ok": report.ok,
        "levels": {level.name: report.status(level) for level in Level},
        "build": _fields(report.build),
        "server": None if report.server is None else _fields(report.server),
        "kernels": [_fields(kernel) for kernel in report.kernels],
        "notebooks": [
            _notebook(run, report.causes.get(run.path, ()), report.lines.get(run.path)) for run in report.runs
        ],
        "notes": [*report.notes, *([NOTHING_TO_RUN] if report.nothing_to_run else [])],
    }


def _notebook(run: NotebookRun, causes: Iterable[Cause], line: int | None) -> Json:
    # Not as a whole: the outputs of its cells may be hundreds of megabytes.
    return {
        "path": run.path,
        "kernel": run.kernel,
        "levels": {level.name: status for level, status in run.statuses.items()},
        "seconds": round(run.seconds, MILLISECONDS),
        "peak_memory": run.peak_memory,
        "failure": None if run.failure is None else _fields(run.failure),
        "line": line,
        "causes": [_cause(cause) for cause in causes],
        "failed_imports": [_fields(failed) for failed in run.failed_imports],
        "mismatches": [_fields(mismatch) for mismatch in run.mismatches],
        "cells": [
            {"number": cell.number, "status": cell.status, "seconds": round(cell.seconds, MILLISECONDS)}
            for cell in run.cells
        ],
        "notes": [*run.notes],
    }


def _cause(cause: Cause) -> Json:
    fields = _fields(replace(cause, fix=None, options=()))
    del fields["fix"]
    return {**fields, "options": [word for change in cause.options for word in change.arguments]}


def _fields(value: DataclassInstance) -> dict[str, Json]:
    return asdict(value, dict_factory=_as_json)


def _as_json(fields: Iterable[tuple[str, Any]]) -> dict[str, Json]:
    return {name: _plain(value) for name, value in fields}


def _plain(value: Any) -> Json:
    if isinstance(value, float):
        return round(value, MILLISECONDS)
    return [*value] if isinstance(value, tuple) else value
