"""The connections of one client: opened by `requests` as the machine's settings say, checked, and cut when their time is over."""

from __future__ import annotations

import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from r2i import __version__
from r2i.errors import R2iError
from r2i.host.outgoing import proxy_of, trusted
from r2i.sources.web.patience import BusyError, Patience
from r2i.sources.web.reach import Zone, refuse_inward, zone_of, zone_of_name
from r2i.sources.web.refusals import of_exception

#: How requests, urllib3 and the standard library say that there was no answer, or that it broke off.
_FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError, UnicodeError)

#: A connection, and a second handle on what it is made of.
_Opened: TypeAlias = tuple[weakref.ref[HTTPConnection], socket.socket]

AGENT = f"r2i/{__version__} (+https://github.com/r2i/r2i)"


class Wire:
    """What a client keeps between its requests: open connections, and where the first one led, which bounds all others."""

    def __init__(self, environ: Mapping[str, str], patience: Patience) -> None:
        self._environ, self._patience = environ, patience
        self._typed: Zone | None = None
        self._open: list[_Opened] = []
        self._session = requests.Session()
        # Neither os.environ nor netrc: what is sent to whom is decided here.
        self._session.trust_env = False
        self._session.headers = requests.structures.CaseInsensitiveDict(
            {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        )
        adapter = _Adapter(self, trusted(environ))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)
        weakref.finalize(self, _close, self._session, self._open)

    @contextmanager
    def answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        within: float,
        body_within: bool,
        body: str | None = None,
    ) -> Iterator[requests.Response]:
        """An answer whose body is not read yet. It has `within` seconds to come, with `body_within` for its body, too.

        Raises `FetchError` or `BusyError`, also for what breaks while the body is read in the block.
        """
        proxy = proxy_of(url, self._environ)
        if proxy is not None or self._typed is not None:
            self.check(urlsplit(url).hostname or "", zone_of_name)
        request = self._session.prepare_request(
            requests.Request(method, url, headers=dict(headers), data=body)
        )
        late = threading.Event()
        clock = threading.Timer(within, self._cut, (late,))
        clock.daemon = True
        clock.start()
        try:
            with self._session.send(
                request,
                stream=True,
                allow_redirects=False,
                timeout=(self._patience.connect, self._patience.silence),
                proxies={} if proxy is None else {"http": proxy, "https": proxy},
            ) as response:
                # So that a cookie of one record never speaks for another.
                self._session.cookies.clear()
                if not body_within:
                    clock.cancel()
                yield response
        except (R2iError, BusyError) as error:
            if late.is_set():  # what was cut off is no answer
                raise _too_late(url, within) from error
            raise
        except _FAILURES as error:
            if late.is_set():
                raise _too_late(url, within) from error
            raise of_exception(error, url) from error
        finally:
            clock.cancel()
            self._tidy()
        if late.is_set():  # a body without a length ends where its connection does
            raise _too_late(url, within)

    def opened(self, connection: HTTPConnection, sock: socket.socket) -> None:
        """A connection is there, and nothing was said over it yet; raise `FetchError` where it may not be."""
        if connection.proxy is None:
            self.check(connection.host, lambda _: zone_of(sock.getpeername()[0]))
        self._open.append((weakref.ref(connection), sock.dup()))

    def check(self, host: str, zone: Callable[[str], Zone]) -> None:
        """Refuse an address further inside than the first one."""
        found = zone(host)
        if self._typed is None:
            self._typed = found
        refuse_inward(host, found, typed=self._typed)

    def _cut(self, late: threading.Event) -> None:
        """End what is going on: a server that says a byte now and then would never be timed out."""
        late.set()
        for _, sock in [*self._open]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _tidy(self) -> None:
        """Forget connections that are closed."""
        kept = []
        for reference, sock in self._open:
            connection = reference()
            if connection is None or connection.sock is None:
                sock.close()
            else:
                kept.append((reference, sock))
        self._open[:] = kept


def _close(session: requests.Session, opened: list[_Opened]) -> None:
    session.close()
    for _, sock in opened:
        sock.close()


def _too_late(url: str, within: float) -> BusyError:
    host = urlsplit(url).hostname
    return BusyError(f"`{host}` did not finish its answer in {within:.0f} s")


class _Adapter(HTTPAdapter):
    """The pools of requests, with connections of ours and the certificates that were read."""

    def __init__(self, wire: Wire, context: ssl.SSLContext) -> None:
        self._wire, self._context = weakref.proxy(wire), context
        super().__init__(pool_connections=8, pool_maxsize=1)

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, **more, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        if proxy.lower().startswith("socks"):
            return super().proxy_manager_for(proxy, **more, ssl_context=self._context)
        contexts = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        manager = super().proxy_manager_for(proxy, **more, **contexts)
        manager.pool_classes_by_scheme = self._pools()
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing but the context says what is trusted."""
        del url, verify, cert
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None

    def _pools(self) -> dict[str, type[HTTPConnectionPool]]:
        wire = self._wire

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _checked(self, super()._new_conn(), wire)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _checked(self, super()._new_conn(), wire)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}


def _checked(connection: HTTPConnection, sock: socket.socket, wire: Wire) -> socket.socket:
    try:
        wire.opened(connection, sock)
    except BaseException:
        sock.close()
        raise
    return sock
