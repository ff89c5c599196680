"""Builds of the same content by several r2i: one builds, the others wait for their turn.

`fcntl.flock`, and no library: the system gives the lock back however its holder ends, and the file tells who that is.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from r2i.host.directories import cache_directory

#: How often is looked whether it is our turn, in seconds.
PACE = 0.1

#: Of a wait that is over before, nobody is told: the holder only finds the image that it wanted, too.
SHORT = 0.5

#: More than a number of a process has.
MOST_BYTES = 20


class WaitedTooLongError(Exception):
    """The time is over, and the process of this number still builds."""


@contextmanager
def turn(what: str, *, patience: float, waiting: Callable[[str], None]) -> Iterator[float]:
    """Keep other r2i of this user from doing the same at the same time; gives the seconds that it waited for them.

    `waiting` is told the number of the process that is waited for. Where nothing can be locked, nobody waits.
    Raises `WaitedTooLongError`.
    """
    file, began = _file(what), time.monotonic()
    descriptor = None
    with suppress(OSError):
        descriptor = _wait(file, until=began + patience, waiting=waiting)
    try:
        yield time.monotonic() - began
    finally:
        if descriptor is not None:
            # Only the holder removes it; who waits with this file sees that it is no longer the one to lock.
            with suppress(OSError):
                file.unlink()
            os.close(descriptor)


def _wait(file: Path, *, until: float, waiting: Callable[[str], None]) -> int:
    holder, since, told = "", time.monotonic(), False
    while (descriptor := _take(file)) is None:
        now = time.monotonic()
        if (found := _holder(file)) != holder:
            holder, since, told = found, now, False
        if holder and not told and now - since > SHORT:
            told = True
            waiting(holder)
        if now > until:
            raise WaitedTooLongError(holder)
        time.sleep(PACE)
    return descriptor


def _take(file: Path) -> int | None:
    """The locked file; None where another process has it. Raises `OSError` where nothing can be locked."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), file.stat()):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _holder(file: Path) -> str:
    """The number of the process that has the lock; empty while it is not known."""
    with suppress(OSError, ValueError):
        return str(int(file.read_bytes()[:MOST_BYTES]))
    return ""


def _file(what: str) -> Path:
    return cache_directory("turns") / sha256(what.encode()).hexdigest()
