"""Projects and registrations of the Open Science Framework, with the files in its own storage: https://developer.osf.io."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
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

API = "https://api.osf.io/v2"
SERVERS = (("OSF", f"{API}/"),)

#: The servers of the OSF that take its token.
HOSTS = frozenset({"api.osf.io", "files.osf.io", "osf.io"})
#: What the OSF keeps itself; other storages are accounts of others.
STORAGE = "osfstorage"
ID = re.compile(r"[a-z0-9]{5,12}")
#: Pages of its site that are no project.
PAGES = frozenset(
    {
        "collections",
        "dashboard",
        "download",
        "home",
        "institutions",
        "login",
        "meetings",
        "myprojects",
        "preprints",
        "profile",
        "project",
        "register",
        "registries",
        "reviews",
        "search",
        "settings",
        "support",
    }
)
PAGE_SIZE = "100"
#: A tree of folders could have no end.
MOST_REQUESTS = 2_000
HINT = "Pass the address of a project or registration, such as `https://osf.io/abcde`, or its DOI"


class Osf:
    name = "osf"

    def read(self, typed: Typed) -> Source | None:
        page = read_page(typed.text)
        if page is None or page.host not in HOSTS:
            return None
        if (id_ := _id(page)) is None:
            raise UsageError(f"`{shown(typed.text)}` is not a project of the OSF", hint=HINT)
        location = f"https://osf.io/{id_}"
        return Source(provider=self.name, location=location, subdirectory=typed.subdirectory)

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        from r2i.sources.web.records import PublishedRecord, digest_of

        asking = _Asking(client, _token("api.osf.io", environ))
        url = f"{API}/guids/{source.location.rpartition('/')[2]}/"
        node, url = _node(asking.document(url), asking, url=url)
        id_ = needed(node, "data", "id", url=url)
        if not ID.fullmatch(id_):
            raise unexpected(url, "without an id")
        storages = {
            text_at(storage, "attributes", "provider"): storage for storage in asking.items(f"{url}files/")
        }
        entries = list(_tree(storages[STORAGE], asking)) if STORAGE in storages else []
        # Public files need no token, and are kept for the next time.
        secrets = {} if at(node, "data", "attributes", "public") is True else environ
        files = tuple(_file(entry, secrets, url=url) for entry in entries)
        page = f"https://osf.io/{id_}"
        return PublishedRecord(
            source=replace(source, location=page),
            content_id=f"{id_}-{digest_of(files)}",
            files=files,
            published=_published(node, entries),
            says=_left_out(
                page, asking.items(f"{url}children/"), [name for name in storages if name != STORAGE]
            ),
        )


def _id(page: Page) -> str | None:
    """Of a project, or of a file or folder of it; the newer addresses have the storage behind `files`."""
    match page.parts:
        case ["v2", "nodes" | "registrations" | "guids", id_, *_] if page.host == "api.osf.io":
            found = id_
        case ["registries" | "project" | "download", id_] | ["registries", _, id_]:
            found = id_
        case [id_, *_]:
            found = id_
        case _:
            return None
    found = found.lower()
    return found if ID.fullmatch(found) and found not in PAGES else None


def _token(host: str | None, environ: Mapping[str, str]) -> HostToken | None:
    from r2i.sources.web.tokens import access_token

    return access_token("OSF_TOKEN", host=host, environ=environ) if host in HOSTS else None


class _Asking:
    """Documents of the API, with a bound on how many of them one project may take."""

    def __init__(self, client: HttpClient, token: HostToken | None) -> None:
        self._client, self._token = client, token
        self._left = MOST_REQUESTS

    def document(self, url: str, query: Mapping[str, str] | None = None) -> Any:
        self._left -= 1
        if self._left < 0:
            raise FetchError(
                "The project has more folders than r2i supports",
                hint="Download the files as a zip archive, and build that",
            )
        return self._client.json(url, query=query, token=self._token)

    def items(self, url: str) -> Iterator[Any]:
        """What a list has on all of its pages."""
        query: Mapping[str, str] | None = {"page[size]": PAGE_SIZE}
        while url:
            document = self.document(url, query)
            if not isinstance(at(document, "data"), list):
                raise unexpected(url, "without a list")
            yield from items_at(document, "data")
            # The address of the next page has the query in it.
            url, query = text_at(document, "links", "next"), None


def _node(document: Any, asking: _Asking, *, url: str) -> tuple[Any, str]:
    """The project or registration that an id stands for, and its address; of a file, that which it belongs to."""
    if text_at(document, "data", "type") == "files":
        related = _related(at(document, "data"), "target") or _related(at(document, "data"), "node")
        if not related:
            raise unexpected(url, "with a file of no project")
        document = asking.document(related)
    kind, id_ = text_at(document, "data", "type"), text_at(document, "data", "id")
    if kind not in {"nodes", "registrations"}:
        what = {"preprints": "preprint", "users": "profile", "collections": "collection"}.get(
            kind, kind or "page"
        )
        raise FetchError(f"`https://osf.io/{id_}` is a {what} of the OSF, and not a project", hint=HINT)
    if at(document, "data", "attributes", "withdrawn") is True:
        raise FetchError(
            f"The registration `https://osf.io/{id_}` was withdrawn", hint="Ask its authors for the files"
        )
    return document, f"{API}/{kind}/{id_}/"


def _related(document: Any, name: str) -> str:
    """A link of JSON:API, written as a text or as an object."""
    link = at(document, "relationships", name, "links", "related")
    return text_at(link, "href") or (link if isinstance(link, str) else "")


def _tree(storage: Any, asking: _Asking) -> Iterator[Any]:
    """All files below a storage."""
    pending = deque([_related(storage, "files")])
    while pending:
        if not (url := pending.popleft()):
            continue
        for entry in asking.items(url):
            if text_at(entry, "attributes", "kind") == "folder":
                pending.append(_related(entry, "files"))
            else:
                yield entry


def _file(entry: Any, environ: Mapping[str, str], *, url: str) -> RemoteFile:
    from r2i.sources.web.files import RemoteFile

    attributes = at(entry, "attributes")
    hashes = at(attributes, "extra", "hashes")
    link = address_in(
        entry, "links", "download" if text_at(entry, "links", "download") else "upload", url=url
    )
    return RemoteFile(
        url=link,
        path=needed(attributes, "materialized_path", url=url).lstrip("/"),
        size=number_at(attributes, "size"),
        checksum=checksum_of(text_at(hashes, "sha256")) or checksum_of(text_at(hashes, "md5")),
        token=_token(urlsplit(link).hostname, environ),
    )


def _published(node: Any, entries: list[Any]) -> datetime | None:
    """A registration has a day; the files of a project are as they are since the last of them was changed."""
    if registered := moment_of(text_at(node, "data", "attributes", "date_registered")):
        return registered
    changed = [moment_of(text_at(entry, "attributes", "date_modified")) for entry in entries]
    return max(filter(None, changed), default=None)


def _left_out(page: str, components: Iterator[Any], storages: list[str]) -> str:
    found = [f"`https://osf.io/{text_at(component, 'id')}`" for component in components]
    sentences = []
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        sentences.append(f"r2i leaves out the components of `{page}`: {', '.join(found[:5])}{more}")
    if storages:
        names = ", ".join(f"`{shown(name)}`" for name in storages)
        sentences.append(f"r2i leaves out what `{page}` keeps elsewhere: {names}")
    return "; ".join(sentences)
