"""A package index as its simple API answers (https://packaging.python.org/specifications/simple-repository-api/), in JSON."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from r2i.host.indexes import Index, Indexes
from r2i.quoting import printable

if TYPE_CHECKING:
    from requests import Response, Session

JSON = "application/vnd.pypi.simple.v1+json"

#: The most bytes of an answer: a list of thousands of files, and the longest metadata with its description.
LARGEST_PAGE, LARGEST_METADATA = 30_000_000, 2_000_000
CHUNK = 65_536

#: The status of an answer about what the index does not have.
ABSENT = 404

#: Seconds until a server answers at all, and between two pieces of what it sends.
PATIENCE = (4.0, 6.0)

OUT_OF_TIME = "the time limit of 20 seconds is over"


class UnreachableError(Exception):
    """Why nobody is asked any further, as a clause."""


class NotOnIndexError(Exception):
    """The index says that it does not have a distribution."""


class SimpleIndex:
    """One index; `until` is the moment of the monotonic clock at which all patience ends."""

    def __init__(self, index: Index, indexes: Indexes, session: Session, *, until: float) -> None:
        self.address = index.address
        self._login = index.login
        self._proxies, self._no_proxy = dict(indexes.proxies), indexes.no_proxy
        self._session = session
        self._until = until

    @classmethod
    @contextmanager
    def opened(cls, indexes: Indexes, *, until: float) -> Iterator[tuple[SimpleIndex, ...]]:
        session = _session(indexes)
        try:
            yield tuple(cls(index, indexes, session, until=until) for index in indexes.indexes)
        finally:
            session.close()

    def page_address(self, name: str) -> str:
        return f"{self.address}/{name}/"

    def page(self, name: str) -> dict[str, Any] | None:
        """What it has of a distribution; None where it does not answer in JSON. Raise `NotOnIndexError` where it has nothing, and `UnreachableError`."""
        statuses: list[int] = []
        data = self._get(self.page_address(name), limit=LARGEST_PAGE, accept=JSON, statuses=statuses)
        if statuses == [ABSENT]:
            raise NotOnIndexError
        try:
            page = json.loads(data) if data is not None else None
        except (ValueError, RecursionError):
            return None
        return page if isinstance(page, dict) else None

    def metadata(self, address: str, digest: str) -> str | None:
        """The text at an address that a page names; None where it is not there, or not that which the page means."""
        data = self._get(address, limit=LARGEST_METADATA, accept="*/*")
        if data is None or (digest and sha256(data).hexdigest() != digest):
            return None
        return data.decode(errors="replace")

    def part(self, address: str, start: int | None, length: int) -> tuple[bytes, int] | None:
        """Bytes of a file from `start` on, or its last ones, and the size of the file; None where the server has no such
        part, or sends files only as a whole. Raise `UnreachableError`."""
        wanted = f"bytes=-{length}" if start is None else f"bytes={start}-{start + length - 1}"
        found: list[str] = []
        data = self._get(address, limit=length, accept="*/*", part=wanted, ranges=found)
        total = found[0].rpartition("/")[2] if found else ""
        return (data, int(total)) if data is not None and total.isascii() and total.isdecimal() else None

    def _get(
        self,
        address: str,
        *,
        limit: int,
        accept: str,
        part: str = "",
        ranges: list[str] | None = None,
        statuses: list[int] | None = None,
    ) -> bytes | None:
        """None for what is not there, or is too large. `ranges` and `statuses` get what the answer says besides. Raise `UnreachableError` where nobody answers, or time is up."""
        from requests import RequestException
        from requests.utils import should_bypass_proxies

        if urlsplit(address).scheme not in ("http", "https"):
            return None
        directly = should_bypass_proxies(address, no_proxy=self._no_proxy)
        # An index's login is for that host alone.
        own = urlsplit(address).netloc == urlsplit(self.address).netloc
        try:
            with self._session.get(
                address,
                # A part of a file is counted in bytes as they are.
                headers={"Accept": accept} | ({"Range": part, "Accept-Encoding": "identity"} if part else {}),
                auth=self._login if own else None,
                proxies={} if directly else self._proxies,
                timeout=PATIENCE,
                stream=True,
            ) as response:
                if statuses is not None:
                    statuses.append(response.status_code)
                if ranges is not None and response.status_code == 206:
                    ranges.append(response.headers.get("Content-Range", ""))
                return self._body(response, limit=limit, accept=accept, status=206 if part else 200)
        except RequestException as error:
            raise UnreachableError(f"`{self.address}` does not answer ({_reason(error)})") from error

    def _body(self, response: Response, *, limit: int, accept: str, status: int) -> bytes | None:
        if response.status_code in (401, 403, 407) or response.status_code >= 500:
            raise UnreachableError(f"`{self.address}` answers with status {response.status_code}")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        if response.status_code != status or (accept == JSON and kind != JSON):
            return None
        parts, size = [], 0
        for part in response.iter_content(CHUNK):
            parts.append(part)
            size += len(part)
            if size > limit:
                return None
            if monotonic() > self._until:
                raise UnreachableError(OUT_OF_TIME)
        return b"".join(parts)


def _session(indexes: Indexes) -> Session:
    from requests import Session
    from requests.adapters import HTTPAdapter

    context = ssl.create_default_context()
    if indexes.certificates:
        context.load_verify_locations(cadata=indexes.certificates)

    class Trusting(HTTPAdapter):
        """Trusts what this machine trusts, and not only what `certifi` has."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, ssl_context=context)

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            return super().proxy_manager_for(*args, **kwargs, ssl_context=context)

    session = Session()
    session.max_redirects = 5
    session.headers["User-Agent"] = "r2i"
    session.trust_env = False  # all that this machine says is in `indexes`
    for scheme in ("http://", "https://"):
        session.mount(scheme, Trusting())
    return session


def _reason(error: Exception) -> str:
    """In a few words: the texts of requests nest those of three libraries."""
    from requests.exceptions import ConnectTimeout, ProxyError, ReadTimeout, SSLError, TooManyRedirects

    for kind, words in (
        (SSLError, "its certificate is not trusted"),
        (ProxyError, "the proxy refuses"),
        ((ConnectTimeout, ReadTimeout), "no answer in time"),
        (TooManyRedirects, "too many redirections"),
    ):
        if isinstance(error, kind):
            return words
    return printable(type(error).__name__)
