"""Waiting for others: for what a program does, and for the test that makes the same at the same time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def until(condition: Callable[[], Found], *, patience: float = 120) -> Found:
    """Ask again until the answer is true; the patience is that of a machine with much else to do."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"after {patience:g} s it is still not so"
        time.sleep(0.05)
    return found


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process at a time: what is kept for all tests is made once, also when several need it first."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
