"""Records of Zenodo and of other sites that run InvenioRDM.

https://developers.zenodo.org and https://inveniordm.docs.cern.ch/reference/rest_api_index/ describe the two forms of an
answer: Zenodo answers in its older one, the others in that of InvenioRDM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from r2i.errors import FetchError, UsageError
from r2i.model import Source
from r2i.sources.protocol import Typed
from r2i.sources.typed import shown
from r2i.sources.web.documents import (
    address_in,
    at,
    checksum_of,
    items_at,
    moment_of,
    needed,
    number_at,
    text_at,
    unexpected,
)
from r2i.sources.web.pages import Page, read_page

if TYPE_CHECKING:
    from r2i.sources.web.client import HostToken, HttpClient
    from r2i.sources.web.files import RemoteFile
    from r2i.sources.web.records import PublishedRecord

SERVERS = (
    ("Zenodo", "https://zenodo.org/api/records?size=1"),
    ("CaltechDATA", "https://data.caltech.edu/api/records?size=1"),
)

#: Sites whose other pages are known, too, and the variable of a token for each.
SITES = {
    "zenodo.org": "ZENODO_TOKEN",
    "sandbox.zenodo.org": "ZENODO_SANDBOX_TOKEN",
    "data.caltech.edu": "CALTECHDATA_TOKEN",
    "rodare.hzdr.de": "RODARE_TOKEN",
}
#: Ids that InvenioRDM gives out look like nothing else, so that any site is known by the address of a record.
INVENIO_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}")
ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,60}")
OWN_DOI = re.compile(r"10\.(?:5281|5072)/zenodo\.(?P<id>\d+)", re.IGNORECASE)
#: What another registrant gave out for a record.
FOREIGN_DOI = re.compile(r"10\.[\d.]+/[\w./:;()+-]+", re.ASCII)
HINT = "Pass the address of a record, such as `https://zenodo.org/records/1234567`, or its DOI"
CLOSED = frozenset({"restricted", "embargoed", "closed"})


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a record lies: `newest` where its newest version is meant, whatever the id."""

    host: str
    id: str
    newest: bool = False

    @property
    def page(self) -> str:
        return f"https://{self.host}/records/{self.id}{'/latest' if self.newest else ''}"

    @property
    def api(self) -> str:
        return f"https://{self.host}/api/records/{self.id}{'/versions/latest' if self.newest else ''}"


class Zenodo:
    name = "zenodo"

    def read(self, typed: Typed) -> Source | None:
        page = read_page(typed.text)
        if page is None:
            return None
        location = _location(page)
        if location is None and page.host not in SITES:
            return None
        if location is None:
            raise UsageError(f"`{shown(typed.text)}` is not a record of {page.host}", hint=HINT)
        return Source(provider=self.name, location=location, subdirectory=typed.subdirectory)

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        from r2i.sources.web.records import PublishedRecord

        asked = _found(source.location, client)
        token = _token(asked.host, environ)
        document = client.json(asked.api, token=token)
        exact = _Place(host=asked.host, id=needed(document, "id", url=asked.api))
        if not ID.fullmatch(exact.id):
            raise unexpected(asked.api, "with a record without an id")
        _check_open(document, exact, environ=environ)
        published = moment_of(text_at(document, "metadata", "publication_date")) or moment_of(
            text_at(document, "created")
        )
        return PublishedRecord(
            source=replace(source, location=exact.page),
            content_id=exact.id,
            files=tuple(_files(document, exact, client, token)),
            published=published,
            says=_said(document, source, asked, exact),
        )


def _location(page: Page) -> str | None:
    """The address of a record in one form; what only the server can tell stays as it is."""
    if place := _place(page):
        return place.page
    match page.parts if page.host in SITES else ():
        case ["doi", *doi] if FOREIGN_DOI.fullmatch("/".join(doi)):
            return f"https://{page.host}/doi/{'/'.join(doi)}"
        case ["badge", "latestdoi", repository] if repository.isdecimal():
            return f"https://{page.host}/badge/latestdoi/{repository}"
        case ["badge", picture] if picture.removesuffix(".svg").isdecimal():
            return f"https://{page.host}/badge/latestdoi/{picture.removesuffix('.svg')}"
        case _:
            return None


def _place(page: Page) -> _Place | None:
    """The record that an address names itself."""
    known = page.host in SITES
    match page.parts:
        case ["records" | "record", id_, *rest] | ["api", "records", id_, *rest]:
            if INVENIO_ID.fullmatch(id_) or (known and ID.fullmatch(id_)):
                return _Place(host=page.host, id=id_, newest=rest[-1:] == ["latest"])
        case ["doi", *doi] | ["badge", "DOI" | "doi", *doi] if known:
            if own := OWN_DOI.fullmatch("/".join(doi).removesuffix(".svg")):
                return _Place(host=page.host, id=own["id"])
    return None


def _found(location: str, client: HttpClient) -> _Place:
    """Where the record lies; a badge, or a DOI that somebody else gave out, is followed to it."""
    page = read_page(location)
    place = _place(page) if page else None
    if place is None:
        page = read_page(client.final_url(location))
        place = _place(page) if page else None
    if place is None:
        raise FetchError(f"`{location}` leads to no record", hint=HINT)
    return place


def _token(host: str, environ: Mapping[str, str]) -> HostToken | None:
    from r2i.sources.web.tokens import access_token

    return access_token(SITES.get(host, ""), host=host, environ=environ)


def _check_open(document: Any, place: _Place, *, environ: Mapping[str, str]) -> None:
    """Raise `FetchError` where files cannot be seen; with a token of their owner they can, and are listed."""
    if not _is_closed(document) or _listed(document):
        return
    until = text_at(document, "access", "embargo", "until") or text_at(document, "metadata", "embargo_date")
    right = text_at(document, "metadata", "access_right")
    embargoed = right == "embargoed" or at(document, "access", "embargo", "active") is True
    what = f"under embargo{f' until {until}' if until else ''}" if embargoed else "restricted"
    variable = SITES.get(place.host, "")
    if variable and not environ.get(variable):
        hint = f"Set `{variable}` to an access token of an account that may read them"
    else:
        hint = f"Ask for access at `{place.page}`, download the files and build the directory"
    raise FetchError(f"The files of `{place.page}` are {what}", hint=hint)


def _is_closed(document: Any) -> bool:
    right = text_at(document, "metadata", "access_right") or text_at(document, "access", "files")
    return right in CLOSED


def _listed(document: Any) -> list[Any] | None:
    """The files that a record lists itself, in either form; None where it does not say."""
    listed = at(document, "files")
    if isinstance(listed, dict) and listed.get("enabled") is False:
        return []
    if isinstance(listed, dict):
        return items_at(listed, "entries") if "entries" in listed else None
    return listed if isinstance(listed, list) else None


def _files(document: Any, place: _Place, client: HttpClient, token: HostToken | None) -> list[RemoteFile]:
    listed = _listed(document)
    if listed is None:
        listed = items_at(client.json(f"{place.api}/files", token=token), "entries")
    # Public files need no token, and are kept for the next time.
    token = token if _is_closed(document) else None
    return [_file(entry, place, token) for entry in listed]


def _file(entry: Any, place: _Place, token: HostToken | None) -> RemoteFile:
    from r2i.sources.web.files import RemoteFile

    kind = "content" if text_at(entry, "links", "content") else "self"
    url = address_in(entry, "links", kind, url=place.api)
    return RemoteFile(
        url=url,
        path=needed(entry, "key", url=place.api),
        size=number_at(entry, "size"),
        checksum=checksum_of(text_at(entry, "checksum")),
        token=token if urlsplit(url).hostname == place.host else None,
    )


def _said(document: Any, source: Source, asked: _Place, place: _Place) -> str:
    if asked == place:
        return "" if source.location == place.page else f"`{source.location}` leads to `{place.page}`"
    number = text_at(document, "metadata", "version") or text_at(document, "versions", "index")
    version = f"version {shown(number)}, " if number else ""
    return f"`{source.location}` names all versions of a record: r2i uses the newest, {version}`{place.page}`"
