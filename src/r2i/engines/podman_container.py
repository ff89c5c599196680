"""Containers of Podman: how they are created, and what is asked of one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from r2i import process
from r2i.engines import ownership
from r2i.engines.container_limits import LOG_SIZE
from r2i.engines.docker_container import GRACE
from r2i.engines.environment import child_environment
from r2i.engines.failure import engine_failure
from r2i.engines.protocol import Mount, Port, RunRequest


def create_argv(
    request: RunRequest,
    name: str,
    *,
    environment: Sequence[str] = (),
    limits: Sequence[str] = (),
    rootless: bool = False,
) -> tuple[str, ...]:
    """`environment` are the words after `--env`: names, or `NAME=value` where the name alone would not do."""
    return (
        "podman",
        "create",
        f"--name={name}",
        "--init",
        "--security-opt=no-new-privileges",
        "--cap-drop=all",
        "--log-driver=k8s-file",
        f"--log-opt=max-size={LOG_SIZE}",
        *(f"--group-add={group}" for group in request.groups),
        "--http-proxy=false",
        *(f"--label={key}={value}" for key, value in {**ownership.labels(), **request.labels}.items()),
        *(f"--publish={_published(port)}" for port in request.ports),
        *(("--publish-all",) if request.publish_all else ()),
        *_network(request),
        *(f"--mount={_mounted(mount)}" for mount in request.mounts),
        *(f"--env={word}" for word in environment),
        *((f"--user={request.user}",) if request.user is not None else ()),
        *(_ourselves(request) if rootless else ()),
        *((f"--memory={request.memory}",) if request.memory is not None else ()),
        *((f"--cpus={request.cpus:g}",) if request.cpus is not None else ()),
        *limits,
        # `--gpus` is of Podman 5; the names of the Container Device Interface work since 4.1.
        *(f"--device=nvidia.com/gpu={device}" for device in _gpus(request.gpus)),
        *((f"--entrypoint={json.dumps(request.command)}",) if request.bare else ()),
        "--",
        request.image,
        *(() if request.bare else request.command),
    )


def _network(request: RunRequest) -> tuple[str, ...]:
    if request.beside is not None:
        return (f"--network=container:{request.beside}",)
    return () if request.network else ("--network=none",)


def _ourselves(request: RunRequest) -> tuple[str, ...]:
    """Who uses a mounted directory is us outside, as with Docker; Podman copies the image for it once, so only then."""
    uid, _, gid = (request.user or "").partition(":")
    if not request.mounts or not uid.isdigit():
        return ()
    return (f"--userns=keep-id:uid={uid},gid={gid or uid}",)


def _published(port: Port) -> str:
    host = f"[{port.host}]" if ":" in port.host else port.host
    return f"{host}:{'' if port.host_port is None else port.host_port}:{port.container_port}/{port.protocol}"


def _mounted(mount: Mount) -> str:
    """One row of comma-separated values, as Podman reads it; nothing in it makes anybody somebody else, nor is a device."""
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}", "nosuid", "nodev"]
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
    """`ask` runs a command of Podman, as `Podman.ask` does."""

    name: str
    id: str
    ask: Callable[..., process.Completed]
    environ: Mapping[str, str]

    def address(self, port: int) -> tuple[str, int] | None:
        done = self.ask("port", self.name, f"{port}/tcp")
        lines = done.stdout.split()
        if done.returncode or not lines:
            return None
        host, _, number = lines[0].rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(number)

    def output(self) -> Generator[bytes, None, None]:
        # Following what has ended, Podman misses the last lines of a log that was too large and begun anew.
        follow = ("--follow",) if self.running() else ()
        argv = ("podman", "logs", *follow, self.name)
        with process.chunks(argv, env=child_environment(self.environ)) as chunks:
            yield from chunks

    def logs(self) -> Iterator[str]:
        with closing(self.output()) as chunks:
            yield from process.lines_of(chunks)

    def running(self) -> bool:
        done = self.ask("container", "inspect", "--format={{.State.Running}}", self.name)
        return done.stdout.strip() == "true"

    def wait(self) -> int:
        done = self.ask("wait", self.name, timeout=None)
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
        return int(done.stdout.split()[-1])

    def out_of_memory(self) -> bool:
        done = self.ask("container", "inspect", "--format={{.State.OOMKilled}}", self.name)
        return done.stdout.strip() == "true"

    def stop(self) -> None:
        done = self.ask("stop", f"--time={GRACE}", self.name)
        if done.returncode:
            raise engine_failure(done.stderr, "podman")
