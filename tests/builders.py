"""A second Docker with a network of its own, whose BuildKit is a remote builder: nothing of the machine's own Docker is touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from r2i.process import run
from tests.children import started
from tests.real_engines import BASE
from tests.waiting import until

#: What buildx asks a daemon for when it wants to talk to its BuildKit.
UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

REGISTRY_PORT = 5000

SETTINGS = f"""
version: 0.1
storage: {{filesystem: {{rootdirectory: DIRECTORY}}}}
http: {{addr: "127.0.0.1:{REGISTRY_PORT}"}}
"""


@dataclass(frozen=True, kw_only=True)
class RemoteBuilder:
    """`host` is the address of the second daemon, `name` that of the builder, `registry` one that only the two reach.

    `environ` is for programs that shall know the builder.
    """

    host: str
    name: str
    registry: str
    environ: dict[str, str]

    def forget(self) -> None:
        """Without its cache, it is another machine."""
        done = run(["docker", "--host", self.host, "builder", "prune", "--all", "--force"])
        assert done.returncode == 0, done.stderr

    def image(self, reference: str) -> dict[str, object]:
        """What its daemon says of an image, which it pulls where it has none."""
        run(["docker", "--host", self.host, "pull", reference])
        done = run(["docker", "--host", self.host, "image", "inspect", reference])
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)[0]
        return found


@contextmanager
def remote_builder() -> Iterator[RemoteBuilder]:
    if os.getuid() != 0 or not all(map(shutil.which, ("dockerd", "unshare", "nsenter", "docker-registry"))):
        pytest.skip("needs root, dockerd, unshare, nsenter and docker-registry")
    # The path of a socket is short.
    directory = Path(tempfile.mkdtemp(prefix="r2i-builder-", dir="/tmp"))
    try:
        with ExitStack() as stack:
            host, process = stack.enter_context(_daemon(directory))
            stack.enter_context(_registry(directory, process))
            port = stack.enter_context(_relay(directory / "socket"))
            _give_base(host)
            environ = {"BUILDX_CONFIG": str(directory / "buildx")}
            address = f"tcp://127.0.0.1:{port}"
            create = ["docker", "buildx", "create", "--name=elsewhere", "--driver=remote", address]
            done = run(create, env={**os.environ, **environ})
            assert done.returncode == 0, done.stderr
            yield RemoteBuilder(
                host=host, name="elsewhere", registry=f"127.0.0.1:{REGISTRY_PORT}", environ=environ
            )
    finally:
        run(["find", str(directory), "-name", "default", "-path", "*/netns/*", "-exec", "umount", "{}", ";"])
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _daemon(directory: Path) -> Iterator[tuple[str, int]]:
    """Its images are in containerd, as those of a new Docker are. In the namespace, `docker0` is another one than outside."""
    (directory / "daemon.json").write_text('{"features": {"containerd-snapshotter": true}}')
    host = f"unix://{directory}/socket"
    options = [f"--config-file={directory}/daemon.json", f"--host={host}", f"--pidfile={directory}/pid"]
    options += [f"--data-root={directory}/data", f"--exec-root={directory}/exec"]
    options += ["--iptables=false", "--ip6tables=false"]
    begin = "ip link set lo up && exec dockerd " + " ".join(options)
    with (
        (directory / "log").open("w") as log,
        started("unshare", "--net", "sh", "-c", begin, stdout=log, stderr=log) as child,
    ):

        def answers() -> bool:
            assert child.poll() is None, (directory / "log").read_text()
            return run(["docker", "--host", host, "version"]).returncode == 0

        until(answers)
        try:
            yield host, child.pid
        finally:
            child.send_signal(signal.SIGTERM)  # it ends its containerd
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=60)


@contextmanager
def _registry(directory: Path, process: int) -> Iterator[None]:
    settings = directory / "registry.yml"
    settings.write_text(SETTINGS.replace("DIRECTORY", str(directory / "registry")))
    argv = ["nsenter", f"--target={process}", "--net", "docker-registry", "serve", str(settings)]
    with (directory / "registry.log").open("w") as log, started(*argv, stdout=log, stderr=log):
        until(lambda: "listening on" in (directory / "registry.log").read_text())
        yield


@contextmanager
def _relay(daemon: Path) -> Iterator[int]:
    """A port at which the BuildKit in a daemon answers, as one on another machine does."""
    handler = type("Handler", (_Connection,), {"daemon": str(daemon)})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


class _Connection(socketserver.BaseRequestHandler):
    daemon: str

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as behind:
            behind.connect(self.daemon)
            behind.sendall(UPGRADE)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += behind.recv(1)
            back = threading.Thread(target=_pass_on, args=(behind, self.request), daemon=True)
            back.start()
            _pass_on(self.request, behind)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _give_base(host: str) -> None:
    with tempfile.NamedTemporaryFile() as archive:
        saved = run(["docker", "save", "--output", archive.name, BASE])
        assert saved.returncode == 0, saved.stderr
        loaded = run(["docker", "--host", host, "load", "--input", archive.name])
        assert loaded.returncode == 0, loaded.stderr
