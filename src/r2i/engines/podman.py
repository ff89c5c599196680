"""Podman, rootless too, through its command line: there is no daemon to talk to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from r2i import process
from r2i.engines import ownership
from r2i.engines.docker_container import GRACE
from r2i.engines.environment import child_environment, passed_by_name
from r2i.engines.failure import engine_failure, last_line, start_failure, step_failure
from r2i.engines.files import archive
from r2i.engines.inspection import inspected
from r2i.engines.protocol import BuildRequest, Container, Mount, Port, RunRequest, StepEvent
from r2i.errors import EngineError, R2iError
from r2i.model import Image

if TYPE_CHECKING:
    from r2i.engines.buildah import BuildProgress
    from r2i.engines.context import Workspace

#: Named contexts came with this version.
OLDEST = 4

NO_IMAGE = re.compile(
    "image not known|no such image|invalid reference format|repository name must", re.IGNORECASE
)


def build_argv(request: BuildRequest, files: Workspace, *, build_args: Sequence[str] = ()) -> tuple[str, ...]:
    """`--format=docker` keeps `SHELL` and health checks, which OCI's format does not have."""
    return (
        "podman",
        "build",
        "--layers",
        "--format=docker",
        # Podman would add its own proxies to each step, those of this machine only, too.
        "--http-proxy=false",
        f"--file={files.dockerfile}",
        f"--ignorefile={files.ignore}",
        f"--build-context=r2i={files.support}",
        f"--iidfile={files.image_id}",
        *(f"--secret=id={id_},src={path}" for id_, path in files.secrets.items()),
        *(f"--tag={tag}" for tag in request.tags),
        *(f"--label={name}={value}" for name, value in request.labels.items()),
        *(f"--build-arg={word}" for word in build_args),
        *(("--no-cache",) if request.no_cache else ()),
        "--",
        str(request.context),
    )


def create_argv(request: RunRequest, name: str, *, environment: Sequence[str] = ()) -> tuple[str, ...]:
    """`environment` are the words after `--env`: names, or `NAME=value` where the name alone would not do."""
    return (
        "podman",
        "create",
        f"--name={name}",
        "--init",
        "--security-opt=no-new-privileges",
        "--http-proxy=false",
        *(f"--label={key}={value}" for key, value in {**ownership.labels(), **request.labels}.items()),
        *(f"--publish={_published(port)}" for port in request.ports),
        *(("--publish-all",) if request.publish_all else ()),
        *(() if request.network else ("--network=none",)),
        *(f"--mount={_mounted(mount)}" for mount in request.mounts),
        *(f"--env={word}" for word in environment),
        *((f"--user={request.user}",) if request.user is not None else ()),
        *((f"--memory={request.memory}",) if request.memory is not None else ()),
        *((f"--cpus={request.cpus:g}",) if request.cpus is not None else ()),
        # `--gpus` is of Podman 5; the names of the Container Device Interface work since 4.1.
        *(f"--device=nvidia.com/gpu={device}" for device in _gpus(request.gpus)),
        "--",
        request.image,
        *request.command,
    )


def _published(port: Port) -> str:
    host = f"[{port.host}]" if ":" in port.host else port.host
    return f"{host}:{'' if port.host_port is None else port.host_port}:{port.container_port}/{port.protocol}"


def _mounted(mount: Mount) -> str:
    """One row of comma-separated values, as Podman reads it."""
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    fields += ["ro=true"] if mount.read_only else []
    quoted = (
        '"' + field.replace('"', '""') + '"' if re.search(r'[,"\n]', field) else field for field in fields
    )
    return ",".join(quoted)


def _gpus(gpus: str | None) -> list[str]:
    if gpus is None:
        return []
    if gpus.isdigit():
        return [str(number) for number in range(int(gpus))]
    return gpus.removeprefix("device=").split(",")


@dataclass(frozen=True)
class PodmanContainer:
    name: str
    id: str
    engine: Podman

    def address(self, port: int) -> tuple[str, int] | None:
        done = self.engine.ask("port", self.name, f"{port}/tcp")
        lines = done.stdout.split()
        if done.returncode or not lines:
            return None
        host, _, number = lines[0].rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(number)

    def logs(self) -> Iterator[str]:
        argv = ("podman", "logs", "--follow", self.name)
        with process.streaming(argv, env=child_environment(self.engine.environ)) as (lines, _):
            yield from lines

    def running(self) -> bool:
        done = self.engine.ask("container", "inspect", "--format={{.State.Running}}", self.name)
        return done.stdout.strip() == "true"

    def wait(self) -> int:
        done = self.engine.ask("wait", self.name, timeout=None)
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
        return int(done.stdout.split()[-1])

    def out_of_memory(self) -> bool:
        done = self.engine.ask("container", "inspect", "--format={{.State.OOMKilled}}", self.name)
        return done.stdout.strip() == "true"

    def stop(self) -> None:
        done = self.engine.ask("stop", f"--time={GRACE}", self.name)
        if done.returncode:
            raise engine_failure(done.stderr, "podman")


@dataclass(frozen=True)
class Podman:
    """Rootless, a user of the container is another one on the host: who mounts a directory chooses `user`."""

    environ: Mapping[str, str]
    run: process.Runner = process.run

    @property
    def name(self) -> Literal["podman"]:
        return "podman"

    def installed(self) -> bool:
        return self.ask("--version").returncode != 127

    def check(self) -> None:
        """Raise `EngineError` where there is no Podman that can build."""
        done = self.ask("version", "--format", "json")
        if done.returncode == 127:
            raise EngineError("Podman is not installed", hint="Run `r2i setup --engine podman`")
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
        version = str(json.loads(done.stdout)["Client"]["Version"])
        if int(version.partition(".")[0]) < OLDEST:
            raise EngineError(
                f"Podman {version} is too old: r2i needs version {OLDEST} or newer", hint="Update Podman"
            )

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        from r2i.engines.buildah import BuildProgress
        from r2i.engines.context import workspace
        from r2i.engines.instructions import stages
        from r2i.engines.mounts import check_mounts, with_help

        env = child_environment(self.environ, pulls=True)
        words, added = passed_by_name(request.build_args, env)
        env |= {**added, **request.proxies}
        text = request.dockerfile.text
        with workspace(request, "") as files:
            parsed = stages(text)
            check_mounts(parsed, context=request.context, support=files.support)
            helped, origin = with_help(text, parsed, context=request.context, support=files.support)
            files.dockerfile.write_text(helped, encoding="utf-8", newline="")
            progress = BuildProgress(stages(helped), origin, listen)
            argv = build_argv(request, files, build_args=[*words, *request.proxies])
            image_id = files.run(argv, progress.feed, env=env, guard="children")
        if image_id is None:
            raise _build_failure(progress)
        image = self.find(image_id)
        if image is None:
            raise EngineError("The image was built, and Podman does not have it", hint="Try again")
        return replace(image, reference=request.tags[0] if request.tags else image_id)

    def find(self, reference: str) -> Image | None:
        done = self.ask("image", "inspect", "--", reference)
        if done.returncode == 0:
            return inspected(reference, json.loads(done.stdout)[0])
        if NO_IMAGE.search(done.stderr):
            return None
        raise engine_failure(done.stderr, "podman")

    def digest(self, reference: str) -> str | None:
        return None

    def processors(self) -> int:
        done = self.ask("info", "--format={{.Host.CPUs}}")
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
        return int(done.stdout)

    def memory(self) -> int:
        done = self.ask("info", "--format={{.Host.MemTotal}}")
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
        return int(done.stdout)

    @contextmanager
    def start(self, request: RunRequest) -> Iterator[Container]:
        """Create and start a container under a name of ours, so that it can be removed however far it came."""
        import secrets
        from tempfile import TemporaryDirectory

        name = f"r2i-{secrets.token_hex(6)}"
        env = child_environment(self.environ, pulls=True)
        words, added = passed_by_name(request.environment, env)
        try:
            self._remove_abandoned()
            self._create(create_argv(request, name, environment=words), request, env=env | added)
            if request.files:
                # Without `--archive=false`, they would belong to the container's user.
                argv = ("podman", "cp", "--archive=false", "-", f"{name}:/")
                self._begin(argv, request, env=env, stdin=archive(request.files).decode())
            done = self._begin(("podman", "container", "inspect", "--format={{.Id}}", name), request, env=env)
            # Where the memory does not suffice, conmon 2.1.6 leaves a file `oom` in the directory from which it was started.
            with TemporaryDirectory(prefix="r2i-") as directory:
                self._begin(("podman", "start", name), request, env=env, cwd=Path(directory))
            yield PodmanContainer(name=name, id=done.stdout.strip(), engine=self)
        finally:
            self._remove(name)

    def ask(self, *words: str, timeout: float | None = 60) -> process.Completed:
        return self.run(("podman", *words), env=child_environment(self.environ), timeout=timeout)

    def _begin(
        self,
        argv: tuple[str, ...],
        request: RunRequest,
        *,
        env: Mapping[str, str],
        stdin: str = "",
        cwd: Path | None = None,
    ) -> process.Completed:
        done = self.run(argv, env=env, stdin=stdin, cwd=cwd)
        if done.returncode:
            raise start_failure(done.stderr, request, "podman")
        return done

    def _create(self, argv: tuple[str, ...], request: RunRequest, *, env: Mapping[str, str]) -> None:
        done = self.run(argv, env=env)
        if done.returncode and "container-init binary not found" in done.stderr:
            # Debian only recommends catatonit: without it, the command is process 1.
            argv = tuple(word for word in argv if word != "--init")
            self._begin(argv, request, env=env)
        elif done.returncode:
            raise start_failure(done.stderr, request, "podman")

    def _remove_abandoned(self) -> None:
        """What a killed r2i has left may still hold the port that we are to publish."""
        done = self.ask("ps", "--all", f"--filter=label={ownership.OWNER_LABEL}", "--format=json")
        for found in json.loads(done.stdout or "[]"):
            if ownership.is_abandoned(found["Labels"][ownership.OWNER_LABEL]):
                self.ask("rm", "--force", "--volumes", "--time=0", found["Id"])

    def _remove(self, name: str) -> None:
        done = self.ask("rm", "--force", "--ignore", "--volumes", f"--time={GRACE}", name)
        if done.returncode and "no such container" not in done.stderr.lower():
            raise EngineError(
                f"The container `{name}` could not be removed: {last_line(done.stderr)}",
                hint=f"Remove it with `podman rm --force {name}`",
            )


def _build_failure(progress: BuildProgress) -> R2iError:
    """Podman's last line says why; it may stand behind what the step printed without ending the line."""
    *before, last = progress.tail or ("",)
    printed, found, said = last.rpartition("Error: building at STEP ")
    if not found:
        return engine_failure(last, "podman")
    error = progress.fail(said).partition(" &imagebuilder.")[0]
    log = [line for line in before if not line.startswith('time="')] + ([printed] if printed else [])
    return step_failure(progress.text, error, line=progress.line, log=tuple(log), engine="podman")
