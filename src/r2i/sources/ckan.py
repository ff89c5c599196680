"""A dataset of a CKAN portal: its resources that are files.

A portal can have any name, so only the form of the address tells. It is claimed where git, too, could take it: datasets at
such addresses are many, and owners of repositories who are called `dataset` are few; `git+https://` says that it is git.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from r2i.errors import FetchError, UsageError
from r2i.model import Source
from r2i.sources.protocol import Typed
from r2i.sources.typed import shown
from r2i.sources.web.answers import moment, part
from r2i.sources.web.client import HttpClient
from r2i.sources.web.files import RemoteFile
from r2i.sources.web.pages import Page, read_page
from r2i.sources.web.records import PublishedRecord

#: What `r2i doctor --network` asks: portals have no server in common, and this is one of the largest.
SERVERS = (("CKAN (open.canada.ca)", "https://open.canada.ca/data/api/3/action/status_show"),)

#: https://docs.ckan.org/en/latest/api/ (`package_create`), or a UUID.
DATASET = re.compile(r"[a-z0-9_-]{2,100}", re.IGNORECASE)
ACTIVITY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Pages of CKAN that stand where a dataset could.
PAGES = {"activity", "changes", "changes_multiple", "collaborators", "edit", "followers", "groups", "new", "resources"}
#: Hosts of repositories, where `dataset` is the name of somebody.
CODE = re.compile(
    r"(?:.*\.)?(?:github|gitlab|gitea|forgejo|bitbucket|codeberg|huggingface|sourceforge|sr\.ht)\b.*|(?:git|gist|code|source)\..+"
)
#: What a resource is that leads to a page or to a program that answers questions, and to no file.
NO_FILE = re.compile(
    r"(?:text/)?x?html?|web ?(?:page|site|app.*)?|link|url|api|.*\brest\b.*|w[mfc]s|wmts|sparql.*|.*\bservice\b.*|application|dashboard",
    re.IGNORECASE,
)
DIGESTS = {32: "md5", 40: "sha1", 64: "sha256"}
IF_GIT = "If it is a git repository, write `git+https://` before it; if the portal is gone, look for the dataset elsewhere"


class Ckan:
    name = "ckan"

    def read(self, typed: Typed) -> Source | None:
        page = read_page(typed.text)
        if page is None or CODE.fullmatch(page.host):
            return None
        match page.parts:
            case [*base, "dataset", dataset]:
                activity = page.query.get("activity_id", "")
            case [*base, "dataset", dataset, "history", activity]:
                pass
            case [*base, "dataset", dataset, "resource", resource, *_] if ACTIVITY.fullmatch(resource):
                activity = page.query.get("activity_id", "")
            case _:
                return None
        if not DATASET.fullmatch(dataset) or dataset in PAGES or typed.ref is not None:
            return None
        if activity and not ACTIVITY.fullmatch(activity):
            raise UsageError(
                f"`{shown(activity)}` is not a version of a dataset in CKAN",
                hint="Copy the address of the version from the activity stream of the dataset",
            )
        return Source(
            provider=self.name, location=_location(page, base, dataset, activity), subdirectory=typed.subdirectory
        )

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        del environ
        top, _, rest = source.location.partition("/dataset/")
        name, _, activity = rest.partition("?activity_id=")
        if activity:
            dataset = _asked(client, f"{top}/api/3/action/activity_data_show", id=activity, object_type="package")
        else:
            dataset = _asked(client, f"{top}/api/3/action/package_show", id=name)
        identifier = part(dataset, "id", kind=str, place=source.location)
        modified = moment(dataset.get("metadata_modified"))
        if modified is None:
            raise FetchError(f"`{source.location}` has no date of its last change", hint="Try again later")
        files, left_out = _files(part(dataset, "resources", kind=list, place=source.location), source.location)
        return PublishedRecord(
            source=replace(source),
            content_id=re.sub(r"[^A-Za-z0-9.-]+", "-", f"{identifier}.v{int(modified.timestamp())}"),
            files=tuple(files),
            published=modified,
            says=_says(left_out),
        )


def _location(page: Page, base: list[str], dataset: str, activity: str) -> str:
    query = f"?activity_id={activity.lower()}" if activity else ""
    return "/".join([page.site, *map(quote, base), "dataset", dataset]) + query


def _asked(client: HttpClient, url: str, **query: str) -> dict[str, Any]:
    """What an action of the API answers; raise `FetchError` where this is no portal, or has no such dataset."""
    try:
        answer = client.json(url, query=query)
    except FetchError as error:
        raise FetchError(error.message, hint=IF_GIT) from error
    if not isinstance(answer, dict) or answer.get("success") is not True:
        raise FetchError(f"`{url}` has no dataset `{query['id']}`", hint=IF_GIT)
    return part(answer, "result", kind=dict, place=url)


def _files(resources: list[Any], place: str) -> tuple[list[RemoteFile], list[str]]:
    """The files, named as at the end of their addresses, and what is left out."""
    files: list[RemoteFile] = []
    left_out: list[str] = []
    taken: set[str] = set()
    for resource in resources:
        url = part(resource, "url", kind=str, place=place).strip()
        split = urlsplit(url)
        if split.scheme not in {"http", "https"} or _is_page(resource, split.path):
            left_out.append(str(resource.get("name") or url or resource.get("id")))
            continue
        identifier = part(resource, "id", kind=str, place=place)
        path = unquote(split.path.rstrip("/").rpartition("/")[2]) or identifier
        if path in taken:
            path = f"{identifier}/{path}"
        taken.add(path)
        files.append(_file(resource, url, path))
    return files, left_out


def _file(resource: dict[str, Any], url: str, path: str) -> RemoteFile:
    """Only of what lies on the portal its size and its hash are known: those of a link are of a day long ago."""
    if resource.get("url_type") != "upload":
        return RemoteFile(url=url, path=path)
    size, digest = resource.get("size"), str(resource.get("hash") or "").lower().rpartition(":")[2]
    kind = DIGESTS.get(len(digest)) if re.fullmatch(r"[0-9a-f]+", digest) else None
    return RemoteFile(
        url=url,
        path=path,
        size=int(size) if str(size).isascii() and str(size).isdecimal() else None,
        checksum=f"{kind}:{digest}" if kind else None,
    )


def _is_page(resource: dict[str, Any], path: str) -> bool:
    """Whether a link leads to a page: so says its format, or it has none and its address ends in no name of a file."""
    if resource.get("url_type") == "upload":
        return False
    formats = [str(resource.get(key) or "").strip() for key in ("format", "mimetype")]
    if any(NO_FILE.fullmatch(text) for text in formats):
        return True
    return not any(formats) and not PurePosixPath(path).suffix


def _says(left_out: list[str]) -> str:
    if not left_out:
        return ""
    names = ", ".join(f"`{shown(name)}`" for name in left_out[:3])
    more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return f"Warning: resources of the dataset that are links to pages or services are left out: {names}{more}"
