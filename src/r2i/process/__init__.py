"""The one place that starts a program."""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

#: How long a program may take to end after SIGTERM, in seconds.
GRACE = 10.0

#: Longer lines come in pieces, in bytes: a program need not end its line before our memory is full.
LONGEST_LINE = 1 << 20

#: What a program may say where nobody gives another limit, in bytes.
MOST_OUTPUT = 1 << 28

#: The codes of a program that outlived its time (as `timeout` gives it), and of one that wrote more than it may (SIGXFSZ).
TOO_LONG, TOO_MUCH = 124, 153


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a program and each of its children may take, in bytes: memory, a file that it writes, and what it says.

    Memory is bounded on Linux only, and what it says only by `run`: `streaming` keeps nothing of it.
    """

    memory: int
    file: int
    output: int = MOST_OUTPUT


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A program that ended: its exit status and what it wrote, decoded as UTF-8 with replacements."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


#: Called with what ends a program and with its number: a context in which the program runs.
During: TypeAlias = Callable[[Callable[[], None], int], AbstractContextManager[None]]


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
    limits: Limits | None = None,
    guarded: bool = False,
) -> Completed:
    """Run a program to its end, never with a command line for a shell and never on the terminal.

    `env` is the whole environment (None inherits ours). A program that is not installed gives return code
    127, one that outlives `timeout` seconds is killed and gives 124: the codes of a shell and of `timeout`. One that
    says too much is killed, too, and gives 153. With `limits` its children are killed with it. One that is `guarded` does not
    outlive us, as with a guard of `streaming`.
    """
    with tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        try:
            child = subprocess.Popen(
                [*(_guarding("children", ()) if guarded else ()), *_bounded(argv, limits)],
                env=env,
                cwd=cwd,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=limits is not None,
            )
        except FileNotFoundError:
            return Completed(argv=(*argv,), returncode=127, stdout="", stderr=f"{argv[0]}: not found")
    with child:
        try:
            most = MOST_OUTPUT if limits is None else limits.output
            code, stdout, stderr = _heard(child, timeout=timeout, most=most)
        finally:
            if guarded:
                _end(child)  # the guard is to end the program first
            else:
                _kill(child, group=limits is not None)
    if code == TOO_LONG:
        stderr = f"{argv[0]}: no answer in {timeout:g} s"
    elif code == TOO_MUCH:
        stderr += f"\n{argv[0]}: wrote more than it may"
    return Completed(argv=(*argv,), returncode=code, stdout=stdout, stderr=stderr)


def _heard(child: subprocess.Popen[bytes], *, timeout: float | None, most: int) -> tuple[int, str, str]:
    """The exit status of a program, and what it wrote until it ended, ran out of time or had said too much."""
    deadline = None if timeout is None else time.monotonic() + timeout
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, kept in ((child.stdout, output), (child.stderr, errors)):
            assert pipe is not None  # noqa: S101 - both are pipes
            selector.register(pipe, selectors.EVENT_READ, kept)
        while selector.get_map():
            left = None if deadline is None else deadline - time.monotonic()
            ready = selector.select(left) if left is None or left > 0 else []
            if not ready:
                return TOO_LONG, "", ""
            for key, _ in ready:
                if data := os.read(key.fd, 1 << 16):
                    key.data.extend(data)
                else:
                    selector.unregister(key.fileobj)
            if len(output) + len(errors) > most:
                return TOO_MUCH, "", errors[-LONGEST_LINE:].decode(errors="replace")
    try:
        code = child.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return TOO_LONG, "", ""
    code = TOO_MUCH if code == -signal.SIGXFSZ else code
    return code, output.decode(errors="replace"), errors.decode(errors="replace")


def _bounded(argv: Sequence[str], limits: Limits | None) -> list[str]:
    """Begin with the limits: a program that is bounded once it runs may have children by then that are not."""
    if limits is None:
        return [*argv]
    # POSIX counts memory in 1,024 bytes and files in 512. Files that are mapped are no memory in this sense.
    bounds = f"ulimit -c 0; ulimit -d {limits.memory // 1024}; ulimit -f {limits.file // 512}"
    return ["/bin/sh", "-c", f'{{ {bounds}; }} 2>/dev/null; exec "$@"', "sh", *argv]


def _kill(child: subprocess.Popen[bytes], *, group: bool) -> None:
    if child.returncode is not None:
        return  # its number may be another's by now
    if group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()


def output(argv: Sequence[str], *, env: Mapping[str, str], limit: int, timeout: float = 30) -> bytes:
    """What a program writes on stdout, bytes as they are; nothing where it fails, takes longer, or writes more than `limit` bytes."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        try:
            child = subprocess.Popen(
                [*argv], env=env, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.DEVNULL
            )
        finally:
            os.close(writing)
        clock = threading.Timer(timeout, child.kill)
        clock.start()
        try:
            written = stream.read(limit + 1)
            if len(written) > limit:
                child.kill()
            return written if child.wait() == 0 and len(written) <= limit else b""
        finally:
            clock.cancel()


@contextmanager
def streaming(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    guard: Literal["program", "children"] | None = None,
    remove: Sequence[Path] = (),
    timeout: float | None = None,
    limits: Limits | None = None,
    during: During | None = None,
) -> Iterator[tuple[Iterator[str], Callable[[], int]]]:
    """Start a program in a session of its own and give its merged output by lines, and a call that waits for it.

    The program does not see the terminal's Ctrl-C: leaving the block, for whatever reason, ends it with
    SIGTERM and after `GRACE` seconds with SIGKILL. With a `guard` it does not outlive us, not even when we are
    killed: then the directories in `remove` are deleted, too. `children` sends SIGTERM to the program's
    own children and lets it clean up after them. After `timeout` seconds it is ended, and the call that waits gives 124.
    """
    with _begun(argv, env=env, cwd=cwd, guard=guard, remove=remove, limits=limits) as (output, child):
        ended = threading.Event()
        clock = threading.Timer(timeout or 0, _expire, (child, ended))
        try:
            if timeout is not None:
                clock.start()
            lines = iter(partial(output.readline, LONGEST_LINE), b"")
            with during(child.terminate, child.pid) if during else nullcontext():
                yield (
                    (line.decode(errors="replace").rstrip("\r\n") for line in lines),
                    lambda: TOO_LONG if child.wait() and ended.is_set() else child.wait(),
                )
        finally:
            clock.cancel()


@contextmanager
def chunks(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Iterator[Iterator[bytes]]:
    """Start a program as `streaming` does and give its merged output byte for byte, as it comes."""
    with _begun(argv, env=env) as (output, _):
        yield iter(partial(output.read1, LONGEST_LINE), b"")


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Output that comes in pieces, as text by lines."""
    unfinished = bytearray()
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield (unfinished + end).decode(errors="replace").removesuffix("\r")
            unfinished.clear()
        unfinished += rest
        if len(unfinished) > LONGEST_LINE:
            yield unfinished.decode(errors="replace")
            unfinished.clear()
    if unfinished:
        yield unfinished.decode(errors="replace")


@contextmanager
def _begun(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    guard: Literal["program", "children"] | None = None,
    remove: Sequence[Path] = (),
    limits: Limits | None = None,
) -> Iterator[tuple[io.BufferedReader, subprocess.Popen[bytes]]]:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as output:
        try:
            child = subprocess.Popen(
                [*(_guarding(guard, remove) if guard else ()), *_bounded(argv, limits)],
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
            yield output, child
        finally:
            _end(child)


def _expire(child: subprocess.Popen[bytes], ended: threading.Event) -> None:
    ended.set()
    child.terminate()


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
