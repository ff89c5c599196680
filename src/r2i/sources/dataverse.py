"""A dataset of a Dataverse installation: the files as they were deposited, in the version that the address names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from r2i.errors import FetchError, UsageError
from r2i.facts.dataverse import installations
from r2i.model import Source
from r2i.sources.protocol import Typed
from r2i.sources.typed import shown
from r2i.sources.web.documents import at, checksum_of, moment_of, needed, number_at, text_at, unexpected
from r2i.sources.web.pages import Page, read_page

if TYPE_CHECKING:
    from r2i.sources.web.client import HostToken, HttpClient
    from r2i.sources.web.files import RemoteFile
    from r2i.sources.web.records import PublishedRecord

#: What `r2i doctor --network` asks.
SERVERS = (("Harvard Dataverse", "https://dataverse.harvard.edu/api/info/version"),)

PERSISTENT = re.compile(
    r"(?:https?://(?:dx\.)?doi\.org/|doi:)(?P<doi>10\.\S+)|(?P<other>(?:hdl|perma):\S+)", re.IGNORECASE
)
VERSION = re.compile(r"\d+(?:\.\d+)?|:?draft|:latest(?:-published)?", re.IGNORECASE)
NEWEST = ":latest-published"
#: Parts of the path below which an installation lies; nearly all lie at the top of their host.
LONGEST_BASE = 1
FORMS = "Pass the address of a dataset or of a file, such as `https://dataverse.harvard.edu/dataset.xhtml?persistentId=doi:10.7910/DVN/ID`"
TOKENS = "If you may read them, set `DATAVERSE_TOKEN` to your API token and `DATAVERSE_SERVER` to `{host}`"


@dataclass(frozen=True, kw_only=True)
class _Address:
    """What a page shows: a dataset, a file of one, or (`citation`) either of them, by a persistent identifier or a number."""

    site: str
    kind: str
    persistent: str = ""
    number: str = ""
    version: str = NEWEST

    @property
    def host(self) -> str:
        return self.site.partition("//")[2].partition("/")[0].partition(":")[0]

    @property
    def location(self) -> str:
        page = "citation" if self.kind == "citation" else f"{self.kind}.xhtml"
        number = "fileId" if self.kind == "file" else "id"
        query = {"persistentId": self.persistent} if self.persistent else {number: self.number}
        if self.version != NEWEST:
            query["version"] = self.version
        return f"{self.site}/{page}?{urlencode(query, safe=':/')}"

    def api(self, collection: str, rest: str = "") -> tuple[str, dict[str, str]]:
        """The address of a dataset or a file in the API, and the query that belongs to it."""
        name = ":persistentId" if self.persistent else self.number
        query = {"persistentId": self.persistent} if self.persistent else {}
        return f"{self.site}/api/{collection}/{name}{rest}", query


class Dataverse:
    name = "dataverse"

    def read(self, typed: Typed) -> Source | None:
        """Claim the pages that only Dataverse has, on any host, and every page of the installations that are known."""
        page = read_page(typed.text)
        if page is None:
            return None
        address = _address(page)
        if address is not None:
            return Source(provider=self.name, location=address.location, subdirectory=typed.subdirectory)
        if _is_known(page):
            raise UsageError(
                f"`{shown(typed.text)}` is not a dataset of a Dataverse installation", hint=FORMS
            )
        return None

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        from r2i.sources.web.records import PublishedRecord

        page = read_page(source.location)
        address = _address(page) if page is not None else None
        assert address is not None  # noqa: S101 - `read` made the location of an address
        token = _token(address, environ)
        if address.kind == "file":
            address = _dataset_of_file(address, client, token)
        address, version = _version(address, client, token)
        files, withheld = _files(address, version, token)
        says = []
        if withheld and not files:
            raise FetchError(
                f"All files of `{address.location}` are restricted", hint=TOKENS.format(host=address.host)
            )
        if withheld:
            says.append(_left_out(withheld, address))
        if version.get("guestbookId") is not None and token is None:
            says.append(
                f"`{address.location}` has a guestbook: if the server refuses its files, download them on that page and build the directory"
            )
        return PublishedRecord(
            source=replace(source, location=address.location),
            content_id=_content_id(address, version) + (".public" if withheld else ""),
            files=tuple(files),
            published=moment_of(text_at(version, "releaseTime")),
            says=". ".join(says),
        )


def _is_known(page: Page) -> bool:
    return not {page.host, f"www.{page.host}"}.isdisjoint(installations())


def _address(page: Page) -> _Address | None:
    """What an address shows; None where any website could have a page of this name."""
    for length in range(LONGEST_BASE + 1):
        base, rest = page.parts[:length], page.parts[length:]
        if (form := _form(rest, page)) is not None:
            kind, number = form
            break
    else:
        return None
    persistent = _persistent(page.query.get("persistentId", ""))
    number = number or page.query.get("fileId" if kind == "file" else "id") or page.query.get("id", "")
    if not persistent and (kind == "citation" or not (number.isascii() and number.isdecimal())):
        return None
    version = page.query.get("version", NEWEST)
    if not VERSION.fullmatch(version):
        raise UsageError(
            f"`{shown(version)}` is not a version of a dataset",
            hint="Use a number such as `2.1`, or `:latest-published`",
        )
    return _Address(
        site="/".join([page.site, *map(quote, base)]),
        kind=kind,
        persistent=persistent,
        number="" if persistent else number,
        version=":draft" if "draft" in version.lower() else version.lower(),
    )


def _form(parts: tuple[str, ...], page: Page) -> tuple[str, str] | None:
    """What a page of this name shows, and the number in its path."""
    match parts:
        case [("dataset.xhtml" | "file.xhtml" | "citation") as name]:
            return name.removesuffix(".xhtml"), ""
        case [("spa" | "modern"), ("datasets" | "files") as name] if _is_known(page):
            return name.removesuffix("s"), ""
        case ["api", "access", "datafile", number]:
            return "file", "" if number == ":persistentId" else number
        case ["api", "datasets", ":persistentId", *_] | ["api", "access", "dataset", ":persistentId", *_]:
            return "dataset", ""
        case _:
            return None


def _persistent(text: str) -> str:
    """`doi:…`, `hdl:…` or `perma:…`; empty where it is none of them."""
    match = PERSISTENT.fullmatch(text)
    if match is None:
        return ""
    return f"doi:{match['doi']}" if match["doi"] else match["other"]


def _token(address: _Address, environ: Mapping[str, str]) -> HostToken | None:
    """The token of the user, for the installation that `DATAVERSE_SERVER` names.

    There are a hundred installations, and an address may be anybody's: without the name of its host no server sees it.
    """
    from r2i.sources.web.client import HostToken

    value = environ.get("DATAVERSE_TOKEN", "")
    server = environ.get("DATAVERSE_SERVER", "").strip().lower()
    host = server.partition("://")[2] if "://" in server else server
    host = host.partition("/")[0].partition(":")[0]
    if not value or host != address.host or not address.site.startswith("https:"):
        return None
    return HostToken(host=host, header="X-Dataverse-key", value=value, variable="DATAVERSE_TOKEN")


def _dataset_of_file(address: _Address, client: HttpClient, token: HostToken | None) -> _Address:
    url, query = address.api("files")
    answer = client.json(url, query=query | {"returnDatasetVersion": "true"}, token=token)
    persistent = _persistent(needed(answer, "data", "datasetVersion", "datasetPersistentId", url=url))
    if not persistent:
        raise unexpected(url, "with an identifier of another kind")
    return replace(address, kind="dataset", persistent=persistent, number="")


def _version(
    address: _Address, client: HttpClient, token: HostToken | None
) -> tuple[_Address, dict[str, Any]]:
    """The version that is meant, with its files, and the address that names it."""
    from r2i.sources.web.refusals import AbsentError

    try:
        return _asked(address, client, token)
    except AbsentError as error:
        # The persistent identifier of a file has the form of that of a dataset.
        if not address.persistent:
            raise
        try:
            dataset = _dataset_of_file(replace(address, kind="file"), client, token)
        except AbsentError:
            raise error from None
        return _asked(dataset, client, token)


def _asked(address: _Address, client: HttpClient, token: HostToken | None) -> tuple[_Address, dict[str, Any]]:
    url, query = address.api("datasets", f"/versions/{address.version}")
    query |= {"excludeFiles": "false", "excludeMetadataBlocks": "true"}
    found = at(client.json(url, query=query, token=token), "data")
    if not isinstance(found, dict):
        raise unexpected(url, "without `data`")
    if found.get("versionState") == "DEACCESSIONED":
        raise FetchError(
            f"`{address.location}` was withdrawn by its authors", hint="Pass another version of the dataset"
        )
    persistent = _persistent(text_at(found, "datasetPersistentId")) or address.persistent
    number = number_at(found, "versionNumber")
    exact = replace(
        address,
        kind="dataset",
        persistent=persistent,
        number="" if persistent else address.number,
        version=":draft" if number is None else f"{number}.{number_at(found, 'versionMinorNumber') or 0}",
    )
    return exact, found


def _files(
    address: _Address, version: dict[str, Any], token: HostToken | None
) -> tuple[list[RemoteFile], list[str]]:
    """The files, and the paths of those that the server keeps to itself."""
    from r2i.sources.web.files import RemoteFile

    files, withheld = [], []
    for path, entry, data in _entries(address, version):
        if token is None and _is_withheld(entry, data):
            withheld.append(path)
            continue
        original = _is_tabular(data)
        number = needed(data, "id", url=address.location)
        files.append(
            RemoteFile(
                # A table is kept as tab-separated text beside what was uploaded, which has the checksum.
                url=f"{address.site}/api/access/datafile/{number}" + ("?format=original" if original else ""),
                path=path,
                size=number_at(data, "originalFileSize" if original else "filesize"),
                checksum=_checksum(data),
                token=token,
            )
        )
    return files, withheld


def _entries(
    address: _Address, version: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The path of each file, what this version says of it, and what is true in all versions."""
    place = address.location
    listed = at(version, "files")
    if not isinstance(listed, list):
        raise unexpected(place, "without `files`")
    for entry in listed:
        data = at(entry, "dataFile")
        if not isinstance(data, dict):
            raise unexpected(place, "without `dataFile`")
        name = needed(entry, "label", url=place)
        if _is_tabular(data):
            name = text_at(data, "originalFileName") or name
        yield f"{text_at(entry, 'directoryLabel')}/{name}".strip("/"), entry, data


def _is_tabular(data: dict[str, Any]) -> bool:
    return data.get("tabularData") is True or isinstance(data.get("originalFileFormat"), str)


def _is_withheld(entry: dict[str, Any], data: dict[str, Any]) -> bool:
    """Restricted by its authors, under an embargo, or no longer kept."""
    today = datetime.now(UTC).date().isoformat()
    return (
        at(entry, "restricted") is True
        or text_at(data, "embargo", "dateAvailable") > today
        or "" < text_at(data, "retention", "dateUnavailable") <= today
    )


def _checksum(data: dict[str, Any]) -> str | None:
    """Old installations have `md5` alone."""
    kind = text_at(data, "checksum", "type").lower()
    digest = text_at(data, "checksum", "value") or text_at(data, "md5")
    return checksum_of(digest) if kind.replace("-", "") in {"", "md5", "sha1", "sha256"} else None


def _left_out(withheld: list[str], address: _Address) -> str:
    names = ", ".join(f"`{shown(path)}`" for path in withheld[:3])
    more = f" and {len(withheld) - 3} more" if len(withheld) > 3 else ""
    return f"Warning: restricted files of the dataset are left out: {names}{more}. {TOKENS.format(host=address.host)}"


def _content_id(address: _Address, version: dict[str, Any]) -> str:
    """The identifier and the version; a draft changes under its name, so it has the time of its last change."""
    edition = f"v{address.version}"
    if address.version == ":draft":
        edition = f"draft.{re.sub(r'[^0-9]', '', text_at(version, 'lastUpdateTime'))}"
    name = address.persistent or f"{address.host}-{address.number}"
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{name}.{edition}").strip("-.")
