"""The containers of this moment: however it ends, none of them is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any

from r2i.engines.protocol import Container, Engine, RunRequest
from r2i.errors import R2iError
from r2i.process.interrupts import uninterrupted


class _OverError(Exception):
    """We are to end."""


class RunningContainers:
    """The containers of this moment; those that say nothing for too long are ended, and all of them when we are."""

    def __init__(self, *, patience: float) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._heard: dict[str, tuple[Container, float]] = {}
        self.silent: set[str] = set()
        self._over = False

    @contextmanager
    def start(self, engine: Engine, request: RunRequest) -> Iterator[Container]:
        self.go_on()
        with engine.start(request) as container:
            self.hear(container)
            self.go_on()
            try:
                yield container
            finally:
                with self._lock:
                    del self._heard[container.id]

    def go_on(self) -> None:
        """What a container says that we have ended means nothing."""
        if self._over:
            raise _OverError

    def hear(self, container: Container) -> None:
        with self._lock:
            self._heard[container.id] = (container, time.monotonic())

    def wait(self, futures: Sequence[Future[Any]]) -> None:
        """Until all are done; raises what the first one raised."""
        pending = set(futures)
        while pending:
            # With a time, so that an interrupt is seen.
            done, pending = wait(pending, timeout=0.2)
            for future in done:
                future.result()
            self._end_silent()

    def end(self) -> None:
        self._over = True
        with self._lock:
            containers = [container for container, _ in self._heard.values()]
        with ThreadPoolExecutor() as stopping:  # each may take ten seconds
            stopping.map(_stop, containers)

    def _end_silent(self) -> None:
        now = time.monotonic()
        with self._lock:
            silent = [one for one, heard in self._heard.values() if now - heard > self._patience]
        for container in silent:
            self.silent.add(container.id)
            container.stop()


def _stop(container: Container) -> None:
    with suppress(R2iError, OSError, ValueError):
        container.stop()


@contextmanager
def pool(workers: int, running: RunningContainers) -> Iterator[Callable[..., Future[Any]]]:
    """Whatever happens, no container outlives it."""
    threads = ThreadPoolExecutor(workers)
    try:
        yield threads.submit
    except BaseException:
        with uninterrupted():
            threads.shutdown(wait=False, cancel_futures=True)
            running.end()
            threads.shutdown()
        raise
    threads.shutdown()


class OutputRoom:
    """What is left for outputs, in characters."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()

    def has(self, size: int) -> bool:
        """Whether there is room for so much, which is taken then."""
        with self._lock:
            if size > self._size:
                return False
            self._size -= size
            return True
