"""Running containers through Docker's SDK, which gives logs, waiting and errors as they are."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from r2i.engines import ownership
from r2i.engines.container_limits import LOG_FILES, LOG_SIZE, PROCESSES, default_memory
from r2i.engines.failure import engine_failure, start_failure
from r2i.engines.files import LARGEST_TEXT, archive, text_in
from r2i.engines.protocol import Container, RunRequest
from r2i.errors import EngineError
from r2i.host.addresses import is_loopback
from r2i.process import lines_of

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container as SdkContainer

#: How long a container may take to end after SIGTERM, in seconds.
GRACE = 10


@dataclass(frozen=True)
class DockerContainer:
    """`host` is the machine of a daemon elsewhere, None for this one."""

    inner: SdkContainer
    host: str | None = None

    @property
    def id(self) -> str:
        return str(self.inner.id)

    def address(self, port: int) -> tuple[str, int] | None:
        self.inner.reload()
        for binding in self.inner.attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp") or ():
            host = binding["HostIp"] or "0.0.0.0"  # noqa: S104 - read, not bound
            if self.host is not None and ip_address(host).is_loopback:
                raise EngineError(
                    f"Docker runs on `{self.host}`, and port {port} is reachable only from there",
                    hint=f"Publish it on all addresses of that machine with `--publish 0.0.0.0::{port}`",
                )
            host = self.host if self.host and ip_address(host).is_unspecified else host
            return host, int(binding["HostPort"])
        return None

    def output(self) -> Generator[bytes, None, None]:
        chunks = self.inner.logs(stream=True, follow=True)
        try:
            yield from chunks
        finally:
            chunks.close()
            # The SDK shuts the socket down, and leaves open what reads from it: a private attribute, which has no type.
            chunks._response.close()  # type: ignore[attr-defined]  # noqa: SLF001

    def logs(self) -> Iterator[str]:
        with closing(self.output()) as chunks:
            yield from lines_of(chunks)

    def running(self) -> bool:
        self.inner.reload()
        return bool(self.inner.attrs["State"]["Running"])

    def wait(self) -> int:
        # No timeout: the SDK's own is a minute, and a container may be silent for a week.
        return int(self.inner.wait(timeout=None)["StatusCode"])

    def out_of_memory(self) -> bool:
        self.inner.reload()
        return bool(self.inner.attrs["State"]["OOMKilled"])

    def stop(self) -> None:
        self.inner.stop(timeout=GRACE)


@contextmanager
def started(
    request: RunRequest, environ: Mapping[str, str], endpoint: Mapping[str, Any]
) -> Iterator[Container]:
    """Create and start a container under a name of ours, so that it can be removed however far it came."""
    import docker

    name = f"r2i-{secrets.token_hex(6)}"
    try:
        client = client_for(endpoint, environ)
    except docker.errors.DockerException as error:
        raise engine_failure(str(error), "docker") from error
    try:
        try:
            _remove_abandoned(client)
            if request.memory is None:
                request = replace(request, memory=default_memory(int((client.info() or {})["MemTotal"])))
            container = client.containers.create(request.image, **options(request, name))
            if request.files:
                container.put_archive("/", archive(request.files))
            container.start()
        except (docker.errors.DockerException, OSError) as error:
            raise start_failure(
                str(getattr(error, "explanation", None) or error), request, "docker"
            ) from error
        with translated():
            yield DockerContainer(container, host=remote_host(endpoint))
    finally:
        _remove(client, name)
        client.close()


def texts(
    reference: str, paths: Sequence[str], environ: Mapping[str, str], endpoint: Mapping[str, Any]
) -> tuple[str, ...]:
    """Small files of an image, from a container of it that is never started."""
    name = f"r2i-{secrets.token_hex(6)}"
    client = client_for(endpoint, environ)
    try:
        with translated():
            container = client.containers.create(
                reference, ["none"], name=name, labels=ownership.labels(), network_mode="none"
            )
            return tuple(_text(container, path) for path in paths)
    finally:
        _remove(client, name)
        client.close()


def _text(container: SdkContainer, path: str) -> str:
    import docker

    try:
        chunks, found = container.get_archive(path)
        if target := (found or {}).get("linkTarget"):
            # What the engine found in the end, and nothing outside of the image.
            chunks, _ = container.get_archive(target)
        packed = b""
        for chunk in chunks:
            packed += chunk
            if len(packed) > LARGEST_TEXT:
                return ""
        return text_in(packed)
    except docker.errors.APIError:
        return ""


@contextmanager
def translated() -> Iterator[None]:
    """The daemon may end while we talk to it."""
    import docker
    import requests
    import urllib3

    try:
        yield
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
    ) as error:
        raise engine_failure(str(error), "docker") from error


def client_for(endpoint: Mapping[str, Any], environ: Mapping[str, str]) -> docker.DockerClient:
    """A client of the daemon that the CLI talks to."""
    import docker

    host = str(endpoint["Endpoints"]["docker"]["Host"])
    over_ssh = host.startswith("ssh://")
    if endpoint["Name"] == "default":
        return docker.DockerClient.from_env(environment={**environ}, use_ssh_client=over_ssh)
    return docker.DockerClient(base_url=host, tls=_tls(endpoint), use_ssh_client=over_ssh, version="auto")


def _tls(endpoint: Mapping[str, Any]) -> Any:
    import docker

    files = {Path(name).name for name in (endpoint.get("TLSMaterial") or {}).get("docker") or ()}
    if not files:
        return False
    folder = Path(endpoint["Storage"]["TLSPath"]) / "docker"
    pair = (str(folder / "cert.pem"), str(folder / "key.pem")) if {"cert.pem", "key.pem"} <= files else None
    return docker.tls.TLSConfig(
        client_cert=pair,
        ca_cert=str(folder / "ca.pem") if "ca.pem" in files else None,
        verify=not endpoint["Endpoints"]["docker"].get("SkipTLSVerify", False),
    )


def remote_host(endpoint: Mapping[str, Any]) -> str | None:
    """The machine of a daemon elsewhere, None where it is this one."""
    url = urlsplit(str(endpoint["Endpoints"]["docker"]["Host"]))
    if url.scheme not in {"tcp", "ssh", "http", "https"} or url.hostname is None or is_loopback(url.hostname):
        return None
    return url.hostname


def options(request: RunRequest, name: str) -> dict[str, Any]:
    """The arguments of `containers.create`."""
    import docker

    # `mounts` and not `volumes`: those create a source that is missing, as root.
    mounts = [
        docker.types.Mount(mount.target, str(mount.source), type="bind", read_only=mount.read_only)
        for mount in request.mounts
    ]
    ports: dict[str, list[tuple[str, int] | tuple[str]]] = {}
    for port in request.ports:
        binding = (port.host,) if port.host_port is None else (port.host, port.host_port)
        ports.setdefault(f"{port.container_port}/{port.protocol}", []).append(binding)
    command = list(request.command) or None
    return {
        "name": name,
        # An entrypoint of one's own replaces the image's; the API knows no other way to have none.
        **({"entrypoint": command} if request.bare else {"command": command}),
        "init": True,
        "security_opt": ["no-new-privileges"],
        "cap_drop": ["ALL"],
        "pids_limit": PROCESSES,
        "log_config": docker.types.LogConfig(
            type=docker.types.LogConfig.types.JSON,
            config={"max-size": str(LOG_SIZE), "max-file": str(LOG_FILES)},
        ),
        "labels": {**ownership.labels(), **request.labels},
        "environment": {**request.environment},
        "ports": ports,
        "publish_all_ports": request.publish_all,
        "network_mode": _network(request),
        "mounts": mounts,
        "user": request.user,
        "group_add": [str(group) for group in request.groups],
        "mem_limit": request.memory,
        "nano_cpus": None if request.cpus is None else int(request.cpus * 1e9),
        "device_requests": _devices(request.gpus),
    }


def _network(request: RunRequest) -> str | None:
    if request.beside is not None:
        return f"container:{request.beside}"
    return None if request.network else "none"


def _devices(gpus: str | None) -> list[Any] | None:
    import docker

    if gpus is None:
        return None
    if gpus == "all" or gpus.isdigit():
        return [docker.types.DeviceRequest(count=-1 if gpus == "all" else int(gpus), capabilities=[["gpu"]])]
    devices = gpus.removeprefix("device=").split(",")
    return [docker.types.DeviceRequest(device_ids=devices, capabilities=[["gpu"]])]


def _remove_abandoned(client: docker.DockerClient) -> None:
    """What a killed r2i has left may still hold the port that we are to publish."""
    import docker

    for found in client.api.containers(all=True, filters={"label": ownership.OWNER_LABEL}):
        if ownership.is_abandoned(found["Labels"][ownership.OWNER_LABEL]):
            with suppress(docker.errors.APIError):  # another r2i may be about it, too
                client.api.remove_container(found["Id"], v=True, force=True)


def _remove(client: docker.DockerClient, name: str) -> None:
    import docker

    try:
        container = client.containers.get(name)
        container.stop(timeout=GRACE)
        container.remove(v=True, force=True)
    except docker.errors.NotFound:
        return
    except (docker.errors.DockerException, OSError) as error:
        raise EngineError(
            f"The container `{name}` could not be removed: {error}",
            hint=f"Remove it with `docker rm --force {name}`",
        ) from error
