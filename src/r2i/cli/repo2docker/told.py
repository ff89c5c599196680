"""A build as BinderHub hears of it: its phases, a line for each thing that happens, and a reason where it fails."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from r2i.cli.progress.layers import LayerBoard
from r2i.cli.progress.transfers import TransferBoard
from r2i.cli.repo2docker.log import JsonLog
from r2i.cli.repo2docker.wording import reworded
from r2i.cli.rescue import Told
from r2i.engines.protocol import StepEvent, TransferEvent
from r2i.errors import R2iError
from r2i.model import Change, Dockerfile, Image, Notice, Plan
from r2i.quoting import printable


@dataclass(frozen=True, kw_only=True)
class ToldByLines:
    """Tells a log for programs."""

    log: JsonLog

    def note(self, message: str) -> None:
        self.log.say(message)

    def warn(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            if notice.level == "warning":
                place = f":{notice.line}" if notice.line else ""
                where = f"{printable(notice.file)}{place}: " if notice.file else ""
                said = printable(reworded(notice.message))
                self.log.say(f"Warning: {where}{said}", phase="building")

    def unchanged(self, image: Image) -> None:
        self.log.say(f"{image.reference} is up to date", phase="building")

    @contextmanager
    def steps(
        self, plan: Plan, dockerfile: Dockerfile, *, credentials: Sequence[str]
    ) -> Iterator[Callable[[StepEvent], None]]:
        board = LayerBoard(dockerfile, plan.layers, credentials=credentials)
        lock = threading.Lock()

        def listen(event: StepEvent) -> None:
            with lock:
                row, what = board.take(event)
                line = board.line(row, what) if what is not None else ""
            if line:
                self.log.say(line)

        def active() -> list[str]:
            with lock:
                return [board.line(row, "silent") for row in board.active]

        with self.log.working("building", active):
            yield listen
            for row, what in board.end(ok=True):
                if line := board.line(row, what):
                    self.log.say(line)
            self.log.say(board.summary(ok=True))

    @contextmanager
    def transfer(
        self, name: str, *, doing: Literal["push", "pull"]
    ) -> Iterator[Callable[[TransferEvent], None]]:
        board = TransferBoard(name, doing=doing)
        lock = threading.Lock()

        def listen(event: TransferEvent) -> None:
            with lock:
                row, what = board.take(event)
                record = board.record(row, what) if what is not None else None
            if record is not None:
                self.log.say(str(record["message"]), progress=record["progress"])

        def active() -> list[str]:
            with lock:
                return [board.line(row, "silent") for row in board.active]

        # BinderHub knows no phase for pulling.
        with self.log.working("pushing" if doing == "push" else "building", active):
            yield listen

    def pushed(self, name: str, digest: str) -> None:
        self.log.say(f"Pushed {name}@{digest}", phase="pushing")

    def trying(self, failure: R2iError, change: Change, *, attempt: int) -> None:
        self.log.say(
            f"{reason(failure, hint=False)}\n{tried_now(failure, change, attempt)}", phase="building"
        )

    def refused(self, error: R2iError) -> None:
        self.log.say(printable(reworded(error.message)), phase="building")

    def nothing_helped(self, tried: Sequence[Change]) -> None:
        self.log.say(without_help(tried), phase="building")


class ToldToPeople(Told):
    """Tells people on stderr, with the options that they have."""

    def warn(self, notices: Iterable[Notice]) -> None:
        super().warn(replace(notice, message=reworded(notice.message)) for notice in notices)

    def trying(self, failure: R2iError, change: Change, *, attempt: int) -> None:
        where = f"{printable(failure.where)}: " if failure.where else ""
        self.note(f"{where}{tried_now(failure, change, attempt)}")

    def refused(self, error: R2iError) -> None:
        self.note(printable(reworded(error.message)))

    def nothing_helped(self, tried: Sequence[Change]) -> None:
        self.note(without_help(tried))


def tried_now(failure: R2iError, change: Change, attempt: int) -> str:
    found = failure.diagnosis
    assert found is not None  # noqa: S101 - for mypy
    words = reworded(f"`{shlex.join(change.arguments)}`")
    return f"{printable(found.message)}\nBuilding again as with {words} (try {attempt})"


def without_help(tried: Sequence[Change]) -> str:
    said = ", ".join(reworded(f"`{' '.join(each.arguments)}`") for each in tried)
    return f"None of these fixes helped: {said}"


def reason(error: R2iError, *, hint: bool = True) -> str:
    """What is wrong, where, and what to do: all that a person sees of a failed build."""
    where = f"{printable(error.where)}: " if error.where else ""
    words = f"Error: {where}{_safe(reworded(error.message))}"
    return f"{words}\nHint: {_safe(reworded(error.hint))}" if hint and error.hint else words


def _safe(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))
