"""Web servers on the loopback address, under their real names: a proxy that answers for every host with a certificate of its own.

    with web_servers({"zenodo.org": handler}, tmp_path) as web:
        client = HttpClient(environ=environ | web.environ, report=said.append)
        client.json("https://zenodo.org/api/records/1")
    assert web.asked[0].path == "/api/records/1"

A handler takes what was asked and gives an `Answer`. A host that is not in the mapping is refused, as a proxy does for a
name that does not exist. `web.url` is the address of the server itself, for what is typed as `http://127.0.0.1:…`: the
handler of `127.0.0.1` answers there.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import trustme

from r2i.host.certificates import CA_SOURCES


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request; `path` has the query in it, the names of `headers` are in lower case."""

    method: str
    scheme: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def route(self) -> str:
        return urlsplit(self.path).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server says.

    `cut` is after how many bytes of the body it breaks the connection; `pause` how long it waits before it begins, `drip` after
    each byte of the body, in seconds; `claims` is a `Content-Length` that is not that of the body, and with `chunked` none is sent.
    """

    status: int = 200
    body: bytes = b""
    kind: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0
    drip: float = 0
    claims: int | None = None
    chunked: bool = False


Handler = Callable[[Asked], Answer]


def json_answer(document: Any, *, status: int = 200, **headers: str) -> Answer:
    return Answer(
        status=status, body=json.dumps(document).encode(), kind="application/json", headers=_named(headers)
    )


def html_answer(text: str = "<!DOCTYPE html><title>Sign in</title>", *, status: int = 200) -> Answer:
    return Answer(status=status, body=text.encode(), kind="text/html; charset=utf-8")


def redirect(location: str, *, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": location})


def problem(status: int, **headers: str) -> Answer:
    """A status that is an error; `Retry_After="2"` is the header of that name."""
    return Answer(status=status, body=b"no\n", kind="text/plain", headers=_named(headers))


def file_answer(asked: Asked, content: bytes, *, etag: str = '"v1"', **more: Any) -> Answer:
    """A file as servers that can resume give it: `Range` with `If-Range` gives the rest of the same version."""
    headers = {"ETag": etag, "Accept-Ranges": "bytes"}
    wanted = asked.headers.get("range", "")
    if not wanted.startswith("bytes=") or asked.headers.get("if-range", etag) != etag:
        return Answer(body=content, headers=headers, **more)
    start = int(wanted.removeprefix("bytes=").partition("-")[0])
    if start >= len(content):
        return Answer(status=416, headers=headers | {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return Answer(status=206, body=content[start:], headers=headers, **more)


def one_after_another(*answers: Answer | Handler) -> Handler:
    """The first answer to the first request, and so on; the last one from then on."""
    given = iter(answers)
    last: list[Answer | Handler] = []
    lock = threading.Lock()

    def handler(asked: Asked) -> Answer:
        with lock:
            last[:] = [next(given, *last)]
        answer = last[0]
        return answer if isinstance(answer, Answer) else answer(asked)

    return handler


def routes(table: Mapping[str, Answer | Handler]) -> Handler:
    """By the path without its query; anything else is not there."""

    def handler(asked: Asked) -> Answer:
        answer = table.get(asked.route, problem(404))
        return answer if isinstance(answer, Answer) else answer(asked)

    return handler


@dataclass
class Web:
    """Running servers: what leads to them, and what they were asked."""

    url: str
    ca: Path
    asked: list[Asked] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """What a user behind this proxy has in the environment, whatever else this machine has."""
        proxies = {"http_proxy": self.url, "https_proxy": self.url, "no_proxy": "127.0.0.1,localhost"}
        upper = {name.upper(): value for name, value in proxies.items()}
        return proxies | upper | dict.fromkeys(CA_SOURCES, str(self.ca))

    def urls(self) -> list[str]:
        return [asked.url for asked in self.asked]


@contextmanager
def web_servers(hosts: Mapping[str, Handler], directory: Path) -> Iterator[Web]:
    """Run them for as long as the block lasts; the certificate of their authority is written below the directory."""
    authority = trustme.CA()
    ca = directory / "web-ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    server = _Server(hosts, authority, ca)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.web
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, hosts: Mapping[str, Handler], authority: trustme.CA, ca: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.hosts = hosts
        self.over = threading.Event()
        self.web = Web(url=f"http://127.0.0.1:{self.server_port}", ca=ca)
        self._authority = authority
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def context(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._authority.issue_cert(host).configure_cert(self._contexts[host])
            return self._contexts[host]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is what some tests are about."""


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    tunnelled = ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        del format, args

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0].lower()
        if host not in self.server.hosts:
            self.send_error(502, "no such host")
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.connection: socket.socket = self.server.context(host).wrap_socket(
            self.connection, server_side=True
        )
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", -1)
        self.tunnelled = host
        self.close_connection = False

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()
        with suppress(OSError):
            self.connection.close()

    def _answer(self) -> None:
        asked = self._asked()
        self.server.web.asked.append(asked)
        handler = self.server.hosts.get(asked.host.partition(":")[0])
        answer = handler(asked) if handler else problem(502)
        if answer.pause and self.server.over.wait(answer.pause):
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.claims != -1:
            claimed = len(answer.body) if answer.claims is None else answer.claims
            self.send_header("Content-Length", str(claimed))
        self.close_connection |= answer.cut is not None or answer.claims is not None
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self._body(answer)

    def _asked(self) -> Asked:
        headers = {name.lower(): value for name, value in self.headers.items()}
        typed = urlsplit(self.path)
        host = self.tunnelled or typed.netloc or headers.get("host", "")
        path = typed._replace(scheme="", netloc="").geturl() or "/"
        return Asked(
            method=self.command,
            scheme="https" if self.tunnelled else "http",
            host=host.lower(),
            path=path,
            headers=headers,
            body=self.rfile.read(int(headers.get("content-length", "0"))),
        )

    def _body(self, answer: Answer) -> None:
        body = answer.body[: answer.cut]
        if answer.chunked:
            body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            body += b"" if answer.cut is not None else b"0\r\n\r\n"
        if not answer.drip:
            self.wfile.write(body)
        for byte in body if answer.drip else b"":
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.over.wait(answer.drip):
                return
        self.wfile.flush()
        if answer.cut is not None:
            time.sleep(0.01)
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
