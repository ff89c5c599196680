"""What progress is made of: a board takes what happens, knows what runs, and has words for every form of progress."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

from r2i.model import Json

State: TypeAlias = Literal["waiting", "running", "cached", "done", "failed", "stopped"]
#: `silent`: it still runs, and nothing was said for a while.
Happening: TypeAlias = Literal[
    "started", "running", "silent", "output", "cached", "done", "failed", "stopped"
]
Clock: TypeAlias = Callable[[], float]
StepT = TypeVar("StepT")
RowT = TypeVar("RowT")


@dataclass(frozen=True, kw_only=True)
class DisplayLine:
    """A row on a terminal: its title, what is said after it, columns on the right, and below it what it printed last."""

    state: State
    title: str
    style: str = ""
    remark: str = ""
    columns: tuple[str, ...]
    tail: tuple[str, ...] = ()
    warning: str = ""


class Board(ABC, Generic[StepT, RowT]):
    """Folds events into rows, shows nothing. Whoever shows it holds a lock meanwhile: events come from several threads."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.began = clock()

    @property
    def elapsed(self) -> float:
        return self.clock() - self.began

    @property
    @abstractmethod
    def active(self) -> Sequence[RowT]:
        """The rows that run now."""

    @abstractmethod
    def take(self, event: StepT) -> tuple[RowT, Happening | None]:
        """Fold one event in: the row that it belongs to, and what happened to that row as a whole."""

    def end(self, *, ok: bool) -> Sequence[tuple[RowT, Happening]]:
        """Everything is over: settle the rows that are still open."""
        return ()

    def summary(self, *, ok: bool) -> str:
        """The last line of all; empty where others say it."""
        return ""

    @abstractmethod
    def line(self, row: RowT, what: Happening) -> str:
        """What a log says; empty for nothing."""

    @abstractmethod
    def record(self, row: RowT, what: Happening) -> Mapping[str, Json] | None:
        """What a program is told; the fields are those of docs/progress.md."""

    @abstractmethod
    def left(self, row: RowT) -> DisplayLine | None:
        """What stays on a terminal of a row that ended."""

    @abstractmethod
    def moving(self) -> Sequence[DisplayLine]:
        """What a terminal shows of the rows that run."""

    @abstractmethod
    def total(self) -> str:
        """How much is over, and the time."""


def duration(seconds: float) -> str:
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
