"""Published records: what a provider says of one, and how it becomes a checkout. The same for all providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from r2i.model import Source
from r2i.sources.protocol import Typed
from r2i.sources.web.client import HttpClient
from r2i.sources.web.files import RemoteFile


@dataclass(frozen=True, kw_only=True)
class PublishedRecord:
    """A version of a published record.

    `source` is the one that names this very version, `content_id` what stays the same as long as its files do, fit for
    the tag of an image (letters, digits, dots, dashes). `says` is a sentence for the user where something was chosen (the newest
    version of a concept DOI), else empty.
    """

    source: Source
    content_id: str
    files: tuple[RemoteFile, ...]
    published: datetime | None = None
    says: str = ""


class RecordServer(Protocol):
    """What each provider of records writes: how its addresses look, and how to ask its server."""

    name: str

    def read(self, typed: Typed) -> Source | None:
        """Understand what was typed: an address of the provider. Pure."""

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        """Ask the server for the record and its files; raise `FetchError` or `TemporaryError`."""
