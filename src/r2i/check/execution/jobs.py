"""Starts what was built: the server, every kernel, and each notebook in containers of its own, several at once."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from r2i.building.launch import SERVER_PORT, is_of_use, server_command, wait_for_server, with_settings
from r2i.check.execution.containers import TaskContainers
from r2i.check.execution.planned import PlannedNotebook, RunLimits
from r2i.check.execution.pool import OutputRoom, RunningContainers, pool
from r2i.check.execution.runs import Failure, KernelRun, Level, NotebookRun, ServerRun
from r2i.check.execution.transcript import KernelTranscript, NotebookTranscript
from r2i.check.execution.verdicts import compared, with_network_hint, without_outputs
from r2i.engines.protocol import Engine, Port, RunRequest
from r2i.errors import NotReadyError

#: JupyterLab, or what there was before it.
SERVE = 'if command -v jupyter-lab >/dev/null 2>&1; then exec "$@"; fi; shift 2; exec jupyter notebook "$@"'

#: How long beyond the time of a cell a container may be silent, in seconds: kernels start, large outputs are sent.
SILENCE = 300.0

#: How much of the outputs is kept for a report, in characters of the containers' logs.
KEPT = 200_000_000

RunState: TypeAlias = Literal["started", "running", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class RunStep:
    """Something that happened to `job`: a notebook's path, `server` or `kernels`. `number` of `of` counts its cells."""

    job: str
    state: RunState
    text: str = ""
    number: int = 0
    of: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SeenRuns:
    server: ServerRun | None = None
    kernels: tuple[KernelRun, ...] = ()
    runs: tuple[NotebookRun, ...] = ()
    notes: tuple[str, ...] = ()


Listen: TypeAlias = Callable[[RunStep], None]


def seen(
    engine: Engine,
    request: RunRequest,
    notebooks: Sequence[PlannedNotebook],
    *,
    limits: RunLimits,
    tried: Level,
    listen: Listen,
) -> SeenRuns:
    """Start all that the level is about; `request` names the image, and whom it runs as."""
    if tried < Level.L1:
        return SeenRuns()
    running = RunningContainers(patience=limits.timeout + SILENCE)
    request = replace(request, memory=limits.memory)
    own = _Jobs(engine, request, limits, tried, listen, running, OutputRoom(KEPT))
    with pool(limits.workers + 1, running) as submit:
        kernels = submit(own.kernels)
        server = submit(own.server)
        asked = notebooks if tried >= Level.L2 else ()
        runs = [submit(own.notebook, notebook) for notebook in asked]
        running.wait([kernels, server, *runs])
        started, notes = kernels.result()
        return SeenRuns(
            server=server.result(),
            kernels=started,
            runs=tuple(run.result() for run in runs),
            notes=notes,
        )


@dataclass(frozen=True)
class _Jobs:
    engine: Engine
    request: RunRequest
    limits: RunLimits
    tried: Level
    listen: Listen
    running: RunningContainers
    room: OutputRoom

    def server(self) -> ServerRun:
        """The server, as `r2i run` and Binder start it; it has the network, as it has there."""
        began = time.monotonic()
        self.listen(RunStep(job="server", state="started"))
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
        self.listen(RunStep(job="kernels", state="started"))
        transcript = KernelTranscript()
        failure = self._follow({"path": None}, lambda message, _: transcript.take(message))
        result = transcript.result()
        notes = [failure.message] if failure else [transcript.trouble] if transcript.trouble else []
        ok = bool(result) and all(kernel.ok for kernel in result) and not notes
        text = "; ".join(notes) or ", ".join(kernel.name for kernel in result if ok or not kernel.ok)
        self._tell_end("kernels", ok=ok, text=text, seconds=time.monotonic() - began)
        return result, tuple(notes)

    def notebook(self, notebook: PlannedNotebook) -> NotebookRun:
        began = time.monotonic()
        self.listen(RunStep(job=notebook.path, state="started"))
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
        failure = self._follow(task, take)
        if failure is not None:
            transcript.fail(failure)
        return transcript.result(), size

    def _follow(
        self, task: Mapping[str, Any], take: Callable[[Mapping[str, Any], int], None]
    ) -> Failure | None:
        return TaskContainers(self.engine, self.request, self.limits, self.running).follow(task, take)

    def _tell_cell(self, job: str, message: Mapping[str, Any]) -> None:
        if message.get("event") == "cell" and message.get("skipped") is False:
            number, of = _whole(message.get("place")), _whole(message.get("of"))
            self.listen(RunStep(job=job, state="running", number=number, of=of))

    def _tell_end(self, job: str, *, ok: bool, text: str, seconds: float) -> None:
        self.listen(RunStep(job=job, state="done" if ok else "failed", text=text, seconds=seconds))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 1_000_000 else 0
