"""The one place that starts a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

#: How long a program may take to end after SIGTERM, in seconds.
GRACE = 10.0

#: Longer lines come in pieces, in bytes: a program need not end its line before our memory is full.
LONGEST_LINE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A program that ended: its exit status and what it wrote, decoded as UTF-8 with replacements."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


class Runner(Protocol):
    """The seam for tests: anything that is called like `run`."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
        stdin: str = "",
    ) -> Completed: ...


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    stdin: str = "",
) -> Completed:
    """Run a program to its end, never in a shell and never on the terminal.

    `env` is the whole environment (None inherits ours). A program that is not installed gives return code
    127, one that outlives `timeout` seconds is killed and gives 124: the codes of a shell and of `timeout`.
    """
    try:
        done = subprocess.run(
            [*argv], env=env, cwd=cwd, timeout=timeout, input=stdin.encode(), capture_output=True, check=False
        )
    except FileNotFoundError:
        return Completed(argv=(*argv,), returncode=127, stdout="", stderr=f"{argv[0]}: not found")
    except subprocess.TimeoutExpired:
        return Completed(
            argv=(*argv,), returncode=124, stdout="", stderr=f"{argv[0]}: no answer in {timeout:g} s"
        )
    return Completed(
        argv=(*argv,),
        returncode=done.returncode,
        stdout=done.stdout.decode(errors="replace"),
        stderr=done.stderr.decode(errors="replace"),
    )


@contextmanager
def streaming(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    guard: Literal["program", "children"] | None = None,
    remove: Sequence[Path] = (),
) -> Iterator[tuple[Iterator[str], Callable[[], int]]]:
    """Start a program in a session of its own and give its merged output by lines, and a call that waits for it.

    The program does not see the terminal's Ctrl-C: leaving the block, for whatever reason, ends it with
    SIGTERM and after `GRACE` seconds with SIGKILL. With a `guard` it does not outlive us, not even when we are
    killed: then the directories in `remove` are deleted, too. `children` sends SIGTERM to the program's
    own children and lets it clean up after them.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as output:
        try:
            child = subprocess.Popen(
                [*(_guarding(guard, remove) if guard else ()), *argv],
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # The guard holds our end: when we are gone, the program can still write while it cleans up.
                pass_fds=(reading,) if guard else (),
            )
        finally:
            os.close(writing)
        try:
            lines = iter(partial(output.readline, LONGEST_LINE), b"")
            yield (line.decode(errors="replace").rstrip("\r\n") for line in lines), child.wait
        finally:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _guarding(whom: str, remove: Sequence[Path]) -> tuple[str, ...]:
    script = Path(__file__).with_name("guard.py")
    directories = "\n".join(str(directory) for directory in remove)
    return (sys.executable, "-I", "-S", str(script), str(os.getpid()), whom, directories)
