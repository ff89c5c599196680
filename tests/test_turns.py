"""Processes that want to do the same at the same time take turns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from r2i.building.turns import WaitedTooLongError, turn

HOLDER = """
import sys
from r2i.building.turns import turn
with turn("the same", patience=60, waiting=lambda number: print(number, flush=True)):
    print("mine", flush=True)
    sys.stdin.read()
"""

#: Writes when it begins and ends, and does it often.
SEVERAL = """
import os, sys
from r2i.building.turns import turn
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
for _ in range(5):
    with turn("the same", patience=60, waiting=lambda _: None):
        os.write(log, f"{os.getpid()} begins\\n".encode())
        os.write(log, f"{os.getpid()} ends\\n".encode())
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "r2i" / "turns"


@contextmanager
def holder() -> Iterator[subprocess.Popen[str]]:
    """A process whose turn it is, until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        try:
            yield process
        finally:
            process.kill()


def test_who_comes_second_waits_and_knows_for_whom(cache: Path) -> None:
    told: list[str] = []
    with holder() as process:

        def waiting(number: str) -> None:
            told.append(number)
            assert process.stdin is not None
            process.stdin.close()

        with turn("the same", patience=60, waiting=waiting) as waited:
            assert process.wait(60) == 0

    assert told == [str(process.pid)]
    assert waited > 0
    assert list(cache.iterdir()) == []


def test_who_wants_something_else_does_not_wait() -> None:
    with holder(), turn("another", patience=0, waiting=pytest.fail):
        pass


def test_a_killed_process_holds_nothing() -> None:
    with holder() as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

        with turn("the same", patience=0, waiting=pytest.fail):
            pass


def test_patience_ends() -> None:
    with (
        holder() as process,
        pytest.raises(WaitedTooLongError, match=str(process.pid)),
        turn("the same", patience=0.2, waiting=lambda _: None),
    ):
        pass


def test_an_interrupted_wait_takes_nothing_from_the_holder() -> None:
    with holder() as first:
        argv = [sys.executable, "-c", HOLDER]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == f"{first.pid}\n"
            second.send_signal(signal.SIGINT)
            _, said = second.communicate(timeout=60)

        assert said.endswith("KeyboardInterrupt\n")
        with (
            pytest.raises(WaitedTooLongError),
            turn("the same", patience=0, waiting=lambda _: None),
        ):
            pass


def test_an_error_ends_the_turn() -> None:
    with pytest.raises(KeyError), turn("the same", patience=0, waiting=pytest.fail):
        raise KeyError

    with turn("the same", patience=0, waiting=pytest.fail):
        pass


def test_where_nothing_can_be_locked_nobody_waits(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.touch()

    with turn("the same", patience=0, waiting=pytest.fail), turn("the same", patience=0, waiting=pytest.fail):
        pass


def test_it_is_never_the_turn_of_two(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    processes = [subprocess.Popen([sys.executable, "-c", SEVERAL, str(log)]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    lines = log.read_text().splitlines()

    assert len(lines) == 40
    assert all(
        begins.split()[0] == ends.split()[0] for begins, ends in zip(lines[::2], lines[1::2], strict=True)
    )
