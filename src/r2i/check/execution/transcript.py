"""What a container's log says of a notebook: the other half of `in_container/run_notebook.py`.

Whatever it says was written where somebody else's code ran. Any lines give a value.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast, get_args

from r2i.check.execution.runs import (
    CellRun,
    FailedImport,
    Failure,
    FailureKind,
    KernelRun,
    Level,
    NotebookRun,
    Output,
    Status,
)
from r2i.check.wording import in_short
from r2i.model import Json
from r2i.quoting import without_escapes

#: How much of one container's log is read, in characters; what runs notebooks sends less.
LARGEST = 64_000_000

#: Of what else a container wrote, for where there is no answer.
TAIL = 20

KINDS = frozenset(get_args(FailureKind))
STATUSES = frozenset(get_args(Status))


@dataclass(frozen=True, kw_only=True)
class PlannedImport:
    """An import to try, and where it stands: the number of the cell, and the line in it."""

    statement: str
    module: str
    cell: int
    line: int


@dataclass
class Messages:
    """Puts together what `mark` begins, piece by piece, and keeps the end of everything else."""

    mark: str
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))
    _pieces: list[str] = field(default_factory=list)
    read: int = 0

    def take(self, line: str) -> Mapping[str, Any] | None:
        """The message that ends with this line."""
        self.read += len(line)
        if not line.startswith(self.mark) or self.read > LARGEST:
            self.tail.append(line[:2000])
            return None
        kind, piece = line[len(self.mark) : len(self.mark) + 1], line[len(self.mark) + 1 :]
        self._pieces.append(piece)
        if kind == "+":
            return None
        text = "".join(self._pieces)
        self._pieces.clear()
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None


@dataclass
class KernelTranscript:
    """Of the container that starts every kernel."""

    languages: dict[str, str] = field(default_factory=dict)
    kernels: list[KernelRun] = field(default_factory=list)
    trouble: str = ""

    def take(self, message: Mapping[str, Any]) -> None:
        match message.get("event"):
            case "kernels":
                self.languages = {
                    text(pair[0]): text(pair[1])
                    for pair in listed(message.get("names"))
                    if len(listed(pair)) == 2
                }
            case "kernel" if text(message.get("name")) in self.languages:
                said = [text(message.get("message")), *lines(message.get("log"))[-3:]]
                name = text(message.get("name"))
                self.kernels.append(
                    KernelRun(
                        name=name,
                        language=self.languages[name],
                        ok=message.get("ok") is True,
                        seconds=number(message.get("seconds")),
                        message="; ".join(part for part in said if part),
                    )
                )
            case "failed":
                self.trouble = text(message.get("message"))
            case _:
                pass

    def result(self) -> tuple[KernelRun, ...]:
        """A kernel that was not heard of has not started."""
        told = {kernel.name for kernel in self.kernels}
        silent = (
            KernelRun(name=name, language=language, ok=False, message="The kernel was not started")
            for name, language in self.languages.items()
            if name not in told
        )
        return (*self.kernels, *silent)


@dataclass
class NotebookTranscript:
    """Of the container of one notebook; `tried` is how far the notebook was to come."""

    path: str
    tried: Level
    imports: tuple[PlannedImport, ...] = ()
    kernel: str = ""
    cells: list[CellRun] = field(default_factory=list)
    failure: Failure | None = None
    failed_imports: list[FailedImport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    peak: int | None = None
    imported: bool = False
    running: int | None = None

    def take(self, message: Mapping[str, Any]) -> None:
        match message.get("event"):
            case "kernel-chosen":
                self.kernel, named = text(message.get("name")), text(message.get("named"))
                if named and named != self.kernel:
                    self.notes.append(
                        f"The image does not have the kernel `{named}`, so the notebook ran in `{self.kernel}`"
                    )
            case "cell":
                self.running = int(number(message.get("number"))) or None
            case "ran":
                self.running = None
                self.cells.append(_cell(message))
            case "failed" if self.failure is None:
                self.failure = _failure(message)
            case "imports":
                self.imported = True
                self.failed_imports += _failed_imports(message, self.imports)
            case "peak":
                self.peak = int(number(message.get("bytes"))) or None
            case _:
                pass

    def fail(self, failure: Failure) -> None:
        """A container ended too early; of what was said before, the first failure counts that tells more than this."""
        if self.failure is None or self.failure.kind in {"dead-kernel", "no-answer"}:
            self.failure = replace(failure, cell=self.running)

    def result(self) -> NotebookRun:
        """Without the comparison of outputs."""
        statuses = self._statuses()
        failure, failed = self.failure, tuple(self.failed_imports)
        notes = list(self.notes)
        if failed and statuses[Level.L2] == "passed":
            notes += [f"`{one.statement}` fails, in code that did not run" for one in failed]
            failed = ()
        if failed and failure is None:
            failure = _import_failure(failed[0])
        return NotebookRun(
            path=self.path,
            kernel=self.kernel,
            statuses=statuses,
            seconds=sum(cell.seconds for cell in self.cells),
            peak_memory=self.peak,
            failure=failure,
            failed_imports=failed,
            cells=tuple(self.cells),
            notes=tuple(notes),
        )

    def _statuses(self) -> dict[Level, Status]:
        """A notebook that runs has all imports that it needs, whatever else it names."""
        if self.tried < Level.L3:
            failed = self.failure is not None or bool(self.failed_imports)
            return {Level.L2: "failed" if failed else "passed"}
        if self.failure is None:
            return {Level.L2: "passed", Level.L3: "passed"}
        if self.failed_imports:
            return {Level.L2: "failed", Level.L3: "failed"}
        known = self.imported or (not self.imports and self.failure.cell is not None)
        return {Level.L2: "passed" if known else "skipped", Level.L3: "failed"}


def _cell(message: Mapping[str, Any]) -> CellRun:
    status = text(message.get("status"))
    return CellRun(
        number=int(number(message.get("number"))),
        source=text(message.get("source")),
        status=cast("Status", status) if status in STATUSES else "failed",
        seconds=number(message.get("seconds")),
        outputs=tuple(_outputs(message.get("outputs"))),
        stored=tuple(_outputs(message.get("stored"))),
        tags=frozenset(text(tag) for tag in listed(message.get("tags"))),
        saved=message.get("saved") is not False,
    )


def _outputs(value: object) -> Iterator[Output]:
    for output in listed(value):
        if isinstance(output, dict):
            yield {text(key): _clean(part, depth=20) for key, part in output.items()}


def _clean(value: Any, *, depth: int) -> Json:
    """Strings without escape sequences, and nothing that is too deep to be looked through."""
    if isinstance(value, str):
        return without_escapes(value)
    if depth and isinstance(value, list):
        return [_clean(part, depth=depth - 1) for part in value]
    if depth and isinstance(value, dict):
        return {str(key): _clean(part, depth=depth - 1) for key, part in value.items()}
    return value if isinstance(value, (int, float)) else None


def _failure(message: Mapping[str, Any]) -> Failure:
    kind = text(message.get("kind"))
    kind = kind if kind in KINDS else "no-answer"
    cell = message.get("cell")
    name, value = text(message.get("error_name")), text(message.get("error_value"))
    said, hint = text(message.get("message")), None
    if kind == "error":
        said = in_short(name, value) or "The cell failed"
        if message.get("ended_for_memory") is True:
            hint = "Use less memory, or increase `--memory`: the system killed a process of the notebook"
    elif kind == "missing-kernel":
        said, hint = _missing_kernel(message)
    elif kind == "timeout":
        hint = "Increase `--timeout`, or tag the cell `skip-execution`"
    elif kind == "out-of-memory":
        hint = "Use less memory, or increase `--memory`"
    return Failure(
        kind=cast("FailureKind", kind),
        message=said,
        hint=hint,
        cell=cell if isinstance(cell, int) else None,
        source=text(message.get("source")),
        error_name=name,
        error_value=value,
        traceback=tuple(lines(message.get("traceback"))),
    )


def _missing_kernel(message: Mapping[str, Any]) -> tuple[str, str]:
    name, language = text(message.get("name")), text(message.get("language"))
    there = ", ".join(f"`{text(one)}`" for one in listed(message.get("kernels"))) or "none"
    said = (
        f"The image has no kernel `{name}`, and no other kernel for {language}"
        if name
        else f"The image has no kernel for {language}"
    )
    return (
        said,
        f"Add a kernel for {language} to the environment, or choose another one in the notebook (available: {there})",
    )


def _import_failure(failed: FailedImport) -> Failure:
    return Failure(
        kind="import",
        message=f"`{failed.statement}` fails: {in_short(failed.error_name, failed.error_value)}",
        cell=failed.cell,
        source=failed.statement,
        error_name=failed.error_name,
        error_value=failed.error_value,
    )


def _failed_imports(message: Mapping[str, Any], planned: tuple[PlannedImport, ...]) -> Iterator[FailedImport]:
    """Where the kernel did not come to the end, the first one of which it said nothing has ended it."""
    results = {
        row[0]: row[1:] for row in listed(message.get("results")) if listed(row) and isinstance(row[0], int)
    }
    for place, one in enumerate(planned):
        said = results.get(place)
        if said == []:
            continue
        if said is None and not message.get("trouble"):
            continue
        name, value = (text(said[0]), text(said[-1])) if said else ("", "the kernel died or did not respond")
        yield FailedImport(
            statement=one.statement,
            module=one.module,
            cell=one.cell,
            line=one.line,
            error_name=name,
            error_value=value,
        )
        if said is None:
            return


def text(value: object) -> str:
    return without_escapes(value) if isinstance(value, str) else ""


def lines(value: object) -> list[str]:
    return [text(line) for line in listed(value)]


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def number(value: object) -> float:
    """What counts something: no infinity, nothing below zero."""
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e15 else 0.0
