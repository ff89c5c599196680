"""Progress by lines: for the log of a person, or one JSON object a line for a program."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from threading import Event, RLock, Thread
from typing import ClassVar, Generic, TextIO

from r2i.cli.progress.board import Board, Happening, RowT, StepT


class LineRenderer(ABC, Generic[StepT, RowT]):
    #: After so many seconds without a line, it is said what still runs.
    SILENCE: ClassVar[float]

    def __init__(self, board: Board[StepT, RowT], stream: TextIO, *, silence: float | None = None) -> None:
        self._board = board
        self._stream = stream
        self._silence = self.SILENCE if silence is None else silence
        self._lock = RLock()
        self._last = board.clock()
        self._over = Event()
        self._beat = Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._beat.start()

    def event(self, event: StepT) -> None:
        with self._lock:
            row, what = self._board.take(event)
            if what is not None:
                self._write(self._line(row, what))

    def finish(self, *, ok: bool) -> None:
        self._over.set()
        self._beat.join()
        for row, what in self._board.end(ok=ok):
            self._write(self._line(row, what))
        if summary := self._board.summary(ok=ok):
            self._write(self._end(summary, ok=ok))

    @abstractmethod
    def _line(self, row: RowT, what: Happening) -> str:
        """What is said of it; empty for nothing."""

    @abstractmethod
    def _end(self, summary: str, *, ok: bool) -> str:
        """The last line."""

    def _write(self, line: str) -> None:
        if line:
            self._last = self._board.clock()
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def _watch(self) -> None:
        """CI services end a job that says nothing, and people think the same way."""
        while not self._over.wait(self._silence / 10):
            with self._lock:
                if self._board.clock() - self._last >= self._silence:
                    for row in self._board.active:
                        self._write(self._line(row, "silent"))


class PlainRenderer(LineRenderer[StepT, RowT]):
    SILENCE = 10.0

    def _line(self, row: RowT, what: Happening) -> str:
        return self._board.line(row, what)

    def _end(self, summary: str, *, ok: bool) -> str:
        return summary


class JsonRenderer(LineRenderer[StepT, RowT]):
    """The fields are those of docs/progress.md."""

    SILENCE = 60.0

    def _line(self, row: RowT, what: Happening) -> str:
        record = self._board.record(row, what)
        return json.dumps(record) if record else ""

    def _end(self, summary: str, *, ok: bool) -> str:
        return json.dumps(
            {
                "phase": "building" if ok else "failed",
                "message": summary,
                "state": "done" if ok else "failed",
                "layer": None,
                "elapsed": round(self._board.elapsed, 3),
            }
        )
