"""Real git servers on the loopback address, and repositories to put behind them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

Mode = Literal["smart", "dumb", "unavailable", "slow"]


def git(*arguments: str, cwd: Path, stdin: str = "") -> str:
    """Run git as the author of a repository."""
    environment = os.environ | {
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    done = subprocess.run(
        ["git", *arguments],
        check=False,
        cwd=cwd,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Repository:
    """A working repository that a test fills, and what it is served from: a bare clone of it."""

    work: Path
    served: Path
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, directory: Path, name: str = "project", *, object_format: str = "sha1") -> Repository:
        work = directory / "work" / name
        work.mkdir(parents=True)
        git("init", "-q", "-b", "main", f"--object-format={object_format}", cwd=work)
        served = directory / "served" / f"{name}.git"
        served.parent.mkdir(exist_ok=True)
        return cls(work=work, served=served)

    def commit(self, message: str = "work", **files: str) -> str:
        for name, text in files.items():
            path = self.work / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git("add", "-A", cwd=self.work)
        git("commit", "-q", "--allow-empty", "-m", message, cwd=self.work)
        return git("rev-parse", "HEAD", cwd=self.work)

    def publish(self) -> Repository:
        if not self.served.exists():
            git("clone", "-q", "--mirror", "--no-local", str(self.work), str(self.served), cwd=self.work)
        for key, value in self.options.items():
            git("config", key, value, cwd=self.served)
        git("fetch", "-q", "--prune", "origin", "+refs/*:refs/*", cwd=self.served)
        git("update-server-info", cwd=self.served)
        return self

    @property
    def url(self) -> str:
        return f"file://{self.served}"


def id_of(repository: Repository, name: str) -> str:
    return git("rev-parse", f"{name}^{{commit}}", cwd=repository.work)


def with_submodule(
    repository: Repository, url: str, *, path: str = "sub", commit: str, **settings: str
) -> None:
    """Write a submodule as a hostile or careless person could: git itself refuses some of them."""
    more = "".join(f"\t{key} = {value}\n" for key, value in settings.items())
    with (repository.work / ".gitmodules").open("a") as file:
        file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n{more}')
    git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}", cwd=repository.work)
    git("add", ".gitmodules", cwd=repository.work)
    git("commit", "-q", "-m", "submodule", cwd=repository.work)
    repository.publish()


@dataclass
class Server:
    """A running server, and what it was asked."""

    port: int
    requests: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Loopback(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, root: Path, *, mode: Mode, login: str | None, redirect: str | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.mode, self.login, self.redirect = root, mode, login, redirect
        self.release = threading.Event()
        self.seen = Server(port=self.server_port)


class Handler(BaseHTTPRequestHandler):
    server: Loopback

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        del format, args

    def _answer(self) -> None:
        self.server.seen.requests.append(self.path)
        given = self.headers.get("Authorization", "")
        self.server.seen.authorizations.append(given)
        if self.server.redirect is not None:
            self._plain(302, location=self.server.redirect + self.path)
        elif self.server.mode == "slow":
            self.server.release.wait(60)
        elif self.server.mode == "unavailable":
            self._plain(503)
        elif self.server.login and given != f"Basic {base64.b64encode(self.server.login.encode()).decode()}":
            self._plain(401, authenticate='Basic realm="git"')
        elif self.path.endswith("/info/lfs/objects/batch"):
            self._large_files()
        elif self.server.mode == "dumb" or "/lfs/objects/" in self.path:
            self._file()
        else:
            self._backend()

    def _plain(
        self,
        status: int,
        *,
        body: bytes = b"",
        location: str = "",
        authenticate: str = "",
        kind: str = "text/plain",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if location:
            self.send_header("Location", location)
        if authenticate:
            self.send_header("WWW-Authenticate", authenticate)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self) -> None:
        path = self.server.root / unquote(urlsplit(self.path).path).lstrip("/")
        if path.is_file():
            self._plain(200, body=path.read_bytes())
        else:
            self._plain(404)

    def _large_files(self) -> None:
        """The batch API of git LFS: where each file is to be had."""
        repository = self.path.removesuffix("/info/lfs/objects/batch")
        answers = []
        for wanted in json.loads(self._body())["objects"]:
            oid = wanted["oid"]
            path = f"{repository}/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}"
            there = (self.server.root / path.lstrip("/")).exists()
            href = {"download": {"href": self.server.seen.url + path}}
            missing = {"code": 404, "message": "Object does not exist"}
            answers.append(wanted | ({"actions": href} if there else {"error": missing}))
        body = json.dumps({"transfer": "basic", "objects": answers}).encode()
        self._plain(200, body=body, kind="application/vnd.git-lfs+json")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _backend(self) -> None:
        parts = urlsplit(self.path)
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(
            ["git", "http-backend"], check=False, env=environment, input=self._body(), capture_output=True
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(": ")[::2] for line in head.decode().splitlines()]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
        self.send_response(status)
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(
    root: Path, *, mode: Mode = "smart", login: str | None = None, redirect: str | None = None
) -> Iterator[Server]:
    """Serve the bare repositories below `root`. `login` is `user:password`; `redirect` another server's URL."""
    server = Loopback(root, mode=mode, login=login, redirect=redirect)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.seen
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
