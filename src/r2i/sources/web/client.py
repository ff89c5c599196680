"""The one way to a server over HTTP: the host's proxies and certificates, tries again, tokens for their hosts only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class HostToken:
    """A secret of the environment, the header that carries it, and the one host that may see it."""

    host: str
    header: str
    value: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class HttpClient:
    """Asks servers as the user's machine would. `report` is told in sentences what takes long.

    Every method raises `FetchError` where the server has nothing there or answers something else than its documented
    form, with the address and a hint, and `TemporaryError` where it stays busy, out of reach or too slow.
    """

    environ: Mapping[str, str]
    report: Callable[[str], None]

    def json(
        self, url: str, *, query: Mapping[str, str] | None = None, token: HostToken | None = None
    ) -> Any:
        """The document at an address, of a bounded size."""
        raise NotImplementedError

    def final_url(self, url: str) -> str:
        """Where the redirects of an address end, without reading what is there."""
        raise NotImplementedError

    def posted(self, url: str, *, token: HostToken | None = None) -> Any:
        """The document that answers an empty POST request."""
        raise NotImplementedError
