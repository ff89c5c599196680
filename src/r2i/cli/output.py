"""What r2i writes, for whom: no text of others reaches a terminal or the log of a CI service as a command.

A terminal gets colours and no other control characters. In the log of a CI service, and on stderr always, what would
begin a command to it is broken by a blank, and under GitHub Actions the output of others stands where its runner obeys
nothing. Programs and files get the product byte for byte.
"""

from __future__ import annotations

import io
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TextIO

from r2i.quoting import Harmless

#: The variables of CI services that obey what a job writes on its stdout.
SERVICES = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


#: Whether stderr is for a program, which reads one JSON object a line (`--progress json`).
for_programs: ContextVar[bool] = ContextVar("for_programs", default=False)


class Guarded(io.TextIOWrapper):
    """A stream that shows what it would otherwise send; `inner` is for words of ours that are to be obeyed."""

    def __init__(self, inner: io.TextIOWrapper) -> None:
        super().__init__(
            inner.buffer,
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=inner.line_buffering,
            write_through=inner.write_through,
        )
        self.inner = inner
        self._harmless = Harmless()

    def write(self, text: str) -> int:
        super().write(self._harmless(text))
        return len(text)

    def close(self) -> None:
        """The bytes below belong to `inner`."""
        with suppress(ValueError):  # that is closed already
            self.flush()


def guard() -> None:
    """Write UTF-8 under every locale, and let nothing through that somebody else would have a terminal or a runner do."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Guarded) or not isinstance(stream, io.TextIOWrapper):
            continue
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        if name == "stderr" or stream.isatty() or _is_a_log(stream):
            setattr(sys, name, Guarded(stream))


def unguarded(stream: TextIO) -> TextIO:
    """The stream for what is ours altogether: lines that are drawn over, annotations."""
    if not isinstance(stream, Guarded):
        return stream
    stream.flush()
    return stream.inner


@contextmanager
def of_others(stream: TextIO) -> Iterator[None]:
    """What is written to `stream` meanwhile contains words of others: GitHub's runner obeys none of it.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#stopping-and-starting-workflow-commands
    """
    if not isinstance(stream, Guarded) or not _is_the_runners(stream):
        yield
        return
    word = secrets.token_hex(16)
    _command(stream, f"stop-commands::{word}")
    try:
        yield
    finally:
        _command(stream, f"{word}::")


def _is_the_runners(stream: Guarded) -> bool:
    for_json = stream is sys.stderr and for_programs.get()
    return os.environ.get("GITHUB_ACTIONS") == "true" and not stream.isatty() and not for_json


def _command(stream: Guarded, command: str) -> None:
    inner = unguarded(stream)
    inner.write(f"::{command}\n")
    inner.flush()


def _is_a_log(stream: TextIO) -> bool:
    """Whether a CI service reads it itself, and not a program of the job: `image=$(r2i build .)`, `r2i dockerfile . | …`."""
    service = next((name for name in SERVICES if name in os.environ), None)
    if service is None:
        return False
    try:
        ours = os.fstat(stream.fileno())
        if not stat.S_ISFIFO(ours.st_mode) and not stat.S_ISSOCK(ours.st_mode):
            return False
        return os.path.samestat(ours, Path(f"/proc/{_first_of_job(service)}/fd/{stream.fileno()}").stat())
    except OSError:  # no pipe of a process, or no Linux
        return True


def _first_of_job(service: str) -> int:
    """The process with which the service's runner began the job: the outermost one that has its variables."""
    pid = os.getpid()
    while True:
        # The name of the program, in parentheses, can contain anything.
        parent = int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        try:
            variables = Path(f"/proc/{parent}/environ").read_bytes().split(b"\0")
        except OSError:  # not ours
            return pid
        if not any(variable.startswith(f"{service}=".encode()) for variable in variables):
            return pid
        pid = parent
