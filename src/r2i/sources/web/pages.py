"""Addresses of web pages as people paste them, in parts: what providers of records look at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

#: With or without a scheme and a port that says nothing; no user, no password: those are for git.
ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::(?:80|443))?(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """`host` in lower case and without `www.`; `parts` of the path, decoded; `query`, of a name the last value.

    `site` is what to ask: the scheme and the host as they were typed, in lower case.
    """

    site: str
    host: str
    parts: tuple[str, ...]
    query: dict[str, str]


def read_page(text: str) -> Page | None:
    """The parts of a web address, None for anything else."""
    match = ADDRESS.fullmatch(text)
    if match is None:
        return None
    return Page(
        site=f"{match['scheme'] or 'https'}://{match['host']}".lower(),
        host=match["host"].lower().removeprefix("www."),
        parts=tuple(unquote(part) for part in (match["path"] or "").split("/") if part),
        query=dict(parse_qsl(match["query"] or "")),
    )
