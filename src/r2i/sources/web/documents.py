"""Reading JSON of servers: a field that is not there or of another kind is empty, one that is needed is an error."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from r2i.errors import FetchError
from r2i.sources.typed import shown

#: A checksum as APIs write it, with or without its algorithm.
CHECKSUM = re.compile(r"(?:(?P<algorithm>md5|sha1|sha-?256):)?(?P<digest>[0-9a-f]{32,64})", re.IGNORECASE)
#: Before it, nothing was published with a time.
OLDEST_YEAR = 1900
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}


def at(document: Any, *keys: str) -> Any:
    """What lies below these keys, None where there is nothing."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def text_at(document: Any, *keys: str) -> str:
    """A text or a number as text, else empty."""
    found = at(document, *keys)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def number_at(document: Any, *keys: str) -> int | None:
    found = at(document, *keys)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def items_at(document: Any, *keys: str) -> list[Any]:
    """The items of a list, or the values of an object: APIs write the same either way."""
    found = at(document, *keys)
    return list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else []


def needed(document: Any, *keys: str, url: str) -> str:
    """A text that the documented form of an answer has; raise `FetchError` where it is not there."""
    if not (found := text_at(document, *keys)):
        raise unexpected(url, f"without `{'.'.join(keys)}`")
    return found


def unexpected(url: str, how: str) -> FetchError:
    return FetchError(
        f"`{shown(url)}` answers {how}, which is not the documented form",
        hint="Try again later; if it stays so, download the record yourself and build the directory",
    )


def address_in(document: Any, *keys: str, url: str) -> str:
    """A link to a file, made absolute with the address of the document; raise `FetchError` where it is none."""
    link = needed(document, *keys, url=url)
    with suppress(ValueError):
        found = urljoin(url, link)
        if urlsplit(found).scheme in {"http", "https"} and urlsplit(found).hostname:
            return found
    raise unexpected(url, f"with `{shown(link)}` in the place of a URL")


def moment_of(text: str) -> datetime | None:
    """The end of a day, or a time, as APIs write it; UTC where it says nothing else. None for anything else."""
    text = f"{text}T23:59:59" if DAY.fullmatch(text) else text
    try:
        found = datetime.fromisoformat(text)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year >= OLDEST_YEAR else None


def checksum_of(text: str) -> str | None:
    """`md5:…`, `sha1:…` or `sha256:…`; None for anything else."""
    match = CHECKSUM.fullmatch(text.strip())
    algorithm = ALGORITHMS.get(len(match["digest"])) if match else None
    if match is None or algorithm is None:
        return None
    named = (match["algorithm"] or algorithm).lower().replace("-", "")
    return f"{algorithm}:{match['digest'].lower()}" if named == algorithm else None
