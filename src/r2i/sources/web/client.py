"""The one way to a server over HTTP: the host's proxies and certificates, tries again, tokens for their hosts only."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from r2i.errors import FetchError, UsageError
from r2i.model import Json
from r2i.sources.typed import shown
from r2i.sources.web.patience import BusyError, Patience
from r2i.sources.web.reach import Zone, checked_url, followed, origin, zone_of_name
from r2i.sources.web.refusals import OF_RECORD, ServerAdvice, of_status

if TYPE_CHECKING:
    import requests

    from r2i.sources.web.wire import Wire

#: Enough for a record of tens of thousands of files.
MOST_JSON = 32 * 1024**2

#: As browsers have it.
MOST_REDIRECTS = 20

CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class HostToken:
    """A secret of the environment, the header that carries it, and the one host that may see it.

    It is sent over `https` only, or to this machine. `variable` is where it comes from, for messages.
    """

    host: str
    header: str
    value: str = field(repr=False)
    variable: str = ""


def basic_token(host: str, username: str, password: str) -> HostToken:
    """A user name and a password, as a token."""
    login = base64.b64encode(f"{username}:{password}".encode()).decode()
    return HostToken(host=host, header="Authorization", value=f"Basic {login}")


@dataclass(frozen=True, kw_only=True)
class HttpClient:
    """Asks servers as the user's machine would. `report` is told in sentences what takes long.

    `advice` is for what is asked for. Every method raises `FetchError` where the server has nothing there or answers something else than its documented
    form, with the address and a hint, and `TemporaryError` where it stays busy, out of reach or too slow.

    The first address that a client is asked for counts as the one that was typed: no answer leads it further inside the network of this
    machine, and a login of `netrc` is for its host only. So use one client for one source.
    """

    environ: Mapping[str, str] = field(repr=False)
    report: Callable[[str], None] = field(repr=False)
    patience: Patience = field(default_factory=Patience, repr=False)
    advice: ServerAdvice = OF_RECORD

    def json(
        self, url: str, *, query: Mapping[str, str] | None = None, token: HostToken | None = None
    ) -> Any:
        """The document at an address, of a bounded size."""
        return self._document("GET", url, query=query, token=token)

    def final_url(self, url: str) -> str:
        """Where the redirects of an address end, without reading what is there.

        The host on which they end need not have a page there for r2i: many keep programs away from what people read.
        """

        def ask() -> str:
            with self._followed("GET", url, {}, token=None, within=self.patience.document) as (end, answer):
                if answer.status_code >= 400 and origin(end) == origin(url):
                    raise self._refusal(answer, token=None)
                return end

        return self.patience.insisting(ask, report=self.report)

    def reached(self, url: str) -> None:
        """Whether a server answers at all, be it that it has nothing there; raise `FetchError` or `TemporaryError`."""

        def ask() -> None:
            with self._followed("GET", url, {}, token=None, within=self.patience.document) as (_, answer):
                if answer.status_code >= 500:
                    raise self._refusal(answer, token=None)

        self.patience.insisting(ask, report=self.report)

    def posted(self, url: str, *, token: HostToken | None = None) -> Any:
        """The document that answers an empty POST request."""
        return self._document("POST", url, query=None, token=token)

    def sent(
        self, method: str, url: str, document: Json, *, token: HostToken | None, once: bool = False
    ) -> Any:
        """The document that answers one which is sent as JSON; with `once`, raise `BusyError` instead of asking again."""
        return self._document(method, url, query=None, token=token, body=json.dumps(document), once=once)

    @contextmanager
    def opened(
        self, url: str, *, token: HostToken | None, headers: Mapping[str, str]
    ) -> Iterator[tuple[requests.Response, bool]]:
        """An answer to read its body from, and whether a secret was sent for it; asked once.

        It is no error but perhaps 416 (no such range). Raises `FetchError` or `BusyError`.
        """
        within = self.patience.document
        with self._followed("GET", url, headers, token=token, within=within) as (_, answer):
            if answer.status_code >= 400 and answer.status_code != 416:
                raise self._refusal(answer, token=token)
            yield answer, bool(self._secret(url, token))

    def _document(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None,
        token: HostToken | None,
        body: str | None = None,
        once: bool = False,
    ) -> Any:
        if query:
            url += f"{'&' if urlsplit(url).query else '?'}{urlencode(query)}"
        headers = {"Accept": "application/json, */*;q=0.5"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        within = self.patience.document

        def ask() -> Any:
            with self._followed(method, url, headers, token=token, within=within, whole=True, body=body) as (
                _,
                answer,
            ):
                if answer.status_code >= 400:
                    raise self._refusal(answer, token=token)
                return _parsed(_bounded(answer), answer)

        return ask() if once else self.patience.insisting(ask, report=self.report)

    @contextmanager
    def _followed(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        token: HostToken | None,
        within: float,
        whole: bool = False,
        body: str | None = None,
    ) -> Iterator[tuple[str, requests.Response]]:
        """Ask, go after redirects, and give the last address with what is answered there."""
        url = checked_url(url)._replace(fragment="").geturl()
        start = origin(url)
        self.__dict__.setdefault("_typed_host", start[1])
        for _ in range(MOST_REDIRECTS):
            # A server that was led to could lead back with an address of its choice: the token stays at the start.
            secret = self._secret(url, token) if origin(url) == start else {}
            start = start if origin(url) == start else ("", "", None)
            with self._wire.answer(
                method, url, {**headers, **secret}, within=within, body_within=whole, body=body
            ) as answer:
                location = answer.headers.get("Location")
                if answer.status_code not in (301, 302, 303, 307, 308) or not location:
                    yield url, answer
                    return
                if answer.status_code == 303:
                    method, body = "GET", None
                url = followed(url, location)
        raise FetchError(f"`{shown(url)}` redirects without end", hint="Check the URL in a browser")

    def _secret(self, url: str, token: HostToken | None) -> dict[str, str]:
        """The header with a token or the login of `netrc`, where this address may see it."""
        scheme, host, _ = origin(url)
        if scheme != "https" and zone_of_name(host) is not Zone.MACHINE:
            return {}
        if token is None and host == self.__dict__.get("_typed_host"):
            from r2i.host.outgoing import login_of

            login = login_of(host, self.environ)
            token = basic_token(host, *login) if login else None
        if token is None or token.host.lower() not in (host, urlsplit(url).netloc.lower()):
            return {}
        value = token.value.strip()
        if not value.isascii() or not value.isprintable():
            raise UsageError(
                f"`{token.variable or token.header}` contains a character that no token has",
                hint="Copy the token again",
            )
        return {token.header: value}

    @cached_property
    def _wire(self) -> Wire:
        from r2i.sources.web.wire import Wire

        return Wire(self.environ, self.patience)

    def _refusal(self, answer: requests.Response, *, token: HostToken | None) -> Exception:
        return of_status(answer, secret=token.variable if token else None, advice=self.advice)


def _bounded(answer: requests.Response) -> bytes:
    """The body of a document; raise `FetchError` where it is larger than any is."""
    body = bytearray()
    while data := answer.raw.read1(CHUNK, decode_content=True):
        body += data
        if len(body) > MOST_JSON:
            raise FetchError(
                f"`{shown(answer.url)}` sends more than {MOST_JSON // 1024**2} MiB of metadata",
                hint="Download the files yourself and build the directory",
            )
    claimed = answer.headers.get("Content-Length", "")
    if claimed.isdecimal() and "Content-Encoding" not in answer.headers and len(body) < int(claimed):
        raise BusyError(f"The answer of `{urlsplit(answer.url).hostname}` ended early")
    return bytes(body)


def _parsed(body: bytes, answer: requests.Response) -> Any:
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        if kind in ("text/html", "application/xhtml+xml") or body.lstrip()[:1] == b"<":
            raise FetchError(
                f"`{shown(answer.url)}` is a web page, where JSON was expected",
                hint="Check the URL; a login page or a filter of your network may have answered",
            ) from error
        raise FetchError(
            f"`{shown(answer.url)}` has no valid JSON", hint="Check the URL, or try again later"
        ) from error
