"""What repo2docker says, for a program: one JSON object a line, and never silence for long."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TextIO, TypeAlias

import click

from r2i.cli.progress.board import duration
from r2i.model import Json, Momentary

#: BinderHub knows these. It has others of its own (`built`, `launching`, `ready`), which a build must not name.
Phase: TypeAlias = Literal["fetching", "building", "pushing", "running", "failed"]

#: After so many seconds without a line, it is said what still runs: a hub sees only at the next line that its user has left.
SILENCE = 4.0


class JsonLog:
    """Writes lines on one stream, from several threads; `phase` is that of whatever is said without one."""

    def __init__(self, stream: TextIO, *, silence: float = SILENCE) -> None:
        self.phase: Phase = "fetching"
        self._stream = stream
        self._silence = silence
        self._lock = threading.RLock()
        self._last = self._began = time.monotonic()
        self._over = threading.Event()
        self._active: Callable[[], Iterable[str]] = tuple

    def say(self, message: str, *, phase: Phase | None = None, **fields: Json) -> None:
        """Browsers show the messages one after the other, so each ends its line; they show no colours."""
        if isinstance(message, Momentary) and time.monotonic() - self._last < self._silence:
            return
        record = {"message": f"{click.unstyle(message).rstrip()}\n", "phase": phase or self.phase, **fields}
        with self._lock:
            self._last = time.monotonic()
            self._stream.write(f"{json.dumps(record)}\n")
            self._stream.flush()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Say something now and then for as long as the block lasts."""
        beat = threading.Thread(target=self._watch, daemon=True)
        beat.start()
        try:
            yield
        finally:
            self._over.set()
            beat.join()

    @contextmanager
    def working(self, phase: Phase, active: Callable[[], Iterable[str]] = tuple) -> Iterator[None]:
        """What is said belongs to a phase for as long as the block lasts; `active` says what runs."""
        before, self.phase, self._active = (self.phase, self._active), phase, active
        try:
            yield
        finally:
            self.phase, self._active = before

    def _watch(self) -> None:
        while not self._over.wait(self._silence / 4):
            if self.phase != "running" and time.monotonic() - self._last >= self._silence:
                spent = duration(time.monotonic() - self._began)
                for line in [*self._active()] or [f"Still {self.phase} after {spent}"]:
                    self.say(line)


class Wrapped(io.TextIOBase):
    """In place of stdout and stderr: whatever else is written there, such as a warning of Python, is a message, too."""

    def __init__(self, log: JsonLog) -> None:
        super().__init__()
        self._log = log
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self._log.say(line)
        return len(text)

    def writable(self) -> bool:
        return True
