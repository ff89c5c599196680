"""Servers of the tests: files that build steps of Docker can reach, and Docker itself over a network."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from r2i.process import run


@contextmanager
def served(directory: Path, *, host: str = "") -> Iterator[str]:
    """Serve the files of a directory for as long as the block lasts; gives the address."""
    # The engine's end of its bridge: containers reach it, nobody outside of this machine does.
    with ThreadingHTTPServer((host or bridge(), 0), partial(_Quiet, directory=str(directory))) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{server.server_address[0]!s}:{server.server_port}"
        finally:
            server.shutdown()


def bridge() -> str:
    template = "{{range .IPAM.Config}}{{println .Gateway}}{{end}}"
    found = run(["docker", "network", "inspect", "bridge", "-f", template])
    assert found.returncode == 0, found.stderr
    return next(gateway for gateway in found.stdout.split() if ":" not in gateway)


class _Forward(BaseRequestHandler):
    """Everything to a socket of this machine, and back."""

    target = ""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.target)
            back = Thread(target=_pump, args=(engine, self.request))
            back.start()
            _pump(self.request, engine)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def docker_over_a_network() -> Iterator[dict[str, str]]:
    """The variables with which Docker is one of another machine."""
    asked = run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    path = asked.stdout.strip().removeprefix("unix://")
    if not Path(path).is_socket():
        pytest.skip("Docker is one of another machine already")
    handler = type("Forward", (_Forward,), {"target": path})
    with ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_address[1]}"}
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        pass


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate of this machine's loopback that nobody signed, once with its key and once without."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate of a server, is not installed")
    private, public = directory / "made.pem", directory / "ca.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
    argv = [
        "openssl",
        "req",
        *kind,
        "-subj",
        "/CN=127.0.0.1",
        *names,
        "-keyout",
        str(private),
        "-out",
        str(public),
    ]
    done = run(argv)
    assert done.returncode == 0, done.stderr
    private.write_text(private.read_text() + public.read_text())
    return private, public
