"""Items of Figshare and of the portals that institutions have there: https://docs.figshare.com."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

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

#: One server answers for all portals.
API = "https://api.figshare.com/v2"
SERVERS = (("Figshare", f"{API}/articles?page_size=1"),)

#: As the addresses of Figshare call them; a portal under a name of its own is known by them.
TYPES = frozenset(
    {
        "book",
        "chapter",
        "code",
        "composition",
        "conference_contribution",
        "data_management_plan",
        "dataset",
        "event",
        "figure",
        "fileset",
        "journal_contribution",
        "media",
        "model",
        "monograph",
        "online_resource",
        "performance",
        "physical_object",
        "poster",
        "preprint",
        "presentation",
        "report",
        "software",
        "standard",
        "thesis",
        "workflow",
    }
)
ID = re.compile(r"[0-9]{1,12}")
#: An item lists no more of its files itself.
LISTED = 10
PAGE_SIZE = 1_000
#: One more than a record may have, so that none is left out without a word.
MOST_PAGES = 21
#: Of what a sentence enumerates.
MOST_NAMES = 5
HINT = (
    "Pass the address of an item, such as `https://figshare.com/articles/dataset/TITLE/1234567/2`, or its DOI"
)


@dataclass(frozen=True, kw_only=True)
class _Item:
    """`version` is empty where the newest one is meant; `own` for the page of its owner.

    A portal under a name of its own is known again by the `kind` in its address.
    """

    host: str
    id: str
    kind: str = ""
    version: str = ""
    own: bool = False

    @property
    def page(self) -> str:
        if self.own:
            return f"https://{self.host}/account/articles/{self.id}"
        kind = "" if _is_figshare(self.host) else f"{self.kind}/"
        return f"https://{self.host}/articles/{kind}_/{self.id}{f'/{self.version}' if self.version else ''}"


class Figshare:
    name = "figshare"

    def read(self, typed: Typed) -> Source | None:
        page = read_page(typed.text)
        if page is None:
            return None
        item = _item(page)
        if item is None and not _is_figshare(page.host):
            return None
        if item is None:
            raise UsageError(f"`{shown(typed.text)}` is not an item of Figshare", hint=HINT)
        return Source(provider=self.name, location=item.page, subdirectory=typed.subdirectory)

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        from r2i.sources.web.records import PublishedRecord

        page = read_page(source.location)
        item = _item(page) if page else None
        if item is None:
            raise FetchError(f"`{source.location}` is not an item of Figshare", hint=HINT)
        # What is public needs no token, and what is not is a page of its owner.
        token = _token("api.figshare.com", environ) if item.own else None
        item = item if token else replace(item, own=False)
        url = f"{API}/account/articles/{item.id}" if item.own else f"{API}/articles/{item.id}"
        url += f"/versions/{item.version}" if item.version and not item.own else ""
        document = client.json(url, token=token)
        version = str(number_at(document, "version") or item.version)
        if not item.own and not version.isdecimal():
            raise unexpected(url, "without a version")
        exact = item if item.own else replace(item, version=version)
        listed = _listed(document, url, client, token, item=exact)
        files = tuple(_files(document, listed, url=url, token=_downloading(item, environ)))
        if not files:
            _refuse(document, exact, left_out=len(listed))
        return PublishedRecord(
            source=replace(source, location=exact.page),
            content_id=f"{exact.id}.v{version}" if not item.own else _draft_id(exact, files),
            files=files,
            published=moment_of(text_at(document, "published_date")),
            says=_says(item, exact, listed, left_out=len(listed) - len(files)),
        )


def _item(page: Page) -> _Item | None:
    figshare = _is_figshare(page.host)
    match page.parts:
        case ["account", "articles", id_, *_] if figshare and ID.fullmatch(id_):
            return _Item(host=page.host, id=id_, own=True)
        case ["ndownloader", "articles", id_, "versions", version] if figshare:
            return _numbered(page.host, ["_", id_, version])
        case ["articles", kind, *rest] if kind in TYPES:
            return _numbered(page.host, rest, kind=kind)
        case ["articles", *rest] if figshare:
            return _numbered(page.host, rest)
    return None


def _numbered(host: str, parts: list[str], *, kind: str = "") -> _Item | None:
    """`TITLE/ID` or `TITLE/ID/VERSION`; the title may be a number, or not there."""
    match parts:
        case [id_] | [_, id_] if ID.fullmatch(id_):
            return _Item(host=host, id=id_, kind=kind)
        case [_, id_, version] if ID.fullmatch(id_) and ID.fullmatch(version):
            return _Item(host=host, id=id_, kind=kind, version=version)
        case _:
            return None


def _is_figshare(host: str) -> bool:
    return host == "figshare.com" or host.endswith(".figshare.com")


def _token(host: str, environ: Mapping[str, str]) -> HostToken | None:
    from r2i.sources.web.tokens import access_token

    return access_token("FIGSHARE_TOKEN", host=host, environ=environ, scheme="token")


def _downloading(item: _Item, environ: Mapping[str, str]) -> HostToken | None:
    """Files of an item that is not public come from the other server of Figshare, which takes the same token."""
    return _token("ndownloader.figshare.com", environ) if item.own else None


def _listed(
    document: Any, url: str, client: HttpClient, token: HostToken | None, *, item: _Item
) -> list[Any]:
    """What an item lists of its files, and the pages of a longer list."""
    listed = items_at(document, "files")
    if len(listed) < LISTED:
        return listed
    if not item.own:
        url = f"{API}/articles/{item.id}/versions/{item.version}"
    listed = []
    for number in range(1, MOST_PAGES + 1):
        query = {"page": str(number), "page_size": str(PAGE_SIZE)}
        found = client.json(f"{url}/files", query=query, token=token)
        if not isinstance(found, list):
            raise unexpected(f"{url}/files", "without a list")
        listed += found
        if len(found) < PAGE_SIZE:
            break
    return listed


def _files(document: Any, listed: list[Any], *, url: str, token: HostToken | None) -> Iterator[RemoteFile]:
    """Those that Figshare has; a link to a file elsewhere may be to a page, or to anything."""
    from r2i.sources.web.files import RemoteFile

    folders = at(document, "folder_structure")
    for entry in listed:
        if at(entry, "is_link_only") is True:
            continue
        folder = text_at(folders, text_at(entry, "id")).strip("/")
        name = needed(entry, "name", url=url)
        checksum = checksum_of(text_at(entry, "computed_md5")) or checksum_of(text_at(entry, "supplied_md5"))
        yield RemoteFile(
            url=address_in(entry, "download_url", url=url),
            path=f"{folder}/{name}" if folder else name,
            size=number_at(entry, "size"),
            checksum=checksum,
            token=token,
        )


def _refuse(document: Any, item: _Item, *, left_out: int) -> None:
    """Raise `FetchError` with the reason why there are no files."""
    if at(document, "is_embargoed") is True:
        until = text_at(document, "embargo_date").partition("T")[0]
        what = f"The files of `{item.page}` are under embargo{f' until {until}' if until else ''}"
    elif at(document, "is_confidential") is True:
        what = f"The files of `{item.page}` are confidential"
    elif left_out:
        what = f"`{item.page}` has only links to files elsewhere"
    else:
        what = f"`{item.page}` has no files"
    raise FetchError(what, hint="Download what you may read yourself and build the directory")


def _draft_id(item: _Item, files: tuple[RemoteFile, ...]) -> str:
    from r2i.sources.web.records import digest_of

    return f"{item.id}.draft-{digest_of(files)}"


def _says(asked: _Item, exact: _Item, listed: list[Any], *, left_out: int) -> str:
    sentences = []
    if asked.version != exact.version:
        sentences.append(f"`{asked.page}` names no version: r2i uses the newest, `{exact.page}`")
    if left_out:
        names = [shown(text_at(entry, "name")) for entry in listed if at(entry, "is_link_only") is True]
        few = ", ".join(f"`{name}`" for name in names[:MOST_NAMES])
        more = f" and {left_out - MOST_NAMES} more" if left_out > MOST_NAMES else ""
        sentences.append(f"r2i leaves out links of `{exact.page}` to other servers: {few}{more}")
    return "; ".join(sentences)
