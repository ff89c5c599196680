"""What running notebooks look like on stderr: a line for each that runs, live on a terminal; lines in a log; JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Protocol, TextIO

from r2i.check.execution import Listen, Step
from r2i.cli.progress import MARKS, MAX_WIDTH, SILENCE, Kind, clean, duration, moves, moving
from r2i.model import Json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

#: What is no notebook, as people call it.
TITLES = {"server": "Jupyter", "kernels": "Kernels"}


@dataclass
class Row:
    """A notebook, the server or all kernels."""

    step: Step
    began: float

    @property
    def title(self) -> str:
        return TITLES.get(self.step.job) or clean(self.step.job)

    @property
    def cell(self) -> str:
        return f"cell {self.step.number}/{self.step.of}" if self.step.of else ""


class Board:
    """What runs now, and how much is over; steps come from several threads."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.clock = clock
        self.began = clock()
        self.over = 0
        self.lock = RLock()
        self.rows: dict[str, Row] = {}

    def take(self, step: Step) -> Row:
        with self.lock:
            began = self.rows[step.job].began if step.job in self.rows else self.clock()
            row = Row(step, began)
            if step.state in ("done", "failed"):
                self.rows.pop(step.job, None)
                self.over += 1
            else:
                self.rows[step.job] = row
        return row

    def running(self) -> list[Row]:
        with self.lock:
            return list(self.rows.values())


class Renderer(Protocol):
    def start(self) -> None: ...

    def step(self, step: Step) -> None: ...

    def finish(self) -> None: ...


@contextmanager
def running(kind: Kind, total: int, *, stream: TextIO | None = None) -> Iterator[Listen]:
    """Show `total` notebooks, the server and the kernels while the block lasts."""
    shown = renderer(kind, Board(total), stream=stream or sys.stderr)
    shown.start()
    try:
        yield shown.step
    finally:
        shown.finish()


def renderer(kind: Kind, board: Board, *, stream: TextIO) -> Renderer:
    if kind == "json":
        return JsonRenderer(board, stream)
    if kind == "plain" or not moves(stream, os.environ):
        return PlainRenderer(board, stream)
    from rich.console import Console

    return LiveRenderer(board, Console(file=stream))


def result(row: Row) -> str:
    words = {"done": "done in", "failed": "failed after"}[row.step.state]
    said = clean(row.step.text.split("\n")[0])
    return f"{words} {duration(row.step.seconds)}" + (f": {said}" if said else "")


class PlainRenderer:
    """A line for each end, and for all that run where nothing else was said for a while."""

    def __init__(self, board: Board, stream: TextIO, *, silence: float = SILENCE) -> None:
        self._board = board
        self._stream = stream
        self._silence = silence
        self._last = board.clock()
        self._over = Event()
        self._beat = Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._beat.start()

    def step(self, step: Step) -> None:
        row = self._board.take(step)
        if step.state in ("done", "failed"):
            self._line(row, result(row))

    def finish(self) -> None:
        self._over.set()
        self._beat.join()

    def _line(self, row: Row, text: str) -> None:
        with self._board.lock:
            self._last = self._board.clock()
            self._stream.write(f"[{row.title}] {text}\n")
            self._stream.flush()

    def _watch(self) -> None:
        while not self._over.wait(self._silence / 10):
            if self._board.clock() - self._last >= self._silence:
                for row in self._board.running():
                    spent = duration(self._board.clock() - row.began)
                    self._line(row, ", ".join(filter(None, (row.cell, f"running for {spent}"))))


class JsonRenderer:
    """One JSON object a line, in ASCII; the fields are those of docs/progress.md."""

    def __init__(self, board: Board, stream: TextIO) -> None:
        self._board = board
        self._stream = stream

    def start(self) -> None:
        pass

    def step(self, step: Step) -> None:
        row = self._board.take(step)
        said = result(row) if step.state in ("done", "failed") else row.cell or step.state
        record: dict[str, Json] = {
            "phase": "running",
            "message": f"{row.title}: {said}",
            "state": step.state,
            "job": clean(step.job),
            "elapsed": round(self._board.clock() - self._board.began, 3),
        }
        if step.of:
            record |= {"number": step.number, "of": step.of}
        if step.state in ("done", "failed"):
            record["seconds"] = round(step.seconds, 3)
        with self._board.lock:
            self._stream.write(f"{json.dumps(record)}\n")
            self._stream.flush()

    def finish(self) -> None:
        pass


class LiveRenderer:
    """What is over scrolls up, what runs moves: one line each, with its cell and its time."""

    def __init__(self, board: Board, console: Console) -> None:
        from rich.spinner import Spinner

        self._board = board
        self._console = console
        self._spinner = Spinner("dots")
        self._live = moving(console, self.picture)

    def start(self) -> None:
        self._live.start()

    def step(self, step: Step) -> None:
        # The lock is not held while printing: the thread that refreshes takes rich's lock first and then ours.
        row = self._board.take(step)
        if step.state in ("done", "failed"):
            self._console.print(self._line(row))

    def finish(self) -> None:
        self._live.stop()

    def picture(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        rows = self._board.running()
        spent = duration(self._board.clock() - self._board.began)
        total = Text(f"  {self._board.over} of {self._board.total} · {spent}", style="dim", no_wrap=True)
        return Group(*(self._line(row) for row in rows), total)

    def _line(self, row: Row) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1), expand=True)
        table.width = min(self._console.width, MAX_WIDTH)
        table.add_column(width=1)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True, min_width=6)
        state = row.step.state
        if state in ("done", "failed"):
            colour = "green" if state == "done" else "bold red"
            title = Text(row.title).append(f"  {clean(row.step.text)}" if row.step.text else "", "dim")
            seconds = duration(row.step.seconds)
            table.add_row(Text(MARKS[state], colour), title, Text(""), Text(seconds, "dim"))
        else:
            spent = duration(self._board.clock() - row.began)
            mark = self._spinner.render(self._console.get_time())
            table.add_row(mark, Text(row.title), Text(row.cell, "dim"), Text(spent, "dim"))
        return table
