"""Stands between r2i and a program it started, and ends that program when r2i ends, however r2i ends.

Run as a script, with nothing of r2i imported: `guard.py PARENT WHOM DIRECTORIES PROGRAM …`. It is the other half of
`r2i.process.streaming`. SIGKILL cannot be caught, so r2i itself could neither stop a build nor delete its secrets.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess  # noqa: TID251 - this is a program of its own
import sys
import time
from pathlib import Path

#: How long the program may take to end, in seconds; less than what `r2i.process` allows the guard.
PATIENCE = 8.0

PR_SET_PDEATHSIG = 1

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818 - not a failure
    """We are to end the program."""


def main(parent: int, whom: str, directories: list[str], argv: list[str]) -> int:
    child: subprocess.Popen[bytes] | None = None
    try:
        # A signal is an exception, but not while the program is being started: it would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for number in SIGNALS:
            signal.signal(number, _stop)
        _die_with(parent)
        child = subprocess.Popen(argv, start_new_session=True, preexec_fn=_unblock)  # noqa: S603, PLW1509
        _unblock()
        return _wait(child, parent)
    except FileNotFoundError:
        sys.stderr.write(f"{argv[0]}: not found\n")
        return 127
    except Stopped:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if child is not None:
            _end(child, whom)
        for directory in directories:
            shutil.rmtree(directory, ignore_errors=True)
        return 128 + signal.SIGTERM


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _stop(_number: int, _frame: object) -> None:
    raise Stopped


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before the kernel knew that we care
        raise Stopped


def _wait(child: subprocess.Popen[bytes], parent: int) -> int:
    while True:
        try:
            status = child.wait(None if sys.platform == "linux" else 1.0)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                raise Stopped from None
        else:
            return status if status >= 0 else 128 - status


def _end(child: subprocess.Popen[bytes], whom: str) -> None:
    """Podman ends on SIGTERM without its build step and leaves it running; told that the step ended, it cleans up."""
    deadline = time.monotonic() + PATIENCE
    seen: dict[int, str] = {}
    if whom == "program":
        child.terminate()
    while child.poll() is None and time.monotonic() < deadline:
        if whom == "children":
            processes = all_processes()
            seen |= below(child.pid, processes)
            for pid in seen:
                if processes.get(pid, (0, ""))[0] == child.pid:
                    _signal(pid, signal.SIGTERM)
        time.sleep(0.05)
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(1.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    # A child that was told to end before it listened has left its container behind.
    processes = all_processes()
    for pid, began in seen.items():
        if processes.get(pid, (0, ""))[1] == began:
            _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended by itself meanwhile
        os.kill(pid, number)


def below(ancestor: int, processes: dict[int, tuple[int, str]]) -> dict[int, str]:
    """The processes that descend from one, with the times when they began: a number alone may be used again."""
    found: dict[int, str] = {}
    pending = [ancestor]
    while pending:
        parent = pending.pop()
        children = {pid: began for pid, (above, began) in processes.items() if above == parent}
        found |= children
        pending += children
    return found


def all_processes() -> dict[int, tuple[int, str]]:
    """The parent of each process, and when it began."""
    result: dict[int, tuple[int, str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            # pid (name) state parent …; a name may hold blanks and brackets
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            result[int(stat.parent.name)] = (int(fields[1]), fields[19])
    return result


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], [d for d in sys.argv[3].split("\n") if d], sys.argv[4:]))  # noqa: TID251
