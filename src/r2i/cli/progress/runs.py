"""What `r2i check --execute` runs: notebooks, the server and the kernels, each with its cell and its time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from r2i.check.execution.jobs import Listen, RunStep
from r2i.cli.progress import Kind, showing
from r2i.cli.progress.board import Board, Clock, DisplayLine, Happening, duration
from r2i.model import Json
from r2i.quoting import clean

#: What is no notebook, as people call it.
TITLES = {"server": "Jupyter", "kernels": "Kernels"}


@contextmanager
def running(kind: Kind, total: int, *, stream: TextIO | None = None) -> Iterator[Listen]:
    """Show `total` notebooks, the server and the kernels while the block lasts."""
    with showing(kind, RunBoard(total), stream=stream) as listen:
        yield listen


@dataclass
class RunRow:
    """A notebook, the server or all kernels."""

    step: RunStep
    began: float

    @property
    def title(self) -> str:
        return TITLES.get(self.step.job) or clean(self.step.job)

    @property
    def cell(self) -> str:
        return f"cell {self.step.number}/{self.step.of}" if self.step.of else ""

    @property
    def ended(self) -> bool:
        return self.step.state in ("done", "failed")


class RunBoard(Board[RunStep, RunRow]):
    """What runs now, and how much is over."""

    def __init__(self, planned: int, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._planned = planned
        self._over = 0
        self._running: dict[str, RunRow] = {}

    @property
    def active(self) -> list[RunRow]:
        return [*self._running.values()]

    def take(self, event: RunStep) -> tuple[RunRow, Happening]:
        before = self._running.get(event.job)
        row = RunRow(event, before.began if before else self.clock())
        if row.ended:
            self._running.pop(event.job, None)
            self._over += 1
        else:
            self._running[event.job] = row
        return row, event.state

    def line(self, row: RunRow, what: Happening) -> str:
        if row.ended:
            return f"[{row.title}] {_result(row)}"
        if what != "silent":
            return ""
        words = (row.cell, f"running for {duration(self.clock() - row.began)}")
        return f"[{row.title}] {', '.join(filter(None, words))}"

    def record(self, row: RunRow, what: Happening) -> Mapping[str, Json] | None:
        if what == "silent":
            return None
        step = row.step
        said = _result(row) if row.ended else row.cell or step.state
        record: dict[str, Json] = {
            "phase": "running",
            "message": f"{row.title}: {said}",
            "state": step.state,
            "job": clean(step.job),
            "elapsed": round(self.elapsed, 3),
        }
        if step.of:
            record |= {"number": step.number, "of": step.of}
        if row.ended:
            record["seconds"] = round(step.seconds, 3)
        return record

    def left(self, row: RunRow) -> DisplayLine | None:
        if not row.ended:
            return None
        remark = f"  {clean(row.step.text)}" if row.step.text else ""
        return _shown(row, "", row.step.seconds, remark=remark)

    def moving(self) -> list[DisplayLine]:
        return [_shown(row, row.cell, self.clock() - row.began) for row in self.active]

    def total(self) -> str:
        return f"{self._over} of {self._planned} · {duration(self.elapsed)}"


def _result(row: RunRow) -> str:
    words = {"done": "done in", "failed": "failed after"}[row.step.state]
    said = clean(row.step.text.split("\n")[0])
    return f"{words} {duration(row.step.seconds)}" + (f": {said}" if said else "")


def _shown(row: RunRow, cell: str, seconds: float, *, remark: str = "") -> DisplayLine:
    state = row.step.state if row.step.state in ("done", "failed") else "running"
    # The cells of all rows end in one column, unless a time has more than six characters.
    return DisplayLine(
        state=state, title=row.title, remark=remark, columns=(cell, duration(seconds).rjust(6))
    )
