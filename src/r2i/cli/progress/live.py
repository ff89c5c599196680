"""Progress on a terminal: what is over scrolls up, what runs moves, below it the lines that it printed last."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Generic

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from r2i.cli.progress.board import Board, DisplayLine, RowT, State, StepT

#: Lines grow no wider, so that the eye finds the times on a wide terminal.
MAX_WIDTH = 100
MARKS: Mapping[State, str] = {"done": "✓", "cached": "✓", "failed": "✗", "stopped": "-"}
COLOURS: Mapping[State, str] = {"done": "green", "failed": "bold red"}
BELOW = (0, 0, 0, 4)


class LiveRenderer(Generic[StepT, RowT]):
    def __init__(self, board: Board[StepT, RowT], console: Console) -> None:
        self._board = board
        self._console = console
        self._spinner = Spinner("dots")
        self._lock = RLock()
        self._live = Live(
            console=console,
            get_renderable=self.picture,
            refresh_per_second=10,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        self._live.start()

    def event(self, event: StepT) -> None:
        # The lock is not held while printing: the thread that refreshes takes rich's lock first and then ours.
        with self._lock:
            row, what = self._board.take(event)
            # What ended may still print; it is shown once.
            entry = self._board.left(row) if what not in (None, "output") else None
        if entry is not None:
            self._console.print(self._line(entry))

    def finish(self, *, ok: bool) -> None:
        self._live.stop()
        for row, _ in self._board.end(ok=ok):
            entry = self._board.left(row)
            if entry is not None:
                self._console.print(self._line(entry))
        if summary := self._board.summary(ok=ok):
            self._console.print(summary, style="bold" if ok else "bold red", highlight=False)

    def picture(self) -> RenderableType:
        """What moves, and the total below it."""
        parts: list[RenderableType] = []
        with self._lock:
            entries = self._board.moving()
            total = self._board.total()
        for entry in entries:
            parts.append(self._line(entry))
            lines = (Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in entry.tail)
            parts += [Padding(line, BELOW) for line in lines]
            if entry.warning:
                parts.append(Padding(Text(entry.warning, style="yellow"), BELOW))
        parts.append(Text(f"  {total}", style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*parts)

    def _line(self, entry: DisplayLine) -> RenderableType:
        mark: RenderableType = Text(MARKS.get(entry.state, " "), style=COLOURS.get(entry.state, entry.style))
        if entry.state == "running":
            mark = self._spinner.render(self._console.get_time())
        table = Table.grid(padding=(0, 1), expand=True)
        table.width = min(self._console.width, MAX_WIDTH)
        table.add_column(width=1)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for _ in entry.columns:
            table.add_column(justify="right", no_wrap=True)
        title = Text(entry.title, style=entry.style).append(entry.remark, "dim")
        table.add_row(mark, title, *(Text(each, style="dim") for each in entry.columns))
        return table
