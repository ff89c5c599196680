"""The one place that starts a program."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

#: How long a program may take to end after SIGTERM, in seconds.
GRACE = 10.0


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
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[tuple[Iterator[str], Callable[[], int]]]:
    """Start a program in a session of its own and give its merged output by lines, and a call that waits for it.

    The program does not see the terminal's Ctrl-C: leaving the block, for whatever reason, ends it with
    SIGTERM and after `GRACE` seconds with SIGKILL.
    """
    child = subprocess.Popen(
        [*argv],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert child.stdout is not None  # noqa: S101 - PIPE was asked for
    try:
        yield (line.decode(errors="replace").rstrip("\r\n") for line in child.stdout), child.wait
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        child.stdout.close()
