"""Why a server did not give what was asked for, as errors: what may pass, and what stays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from r2i.errors import FetchError
from r2i.host.addresses import mask
from r2i.sources.misspelt import near_host
from r2i.sources.typed import shown
from r2i.sources.web.patience import BusyError, limit_reset, retry_after

if TYPE_CHECKING:
    import requests

#: Statuses that another attempt may change; so may each of the server's own (5xx).
PASSING = {408, 425, 429}

LASTING = {404: "does not exist", 410: "was removed"}
CERTIFICATES = "Set `SSL_CERT_FILE` to the certificates of your network"


@dataclass(frozen=True, kw_only=True)
class ServerAdvice:
    """What helps where a server gives nothing away: without a login, with the one that was sent, and for what is gone."""

    login: str
    wrong_login: str
    removed: str


OF_RECORD = ServerAdvice(
    login=(
        "If it is public, check the URL; a restricted record needs a token, see "
        "https://github.com/r2i/r2i/blob/main/docs/sources.md"
    ),
    wrong_login="Check that the token is valid and may read this record",
    removed="Ask its authors, or use another version of the record",
)
OF_ARCHIVE = ServerAdvice(
    login="Check the URL; if it needs a login, write `https://USER:PASSWORD@…` or add it to `~/.netrc`",
    wrong_login="Check the user name and the password",
    removed="Check whether the file has moved, or ask its authors",
)


class AbsentError(FetchError):
    """There is nothing at this address, or no longer: `words` say which, and can follow another name of what is not there."""

    def __init__(self, url: str, words: str, *, hint: str | None) -> None:
        super().__init__(f"`{url}` {words}", hint=hint)
        self.words = words


def of_status(
    response: requests.Response, *, secret: str | None = None, advice: ServerAdvice = OF_RECORD
) -> FetchError | BusyError:
    """What an answer with an error status means; `secret` is the variable whose token was sent, empty for a password."""
    url, status = shown(response.url or ""), response.status_code
    host = urlsplit(response.url or "").hostname
    if status in PASSING or status >= 500:
        words = "is busy" if status == 429 else "cannot answer now"
        after = retry_after(response.headers.get("Retry-After"))
        if after is None and status == 429:
            after = limit_reset(response.headers.get("X-RateLimit-Reset"))
        hint = f"Try again in {_duration(after)}" if after and after > 120 else None
        return BusyError(f"`{host}` {words} (HTTP {status})", hint=hint, after=after)
    if status in (401, 403):
        message = f"`{url}` is not accessible"
        if secret:
            message += f" with the token of `{secret}`"
        hint = advice.login if secret is None else advice.wrong_login
        return FetchError(f"{message} (HTTP {status})", hint=hint)
    if status == 407:
        return _proxy_login()
    if status in LASTING:
        hint = advice.removed if status == 410 else "Check the spelling of the source"
        return AbsentError(url, f"{LASTING[status]} (HTTP {status})", hint=hint)
    return FetchError(f"`{url}` cannot be read (HTTP {status})", hint="Check the URL")


def of_exception(error: BaseException, url: str) -> FetchError | BusyError:
    """What a failure on the way to a server, or of its answer, means."""
    import requests.exceptions as requests
    import urllib3.exceptions as urllib3

    host = urlsplit(url).hostname
    chain = tuple(_causes(error))
    said = " ".join(str(cause) for cause in chain)
    if re.search("CERTIFICATE_VERIFY_FAILED|doesn't match|Hostname mismatch", said):
        return FetchError(f"The certificate of `{host}` is not trusted", hint=CERTIFICATES)
    if _has(chain, requests.ProxyError, urllib3.ProxyError):
        return _of_proxy(said, host)
    if _has(chain, requests.InvalidSchema):
        return FetchError(
            f"The proxy for `{host}` needs SOCKS, which is not installed", hint="Run `pip install pysocks`"
        )
    if _has(chain, requests.InvalidURL, urllib3.LocationParseError, UnicodeError):
        return FetchError(f"`{shown(url)}` is not a supported URL", hint="Check the URL")
    passing: tuple[tuple[str, tuple[type[BaseException], ...]], ...] = (
        (f"The host `{host}` cannot be found", (urllib3.NameResolutionError,)),
        (f"`{host}` refuses the connection", (ConnectionRefusedError,)),
        (f"`{host}` does not answer", (TimeoutError, requests.ReadTimeout, urllib3.ReadTimeoutError)),
        (f"`{host}` cannot be reached", (urllib3.NewConnectionError,)),
        (f"`{host}` does not answer", (requests.Timeout, urllib3.TimeoutError)),
        (f"The connection to `{host}` broke", (BaseException,)),
    )
    message = next(words for words, kinds in passing if _has(chain, *kinds))
    unreached = _has(chain, urllib3.NameResolutionError, ConnectionRefusedError)
    near = near_host(host or "") if _has(chain, urllib3.NameResolutionError) else None
    hint = f"Did you mean `{near}`?" if near else "Check the URL and your network, or try again later"
    return BusyError(message, hint=hint, unreached=unreached)


def _of_proxy(said: str, host: str | None) -> FetchError | BusyError:
    """What a proxy says of a tunnel: `Tunnel connection failed: 403 Forbidden`."""
    found = re.search(r"Tunnel connection failed: ([0-9]{3})([^'\")]*)", said)
    status = found[1] if found else ""
    if status == "407":
        return _proxy_login()
    if status in ("401", "403"):
        return FetchError(
            f"The proxy of your network refuses the connection to `{host}` (HTTP {status})",
            hint="Ask for this host to be allowed, or exclude it with `NO_PROXY`",
        )
    why = f" ({mask(found[1] + found[2]).strip()})" if found else ""
    return BusyError(
        f"The proxy of your network cannot reach `{host}`{why}",
        hint="Check `HTTPS_PROXY` and `NO_PROXY`, or try again later",
    )


def _proxy_login() -> FetchError:
    return FetchError(
        "The proxy of your network requires a password (HTTP 407)",
        hint="Set `HTTPS_PROXY` to `http://USER:PASSWORD@host:port`",
    )


def _has(chain: Iterable[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in chain)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what is behind it; urllib3 and requests keep that in arguments and in `reason`."""
    pending, seen = [error], set[int]()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        behind = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        pending += [cause for cause in behind if isinstance(cause, BaseException)]


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
