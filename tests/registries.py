"""A registry of this machine's own, and servers in front of it that fail as those of others do."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
import yaml

from tests.children import started

USERNAME, PASSWORD = "octavia", "correct-horse-battery"
#: What `htpasswd -nbB` says of them: the registry takes no other algorithm.
HTPASSWD = "octavia:$2y$05$el.75QS9gSb.5dGi/9sX4.dyLqcgBgJa/tMhfgZRDC3lNIVmv6hti"

#: The forms of an image's description that the registry is asked for.
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A registry that runs: `host` is what stands before the first slash of an image's name."""

    host: str
    directory: Path
    login: bool = False

    def get(self, path: str, **headers: str) -> requests.Response:
        auth = (USERNAME, PASSWORD) if self.login else None
        return requests.get(f"http://{self.host}/v2/{path}", auth=auth, headers=headers, timeout=30)

    def tags(self, repository: str) -> list[str]:
        return sorted(self.get(f"{repository}/tags/list").json().get("tags") or [])

    def digest(self, repository: str, tag: str) -> str | None:
        """That of the tag, None where there is no such tag."""
        found = self.get(f"{repository}/manifests/{tag}", Accept=", ".join(MANIFESTS))
        return found.headers["Docker-Content-Digest"] if found.ok else None

    def manifest(self, repository: str, tag: str) -> dict[str, Any]:
        """An image or an index, as the registry has it."""
        found = self.get(f"{repository}/manifests/{tag}", Accept=", ".join(MANIFESTS))
        assert found.ok, found.text
        document: dict[str, Any] = found.json()
        return document

    def labels(self, repository: str, tag: str) -> dict[str, str]:
        """Those of an image that is no index."""
        digest = self.manifest(repository, tag)["config"]["digest"]
        labels: dict[str, str] = self.get(f"{repository}/blobs/{digest}").json()["config"].get("Labels") or {}
        return labels

    def stored(self) -> int:
        """Bytes of everything that it keeps, each layer once."""
        blobs = self.directory / "docker/registry/v2/blobs"
        return sum(path.stat().st_size for path in blobs.glob("*/*/*/data"))


@contextmanager
def registry(
    directory: Path, *, login: bool = False, certificate: tuple[Path, Path] | None = None
) -> Iterator[Registry]:
    """Run an empty registry on loopback; `certificate` is a key and what it certifies, as files.

    Docker takes every registry of 127.0.0.0/8 without TLS; r2i has Podman do the same.
    """
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("needs docker-registry")
    directory.mkdir(parents=True, exist_ok=True)
    storage = directory / "storage"
    http: dict[str, Any] = {"addr": "127.0.0.1:0", "relativeurls": True, "secret": "of-the-tests"}
    if certificate is not None:
        http["tls"] = {"key": str(certificate[0]), "certificate": str(certificate[1])}
    settings: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": http,
    }
    if login:
        (directory / "htpasswd").write_text(f"{HTPASSWD}\n")
        settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(directory / "htpasswd")}}
    (directory / "config.yml").write_text(yaml.safe_dump(settings))
    log = directory / "log"
    argv = [program, "serve", str(directory / "config.yml")]
    with log.open("w") as said, started(*argv, stdout=said, stderr=subprocess.STDOUT) as child:
        port = _port(log, child)
        yield Registry(host=f"127.0.0.1:{port}", directory=storage, login=login)


def _port(log: Path, child: subprocess.Popen[str]) -> str:
    from tests.waiting import until

    def found() -> str | None:
        assert child.poll() is None, log.read_text()
        match = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())
        return match[1] if match else None

    port = until(found)
    assert port is not None
    return port


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server says instead of the registry; with `cut`, it hangs up without a word, after `taking` bytes of the body."""

    status: int = 500
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    taking: int = 0


def refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    """As the specification of registries has it (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes)."""
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]})
    return Answer(status=status, body=body, headers={"Content-Type": "application/json", **headers})


#: From the method and the path of a request to what is said of it; None where the registry shall answer.
Fault = Callable[[str, str], Answer | None]


@dataclass(frozen=True, kw_only=True)
class Front:
    """A server in front of a registry. `asked` are the requests so far, as `PUT /v2/…`."""

    host: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def front(
    behind: Registry | None,
    fault: Fault,
    *,
    host: str = "127.0.0.1",
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[Front]:
    """Answer as `fault` says, and else pass everything on to the registry; `certificate` is a key and what it certifies.

    `host` is an address of this machine. Of all but loopback, Docker wants TLS.
    """
    asked: list[str] = []
    target = behind.host if behind is not None else ""
    handler = type("Handler", (_Handler,), {"target": target, "fault": staticmethod(fault), "asked": asked})
    with ThreadingHTTPServer((host, 0), handler) as server:
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate[1], certificate[0])
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield Front(host=f"{host}:{server.server_port}", asked=asked)
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target = ""
    fault: Fault
    asked: list[str]

    def do(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        answer = type(self).fault(self.command, self.path)
        if answer is not None:
            self._answer(answer)
            return
        body = b"".join(self._body())
        connection = HTTPConnection(self.target, timeout=60)
        try:
            # Docker sends a header `Accept` for each form.
            headers = {
                k: ", ".join(self.headers.get_all(k, []))
                for k in self.headers
                if k.lower() not in _OF_A_CONNECTION
            }
            if self.command in {"POST", "PUT", "PATCH"}:
                headers["Content-Length"] = str(len(body))
            connection.request(self.command, self.path, body=body or None, headers=headers)
            self._pass_on(connection.getresponse())
        finally:
            connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815 - the names are the library's

    def _answer(self, answer: Answer) -> None:
        if answer.cut:
            # Half of a layer is on its way when the connection breaks.
            self.rfile.read(min(answer.taking, int(self.headers.get("Content-Length") or answer.taking)))
            self.close_connection = True
            with suppress(OSError):
                self.connection.close()
            return
        for _ in self._body():
            pass
        data = answer.body.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _pass_on(self, response: HTTPResponse) -> None:
        self.send_response(response.status)
        length = response.getheader("Content-Length")
        data = b"" if self.command == "HEAD" else response.read()
        for name, value in response.getheaders():
            if name.lower() not in _OF_A_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", (length or "0") if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            yield self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        pass


#: Headers of one connection, which are made anew for the next (RFC 9110, 7.6.1), and the length that we count ourselves.
_OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer"}
