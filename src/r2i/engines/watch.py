"""Watches a build from outside: ends it when its time is over, limits its steps and measures what they write."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from r2i.engines.bounds import BoundName, Bounds, exceeded
from r2i.engines.cgroups import ControlGroup, group_of
from r2i.errors import EngineError, R2iError

#: How often is looked, in seconds.
PACE = 0.1

#: BuildKit leaves a step alone that was just being started when its build was ended: how old such a step may be, how
#: long BuildKit may take to end one, and how long is looked for what it leaves behind, in seconds.
STARTING, GRACE, PATIENCE = 30.0, 3.0, 15.0

#: How programs say that a file would be larger than the limit: the error's words, the signal's, the status of a shell.
TOO_LARGE = re.compile(
    r"file too large|file size limit exceeded|\bEFBIG\b|exit (?:code:|status) 153$", re.IGNORECASE
)

NO_PROCESS = re.compile(
    r"cannot fork|fork: (?:retry: )?resource temporarily unavailable|can't start new thread", re.IGNORECASE
)

KILLED = re.compile(r"exit (?:code:|status) 137$|container exited on killed")

UPPER = re.compile(r"[ ,]upperdir=([^ ,]+)")


@dataclass(frozen=True, kw_only=True)
class RunningStep:
    """A step that runs on this machine: what tells it from others, one of its processes, what it has written so far."""

    id: str
    process: int
    written: Path | None


class Steps(Protocol):
    def __call__(self, client: int, /) -> Iterable[RunningStep]:
        """The steps of one build that run at the moment; `client` is the number of the engine's program."""

    def begun_since(self, moment: float) -> bool:
        """Whether a step that began after that time is still there, also one that does not run yet."""


@dataclass
class Watched:
    group: ControlGroup | None
    written: Path | None
    look_again: float = 0.0


@dataclass
class Watch:
    """`exceeded` is the bound for which the build was ended, `trouble` why a bound that was asked for has no effect."""

    bounds: Bounds
    steps: Steps
    exceeded: BoundName | None = None
    trouble: str = ""
    _limited: bool = False
    _known: dict[str, Watched] = field(default_factory=dict)
    _client: int = 0
    _ended: bool = False
    _began: float = field(default_factory=time.monotonic)

    @contextmanager
    def over(self, end: Callable[[], None], client: int) -> Iterator[None]:
        """Watch while the block runs; `end` ends the build, `client` is the engine's program."""
        self._client = client
        finished = threading.Event()
        thread = threading.Thread(target=self._watch, args=(end, finished), daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            end()
            self._ended = True
            raise
        finally:
            finished.set()
            thread.join()
            if self._ended:
                self._sweep()

    def failure(self, *, step: str, line: int | None, log: tuple[str, ...], error: str) -> R2iError | None:
        """The bound that is behind a failure; `error` is what the engine says. None where none is."""
        if self.trouble:
            return EngineError(
                f"The engine's steps cannot be limited here: {self.trouble}",
                hint="Remove `--build-memory` and `--build-cpus`",
            )
        name = self.exceeded
        if name is None and any(TOO_LARGE.search(text) for text in (*log[-20:], error)):
            name = "image_size"
        if name is None and self._limited and any(NO_PROCESS.search(text) for text in log[-20:]):
            name = "processes"
        if name is None and self.bounds.memory and any(KILLED.search(text) for text in (*log[-2:], error)):
            name = "memory"
        return exceeded(name, self.bounds, step=step, line=line, log=log) if name else None

    def _watch(self, end: Callable[[], None], finished: threading.Event) -> None:
        deadline = self._began + self.bounds.timeout - self.bounds.waited
        while not finished.wait(min(PACE, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                self.exceeded = "timeout"
            else:
                # What a step does to the files that tell of it must not keep the time from being over.
                with suppress(OSError, ValueError, KeyError):
                    self._look()
            if self.exceeded or self.trouble:
                self._ended = True
                end()
                return

    def _sweep(self) -> None:
        """End what the engine has forgotten to end. A step that is older may have become that of another build, too."""
        began = time.time() - STARTING
        now = time.monotonic()
        while time.monotonic() < now + PATIENCE and self.steps.begun_since(began):
            if time.monotonic() > now + GRACE:
                for step in self.steps(self._client):
                    with suppress(OSError):
                        os.kill(step.process, signal.SIGKILL)
            time.sleep(PACE)

    def _look(self) -> None:
        running = {step.id: step for step in self.steps(self._client)}
        for id_, step in running.items():
            if id_ not in self._known:
                self._known[id_] = Watched(group=group_of(step.process), written=step.written)
                self._limit(self._known[id_].group)
        for id_, watched in [*self._known.items()]:
            if id_ not in running:
                del self._known[id_]
            elif watched.group is not None:
                if self.bounds.memory is not None and watched.group.killed_for_memory:
                    self.exceeded = "memory"
                elif watched.group.refused_processes:
                    self.exceeded = "processes"
            if watched.written is not None and (id_ not in running or time.monotonic() >= watched.look_again):
                self._measure(watched, watched.written)

    def _limit(self, group: ControlGroup | None) -> None:
        if group is None:
            return
        with suppress(OSError):
            group.limit_processes(self.bounds.processes)
            self._limited = True
        try:
            if self.bounds.memory is not None:
                group.limit_memory(self.bounds.memory)
            if self.bounds.cpus is not None:
                group.limit_cpus(self.bounds.cpus)
        except OSError as error:
            # A group that is gone is of a step that has ended.
            if error.errno not in {None, errno.ENOENT, errno.ENODEV}:
                self.trouble = str(error)

    def _measure(self, watched: Watched, directory: Path) -> None:
        began = time.monotonic()
        size, files = written_in(directory, self.bounds)
        # Of a million files, to look takes seconds: it is done for a twentieth of the time at most.
        watched.look_again = time.monotonic() + max(1.0, 20 * (time.monotonic() - began))
        if size > self.bounds.image_size:
            self.exceeded = "image_size"
        elif files > self.bounds.image_files:
            self.exceeded = "image_files"


class NoSteps:
    """Where none can be seen."""

    def __call__(self, _client: int) -> Iterable[RunningStep]:
        return ()

    def begun_since(self, _moment: float) -> bool:
        return False


def written_in(directory: Path, bounds: Bounds) -> tuple[int, int]:
    """Bytes and files below a directory, no further than one of the bounds.

    The holes of a sparse file count: its layer holds them as zeros. A file of many names counts once.
    """
    size, files, pending = 0.0, 0, [str(directory)]
    while pending and size <= bounds.image_size and files <= bounds.image_files:
        path = pending.pop()
        try:
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            if (
                error.errno == errno.ENAMETOOLONG
            ):  # deeper than any program could look: nobody means that well
                return int(size), bounds.image_files + 1
            continue
        with suppress(OSError):
            try:
                with os.scandir(folder) as entries:
                    for entry in islice(entries, bounds.image_files + 1 - files):
                        files += 1
                        status = entry.stat(follow_symlinks=False)
                        is_directory = stat.S_ISDIR(status.st_mode)
                        size += status.st_size / (1 if is_directory else max(1, status.st_nlink))
                        if is_directory:
                            pending.append(f"{path}/{entry.name}")
            finally:
                os.close(folder)
    return int(size), files


def upper_directory(mounts: Path, target: str) -> Path | None:
    """Where an overlay that is mounted at `target` keeps what is written to it (`mounts` is a `mountinfo`)."""
    with suppress(OSError):
        for line in mounts.read_text(errors="replace").splitlines():
            fields = line.split(" ")
            if len(fields) > 4 and fields[4] == target and (match := UPPER.search(line)):
                return Path(match[1])
    return None
