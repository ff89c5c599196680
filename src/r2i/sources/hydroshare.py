"""A resource of HydroShare: its files one by one, each with its checksum.

Not as its bag, a zip file that the server makes on demand: nobody waits for it, a file that is here already is not
downloaded again, and what stands beside the content in a bag is metadata.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from r2i.errors import FetchError, UsageError
from r2i.model import Source
from r2i.sources.protocol import Typed
from r2i.sources.typed import shown
from r2i.sources.web.documents import (
    at,
    checksum_of,
    items_at,
    moment_of,
    needed,
    number_at,
    text_at,
    unexpected,
)
from r2i.sources.web.pages import read_page

if TYPE_CHECKING:
    from r2i.sources.web.client import HttpClient
    from r2i.sources.web.files import RemoteFile
    from r2i.sources.web.records import PublishedRecord

SITE = "https://www.hydroshare.org"
#: What `r2i doctor --network` asks.
SERVERS = (("HydroShare", f"{SITE}/hsapi/resource/types/"),)

IDENTIFIER = re.compile(r"[0-9a-f]{32}")
#: A page has a hundred files.
MOST_PAGES = 200


class HydroShare:
    name = "hydroshare"

    def read(self, typed: Typed) -> Source | None:
        page = read_page(typed.text)
        if page is None or page.host != "hydroshare.org":
            return None
        match page.parts:
            case ["resource", identifier, *_] | ["hsapi", "resource", identifier, *_]:
                return self._source(identifier.lower(), typed)
            case _:
                raise _not_a_resource(typed)

    def _source(self, identifier: str, typed: Typed) -> Source:
        if not IDENTIFIER.fullmatch(identifier):
            raise _not_a_resource(typed)
        location = f"{SITE}/resource/{identifier}/"
        return Source(provider=self.name, location=location, subdirectory=typed.subdirectory)

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        from r2i.sources.web.records import PublishedRecord

        del environ
        identifier = source.location.rstrip("/").rpartition("/")[2]
        modified = _modified(identifier, client)
        listed, count = _listed(identifier, client)
        # By their paths: pages in no order can have a file twice, and another one never.
        files = tuple({file.path: file for file in (_file(entry, identifier) for entry in listed)}.values())
        # A file that its storage has lost is counted, too, and not listed.
        lost = count - len(files)
        says = (
            f"Warning: HydroShare counts {lost} more files of `{source.location}` than it lists"
            if lost > 0
            else ""
        )
        return PublishedRecord(
            source=source,
            content_id=f"{identifier}.v{int(modified.timestamp())}",
            files=files,
            published=modified,
            says=says,
        )


def _modified(identifier: str, client: HttpClient) -> datetime:
    """When the resource was changed last, which is its version: even a published one has no other."""
    url = f"{SITE}/hsapi/resource/{identifier}/scimeta/elements/"
    for entry in items_at(client.json(url), "dates"):
        found = moment_of(text_at(entry, "start_date"))
        if text_at(entry, "type") == "modified" and found is not None:
            return found
    raise unexpected(url, "without the date of the last change")


def _listed(identifier: str, client: HttpClient) -> tuple[list[Any], int]:
    """What the server says of each file, and how many it counts."""
    url = f"{SITE}/hsapi/resource/{identifier}/files/"
    found: list[Any] = []
    for number in range(1, MOST_PAGES + 1):
        answer = client.json(url, query={"page": str(number)})
        if not isinstance(at(answer, "results"), list):
            raise unexpected(url, "without `results`")
        found += answer["results"]
        if not text_at(answer, "next"):
            return found, number_at(answer, "count") or 0
    raise FetchError(
        f"`{SITE}/resource/{identifier}/` has more files than r2i supports",
        hint=f"Use a resource with at most {MOST_PAGES * 100:,} files",
    )


def _file(entry: Any, identifier: str) -> RemoteFile:
    from r2i.sources.web.files import RemoteFile

    place = f"{SITE}/hsapi/resource/{identifier}/files/"
    before, contents, name = needed(entry, "url", url=place).partition("/data/contents/")
    if not contents or identifier not in before:
        raise unexpected(place, "with a file that is not of this resource")
    return RemoteFile(
        url=f"{SITE}/resource/{identifier}/data/contents/{name}",
        path=unquote(name).strip("/"),
        size=number_at(entry, "size"),
        # That of a file which was uploaded in parts is of another kind, and has a dash.
        checksum=checksum_of(text_at(entry, "checksum")),
    )


def _not_a_resource(typed: Typed) -> UsageError:
    return UsageError(
        f"`{shown(typed.text)}` is not a resource of HydroShare",
        hint=f"Pass its address, such as `{SITE}/resource/ID/` with the 32 digits of its identifier",
    )
