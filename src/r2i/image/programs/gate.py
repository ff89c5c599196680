"""Asks the package indexes of the machine that builds, so that nothing else in a build step needs their credentials.

A server on the loopback of one step, which runs as the fetcher: `http://127.0.0.1:8470/ORIGIN/PATH` is that path of an origin, asked with the
credentials that belong to it. Only what an index has is passed on: what lies below its address, files of packages beside it, and what its pages
link to. What is built can read there what it could read by requiring it; it sees no password.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import os
import re
import subprocess
from http.client import HTTPMessage, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Callable, Iterator, Mapping, cast
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from separation import FETCHER, acting_as, of_fetcher, private_settings, program

#: The variables of pip and uv that hold addresses of indexes.
INDEXES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
)

ADDRESS = re.compile(r"https?://[^\s,\"'<>]+")

#: What an address leads to, in a page of HTML or JSON (https://packaging.python.org/en/latest/specifications/simple-repository-api/).
LINK = re.compile(rb"""((?:href\s*=\s*|"url"\s*:\s*)["'])([^"']*)""")
PAGES = ("text/html", "application/vnd.pypi.simple", "application/json")

#: No index has larger pages than the public one has, by far.
LARGEST_PAGE = 256 << 20

ASKED_WITH = ("Accept", "Range", "If-None-Match", "If-Modified-Since", "User-Agent")
PASSED_ON = ("Content-Type", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified", "Cache-Control")

SECONDS = 120

#: Always the same, since uv's cache knows an index by its address; a build step has a loopback of its own.
PORT = 8470

#: Files of packages, and their metadata (PEP 658).
PACKAGE = re.compile(r".*\.(?:whl|zip|tgz|tar\.gz|tar\.bz2|tar\.xz)(?:\.metadata)?")

#: What a path may not have: it would lead elsewhere than it seems to, in the eyes of some server.
TWISTED = re.compile(r"//|/\.\.?(?:/|$)|\\|%(?:2e|2f|5c|00)", re.IGNORECASE)


@contextlib.contextmanager
def gate() -> Iterator[Callable[[str], str] | None]:
    """Serve while the block runs, and give what makes the addresses in a text lead through; None where there is no need."""
    private = private_settings()
    if not logins(private):
        yield None
        return
    with of_fetcher(private) as environment:
        command = acting_as(FETCHER, program("gate.py"))
        server = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        with server:
            said = cast("IO[str]", server.stdout)
            places = dict(line.split() for line in iter(said.readline, "\n"))
            try:
                yield lambda text: ADDRESS.sub(lambda found: _through(found[0], places), text)
            finally:
                server.kill()


class Login:
    """What one index wants: `below` is the path of its address, `beside` that of the directory which has it."""

    def __init__(self, split: SplitResult) -> None:
        words = f"{unquote(split.username or '')}:{unquote(split.password or '')}"
        self.header = f"Basic {base64.b64encode(words.encode()).decode()}"
        self.below = split.path.rstrip("/") + "/"
        self.beside = self.below.rstrip("/").rpartition("/")[0] + "/"


def logins(settings: Mapping[str, str]) -> dict[str, list[Login]]:
    """The indexes whose addresses have credentials, by their origin."""
    found: dict[str, list[Login]] = {}
    for name in INDEXES:
        for address in ADDRESS.findall(settings.get(name, "")):
            split = urlsplit(address)
            if split.username:
                found.setdefault(_origin(split), []).append(Login(split))
    return found


def _origin(split: SplitResult) -> str:
    port = split.port or {"http": 80, "https": 443}.get(split.scheme)
    return f"{split.scheme}://{split.hostname}:{port}"


def _through(address: str, places: Mapping[str, str]) -> str:
    split = urlsplit(address)
    place = places.get(_origin(split))
    return address if place is None else place + split._replace(scheme="", netloc="").geturl()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, known: Mapping[str, list[Login]]) -> None:
        super().__init__(("127.0.0.1", PORT), _Handler)
        self.logins = known
        self.linked: set[str] = set()
        self.origins = {hashlib.sha256(origin.encode()).hexdigest()[:16]: origin for origin in known}
        self.places = {origin: f"http://127.0.0.1:{PORT}/{name}" for name, origin in self.origins.items()}

    def login(self, address: str) -> str | None:
        """The header for what an index has, None for anything else."""
        split = urlsplit(address)
        path, known = split.path, self.logins.get(_origin(split), [])
        if TWISTED.search(path):
            return None
        for login in known:
            if path.startswith(login.below) or f"{path}/" == login.below:
                return login.header
        for login in known:
            if path.startswith(login.beside) and PACKAGE.fullmatch(path):
                return login.header
        return known[0].header if known and _plain(address) in self.linked else None


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        found = re.fullmatch(r"/([0-9a-f]{16})(/.*)", self.path)
        address = self.server.origins.get(found[1], "") + found[2] if found else ""
        login = self.server.login(address)
        if login is None:
            self.send_error(403)
            return
        request = Request(address, method=self.command)  # noqa: S310 - `ADDRESS` is one of HTTP
        for name in ASKED_WITH:
            if self.headers[name]:
                request.add_header(name, self.headers[name])
        request.add_unredirected_header("Authorization", login)
        try:
            with build_opener(_Redirects(self.server)).open(request, timeout=SECONDS) as answer:
                self._pass_on(answer, login)
        except HTTPError as error:
            self.send_error(error.code)
        except OSError:
            self.send_error(502)

    do_HEAD = do_GET  # noqa: N815 - of the library

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - of the library
        """Say nothing: the log of the build is for what is built."""

    def _pass_on(self, answer: HTTPResponse, login: str) -> None:
        self.close_connection = True
        is_page = (answer.headers["Content-Type"] or "").startswith(PAGES)
        page = self._led_through(answer.read(LARGEST_PAGE), answer.url) if is_page else b""
        page = page.replace(
            login.partition(" ")[2].encode(), b"***"
        )  # of a server that says what it was asked
        length = str(len(page)) if is_page else answer.headers["Content-Length"]
        self.send_response(answer.status)
        for name, value in [
            *((name, answer.headers[name]) for name in PASSED_ON),
            ("Content-Length", length),
        ]:
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)
        for block in iter(lambda: answer.read(1 << 16), b""):
            self.wfile.write(block)

    def _led_through(self, page: bytes, address: str) -> bytes:
        """A page whose links lead through the gate where they lead to an origin with credentials."""

        def led(found: re.Match[bytes]) -> bytes:
            link = found[2].decode(errors="surrogateescape")
            absolute = urljoin(address, html.unescape(link))
            self.server.linked |= {_plain(absolute), f"{_plain(absolute)}.metadata"}
            through = _through(absolute, self.server.places)
            return found[0] if through == absolute else found[1] + through.encode(errors="surrogateescape")

        return LINK.sub(led, page)


class _Redirects(HTTPRedirectHandler):
    """Follows them with the credentials of where they lead, for what an index has there."""

    def __init__(self, server: _Server) -> None:
        self.server = server

    def redirect_request(  # noqa: PLR0917 - of the library
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and (login := self.server.login(newurl)):
            following.add_unredirected_header("Authorization", login)
        return following


def _plain(address: str) -> str:
    split = urlsplit(address)
    return f"{_origin(split)}{split.path}?{split.query}"


def main() -> None:
    """Serve what the environment names, and say where, a line for each origin and then an empty one."""
    server = _Server(logins(os.environ))
    for origin, place in server.places.items():
        print(origin, place)
    print(flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
