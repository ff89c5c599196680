"""Starts what was built: the server, every kernel, and each notebook in a container of its own, several at once.

A container has the repository as it is in the image, and nothing of this machine; all of them are gone afterwards.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from r2i.check.comparison import has_outputs, mismatches
from r2i.check.runs import Failure, KernelRun, Level, NotebookRun, ServerRun
from r2i.check.subject import Subject
from r2i.check.transcript import KernelTranscript, Messages, NotebookTranscript, PlannedImport
from r2i.engines.protocol import Container, Engine, File, Port, RunRequest
from r2i.errors import NotReadyError, R2iError
from r2i.interrupts import uninterrupted
from r2i.launch import SERVER_PORT, is_of_use, server_command, wait_for_server, with_settings

#: Where the containers find what runs notebooks, and what it is to do: where nobody mounts or writes anything.
PROGRAM, TASK = "/.r2i-run-notebook.py", "/.r2i-task.json"

#: Run by the Python of the server, ours or the image's own; 96 says that there is none with nbclient.
NO_NBCLIENT = 96
FIND_PYTHON = """
own=$(command -v jupyter) && own=$(sed -n '1s/^#! *\\([^ ]*\\).*/\\1/p' "$own" 2>/dev/null)
for python in /srv/jupyter/bin/python /srv/env/bin/python "$own" python3 python; do
  if command -v "$python" >/dev/null 2>&1 && "$python" -c '
import sys
sys.path[:1] = []
import importlib.util
sys.exit(importlib.util.find_spec("nbclient") is None)'; then exec "$python" "$@"; fi
done
exit 96
"""

#: The status of a container that was ended by SIGKILL.
KILLED = 137

#: JupyterLab, or what there was before it.
SERVE = 'if command -v jupyter-lab >/dev/null 2>&1; then exec "$@"; fi; shift 2; exec jupyter notebook "$@"'

#: A notebook may use that much more at once than there are processors: it often waits, for its kernel or for nothing.
WORKERS_PER_PROCESSOR = 2

#: What a container may use at least, and of what the machine has all of them together, in bytes and as a share.
LEAST_MEMORY, SHARE = 1 << 30, 0.8

#: How long beyond the time of a cell a container may be silent, in seconds: kernels start, large outputs are sent.
SILENCE = 300.0

#: How much of the outputs is kept for a report, in characters of the containers' logs.
KEPT = 200_000_000

#: What programs say who find no network.
NO_NETWORK = re.compile(
    r"network is unreachable|name or service not known|name resolution|could not resolve host|nodename nor servname"
    r"|no address associated|failed to resolve|urlopen error|max retries exceeded|connecterror|cannot open URL",
    re.IGNORECASE,
)

SKIPPED = frozenset({"skip-execution", "raises-exception"})

State: TypeAlias = Literal["started", "running", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that happened to `job`: a notebook's path, `server` or `kernels`. `number` of `of` counts its cells."""

    job: str
    state: State
    text: str = ""
    number: int = 0
    of: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`memory` is what each container may use, in bytes; `timeout` what each cell may take, in seconds.

    `script` are the settings of this machine that a container with the network needs to reach it.
    """

    workers: int
    memory: int
    timeout: int
    network: bool = False
    script: str = ""


@dataclass(frozen=True, kw_only=True)
class PlannedNotebook:
    """`paths` are the directories that it adds to `sys.path` by their names."""

    path: str
    imports: tuple[PlannedImport, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Seen:
    server: ServerRun | None = None
    kernels: tuple[KernelRun, ...] = ()
    runs: tuple[NotebookRun, ...] = ()
    notes: tuple[str, ...] = ()


Listen: TypeAlias = Callable[[Step], None]


def planned(subject: Subject) -> tuple[PlannedNotebook, ...]:
    """What is to run, and the imports that must work: none that its author expects to fail, or provides for."""
    imports: dict[str, dict[str, PlannedImport]] = {notebook.path: {} for notebook in subject.notebooks}
    paths: dict[str, list[str]] = {notebook.path: [] for notebook in subject.notebooks}
    for notebook, cell, facts in subject.code:
        if cell.tags & SKIPPED:
            continue
        for one in facts.imports:
            if not one.optional and not one.level:
                names = ", ".join(one.names)
                statement = f"from {one.module} import {names}" if names else f"import {one.module}"
                known = PlannedImport(statement=statement, module=one.module, cell=cell.number, line=one.line)
                imports[notebook.path].setdefault(statement, known)
        paths[notebook.path] += [
            call.arguments[-1]
            for call in facts.calls
            if call.name in ("sys.path.append", "sys.path.insert")
            and call.arguments
            and isinstance(call.arguments[-1], str)
        ]
    return tuple(
        PlannedNotebook(path=path, imports=(*found.values(),), paths=(*paths[path],))
        for path, found in imports.items()
    )


def limits(
    engine: Engine, *, memory: int | None, timeout: int, jobs: int, network: bool = False, script: str = ""
) -> Limits:
    """As many containers at once as there are processors and memory for, and what is there of it for each."""
    there = int(engine.memory() * SHARE)
    least = LEAST_MEMORY if memory is None else memory
    workers = max(1, min(engine.processors() * WORKERS_PER_PROCESSOR, there // max(least, 1), jobs))
    return Limits(
        workers=workers,
        memory=max(there // workers, 1) if memory is None else memory,
        timeout=timeout,
        network=network,
        script=script,
    )


def seen(
    engine: Engine,
    request: RunRequest,
    notebooks: Sequence[PlannedNotebook],
    *,
    limits: Limits,
    tried: Level,
    listen: Listen,
) -> Seen:
    """Start all that the level is about; `request` names the image, and whom it runs as."""
    if tried < Level.L1:
        return Seen()
    running = _Running(patience=limits.timeout + SILENCE)
    request = replace(request, memory=limits.memory)
    own = _Jobs(engine, request, limits, tried, listen, running, _Room(KEPT))
    with _pool(limits.workers + 1, running) as submit:
        kernels = submit(own.kernels)
        server = submit(own.server)
        asked = notebooks if tried >= Level.L2 else ()
        runs = [submit(own.notebook, notebook) for notebook in asked]
        running.wait([kernels, server, *runs])
        started, notes = kernels.result()
        return Seen(
            server=server.result(),
            kernels=started,
            runs=tuple(run.result() for run in runs),
            notes=notes,
        )


class _OverError(Exception):
    """We are to end."""


class _Running:
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
def _pool(workers: int, running: _Running) -> Iterator[Callable[..., Future[Any]]]:
    """Whatever happens, no container outlives it."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool.submit
    except BaseException:
        with uninterrupted():
            pool.shutdown(wait=False, cancel_futures=True)
            running.end()
            pool.shutdown()
        raise
    pool.shutdown()


class _Room:
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


@dataclass(frozen=True)
class _Jobs:
    engine: Engine
    request: RunRequest
    limits: Limits
    tried: Level
    listen: Listen
    running: _Running
    room: _Room

    def server(self) -> ServerRun:
        """The server, as `r2i run` and Binder start it; it has the network, as it has there."""
        began = time.monotonic()
        self.listen(Step(job="server", state="started"))
        request = replace(
            self.request,
            command=("sh", "-c", SERVE, "sh", *server_command("lab")),
            ports=(Port(container_port=SERVER_PORT),),
            environment={**self.request.environment, "JUPYTER_TOKEN": secrets.token_urlsafe(24)},
        )
        with self.running.start(self.engine, with_settings(request, self.limits.script)) as container:
            try:
                wait_for_server(container, SERVER_PORT)
            except NotReadyError as error:
                self.running.go_on()
                container.stop()
                said = deque((line for line in container.logs() if is_of_use(line)), maxlen=20)
                result = ServerRun(
                    ok=False, seconds=time.monotonic() - began, message=error.message, log=tuple(said)
                )
            else:
                result = ServerRun(ok=True, seconds=time.monotonic() - began)
        self._tell_end("server", ok=result.ok, text=result.message, seconds=result.seconds)
        return result

    def kernels(self) -> tuple[tuple[KernelRun, ...], tuple[str, ...]]:
        """Every kernel, and what kept us from knowing."""
        began = time.monotonic()
        self.listen(Step(job="kernels", state="started"))
        transcript = KernelTranscript()
        failure = self._followed({"path": None}, lambda message, _: transcript.take(message))
        result = transcript.result()
        notes = [failure.message] if failure else [transcript.trouble] if transcript.trouble else []
        ok = bool(result) and all(kernel.ok for kernel in result) and not notes
        text = "; ".join(notes) or ", ".join(kernel.name for kernel in result if ok or not kernel.ok)
        self._tell_end("kernels", ok=ok, text=text, seconds=time.monotonic() - began)
        return result, tuple(notes)

    def notebook(self, notebook: PlannedNotebook) -> NotebookRun:
        began = time.monotonic()
        self.listen(Step(job=notebook.path, state="started"))
        run, size = self._transcribed(notebook)
        if run.failure is not None and not self.limits.network:
            run = replace(run, failure=with_network_hint(run.failure))
        if self.tried >= Level.L4:
            run = compared(run)
        text = run.failure.message if run.failure else ""
        self._tell_end(notebook.path, ok=run.failure is None, text=text, seconds=time.monotonic() - began)
        return run if self.room.has(size) else without_outputs(run)

    def _transcribed(self, notebook: PlannedNotebook) -> tuple[NotebookRun, int]:
        """What its container says of it, and how many characters that took."""
        transcript = NotebookTranscript(path=notebook.path, tried=self.tried, imports=notebook.imports)
        size = 0

        def take(message: Mapping[str, Any], read: int) -> None:
            nonlocal size
            size = read
            transcript.take(message)
            self._tell_cell(notebook.path, message)

        task = {
            "path": notebook.path,
            "paths": list(notebook.paths),
            "imports": [one.statement for one in notebook.imports],
            "run": self.tried >= Level.L3,
            "timeout": self.limits.timeout,
        }
        failure = self._followed(task, take)
        if failure is not None:
            transcript.fail(failure)
        return transcript.result(), size

    def _tell_cell(self, job: str, message: Mapping[str, Any]) -> None:
        if message.get("event") == "cell" and message.get("skipped") is False:
            number, of = _whole(message.get("place")), _whole(message.get("of"))
            self.listen(Step(job=job, state="running", number=number, of=of))

    def _tell_end(self, job: str, *, ok: bool, text: str, seconds: float) -> None:
        self.listen(Step(job=job, state="done" if ok else "failed", text=text, seconds=seconds))

    def _followed(
        self, task: Mapping[str, Any], take: Callable[[Mapping[str, Any], int], None]
    ) -> Failure | None:
        """Run the program with a task and give what it says to `take`; a failure where it does not come to its end."""
        mark = f"r2i-{secrets.token_hex(8)}"
        program = files("r2i.check").joinpath("in_container", "run_notebook.py").read_text(encoding="utf-8")
        request = replace(
            self.request,
            command=("sh", "-c", FIND_PYTHON, "sh", PROGRAM, TASK),
            network=self.limits.network,
            files=(
                File(path=PROGRAM, text=program),
                File(path=TASK, text=json.dumps({**task, "mark": mark})),
            ),
        )
        if self.limits.network:
            request = with_settings(request, self.limits.script)
        messages = Messages(mark)
        with self.running.start(self.engine, request) as container:
            ended = False
            for line in container.logs():
                message = messages.take(line)
                if message is not None:
                    self.running.hear(container)
                    take(message, messages.read)
                    ended = ended or message.get("event") == "end"
            self.running.go_on()
            if ended:
                return None
            if container.id in self.running.silent:
                return Failure(kind="no-answer", message="It has not answered for a long time, and was ended")
            return _no_answer(container, messages)


def _no_answer(container: Container, messages: Messages) -> Failure:
    status = container.wait()
    if status == NO_NBCLIENT:
        return Failure(
            kind="no-answer",
            message="No Python of the image has `nbclient`, which runs notebooks",
            hint="Install `nbclient` in the `Dockerfile`; `jupyterlab` and `notebook` bring it",
        )
    # Not every engine hears of it; whoever else kills the first process of a container does so on purpose.
    if container.out_of_memory() or status == KILLED:
        return Failure(
            kind="out-of-memory",
            message="The container was killed: the notebook needs more memory than there is",
            hint="Use less memory, or allow more with `--memory`",
        )
    return Failure(
        kind="no-answer",
        message=f"The container ended with status {status} before the notebook did",
        traceback=tuple(messages.tail),
    )


def with_network_hint(failure: Failure) -> Failure:
    """Where it looks as if the network was missed."""
    said = f"{failure.error_name}: {failure.error_value}"
    if failure.kind != "error" or failure.hint is not None or not NO_NETWORK.search(said):
        return failure
    hint = "Put what it fetches into the repository, or allow the network with `--network`"
    return replace(failure, hint=hint)


def compared(run: NotebookRun) -> NotebookRun:
    """With what L4 says of it."""
    if run.failure is not None:
        return replace(run, statuses={**run.statuses, Level.L4: "skipped"})
    found = mismatches(run.cells)
    notes = (
        run.notes if has_outputs(run.cells) else (*run.notes, "It is saved without outputs to compare with")
    )
    if not has_outputs(run.cells):
        found = ()
    return replace(
        run,
        statuses={**run.statuses, Level.L4: "failed" if found else "passed"},
        mismatches=found,
        notes=notes,
    )


def without_outputs(run: NotebookRun) -> NotebookRun:
    cells = tuple(replace(cell, outputs=(), stored=()) for cell in run.cells)
    return replace(run, cells=cells, notes=(*run.notes, "Its outputs are too many for this report"))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1_000_000 else 0
