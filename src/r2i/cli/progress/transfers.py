"""An image on its way to a registry, or from there, by its layers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from r2i.cli.progress.board import Board, Clock, DisplayLine, Happening, duration
from r2i.engines.protocol import TransferEvent
from r2i.model import Json

#: A program hears of bytes at most so often, in seconds.
PACE = 1.5

#: What is said of a layer that is over, as Docker says it: programs know these words.
ENDS: Mapping[str, Mapping[str, str]] = {
    "push": {"done": "Pushed", "present": "Layer already exists"},
    "pull": {"done": "Pull complete", "present": "Already exists"},
}


@dataclass
class TransferRow:
    event: TransferEvent
    began: float
    seconds: float = 0.0
    #: The most that was said of it: the last word has no bytes any more.
    total: int = 0

    @property
    def ended(self) -> bool:
        return self.event.state in ("done", "present")


class TransferBoard(Board[TransferEvent, TransferRow]):
    """Which layers there are, and how far each is."""

    def __init__(self, name: str, *, doing: Literal["push", "pull"], clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._name, self._doing = name, doing
        self._rows: dict[str, TransferRow] = {}
        self._told = 0.0

    @property
    def active(self) -> list[TransferRow]:
        return [row for row in self._rows.values() if row.event.state == "running"]

    def take(self, event: TransferEvent) -> tuple[TransferRow, Happening | None]:
        before = self._rows.get(event.layer)
        if before is not None and before.ended:
            return before, None
        row = TransferRow(event, before.began if before else self.clock())
        row.total = max(event.total, event.current, before.total if before else 0)
        self._rows[event.layer] = row
        if row.ended:
            row.seconds = self.clock() - row.began
            return row, "done" if event.state == "done" else "cached"
        return row, "running"

    def line(self, row: TransferRow, what: Happening) -> str:
        if what == "done":
            return (
                f"[{self._doing} {row.event.layer}] done in {duration(row.seconds)}{_size(row.total, ', ')}"
            )
        if what == "cached":
            return f"[{self._doing} {row.event.layer}] already there"
        if what == "silent":
            so_far = _progress(row)
            return f"[{self._doing} {row.event.layer}] still running{f', {so_far}' if so_far else ''}"
        return ""

    def record(self, row: TransferRow, what: Happening) -> Mapping[str, Json] | None:
        now = self.clock()
        if what == "running" and self._told and now - self._told < PACE:
            return None
        self._told = now
        return {
            "phase": "pushing" if self._doing == "push" else "pulling",
            "message": f"{row.event.layer}: {_said(row, self._doing)}",
            "state": "running" if what == "silent" else what,
            "layer": row.event.layer,
            "image": self._name,
            "elapsed": round(self.elapsed, 3),
            "progress": {layer: _state(each, self._doing) for layer, each in self._rows.items()},
        }

    def left(self, row: TransferRow) -> DisplayLine | None:
        if row.event.state != "done":
            return None
        columns = (_size(row.total), duration(row.seconds).rjust(6))
        return DisplayLine(state="done", title=f"{self._title} {row.event.layer}", columns=columns)

    def moving(self) -> list[DisplayLine]:
        return [
            DisplayLine(
                state="running",
                title=f"{self._title} {row.event.layer}",
                columns=(_progress(row), duration(self.clock() - row.began).rjust(6)),
            )
            for row in self.active
        ]

    def total(self) -> str:
        over = sum(row.ended for row in self._rows.values())
        return f"{self._name}: {over} of {len(self._rows)} layers · {duration(self.elapsed)}"

    @property
    def _title(self) -> str:
        return {"push": "Pushing", "pull": "Pulling"}[self._doing]


def _state(row: TransferRow, doing: str) -> Json:
    """Bytes while there are some to tell, else a word."""
    if not row.ended and row.event.current:
        return {"current": row.event.current, "total": row.total}
    return _said(row, doing)


def _said(row: TransferRow, doing: str) -> str:
    return ENDS[doing].get(row.event.state) or row.event.text


def _progress(row: TransferRow) -> str:
    if not row.event.current:
        return ""
    return f"{_size(row.event.current)} of {_size(row.total)}"


def _size(size: int, before: str = "") -> str:
    return f"{before}{size / 1e6:.1f} MB" if size else ""
