"""A dataset of a CKAN portal: its resources that are files.

A portal can have any name, so only the form of the address tells. It is claimed where git, too, could take it: datasets at
such addresses are many, and owners of repositories who are called `dataset` are few; `git+https://` says that it is git.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from r2i.errors import FetchError, UsageError
from r2i.model import Source
from r2i.sources.protocol import Typed
from r2i.sources.typed import shown
from r2i.sources.web.documents import at, checksum_of, moment_of, needed, text_at, unexpected
from r2i.sources.web.pages import Page, read_page

if TYPE_CHECKING:
    from r2i.sources.web.client import HttpClient
    from r2i.sources.web.files import RemoteFile
    from r2i.sources.web.records import PublishedRecord

#: What `r2i doctor --network` asks: portals have no server in common, and this is one of the largest.
SERVERS = (("CKAN (open.canada.ca)", "https://open.canada.ca/data/api/3/action/status_show"),)

#: https://docs.ckan.org/en/latest/api/ (`package_create`), or a UUID.
DATASET = re.compile(r"[a-z0-9_-]{2,100}", re.IGNORECASE)
ACTIVITY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Parts of the path below which a portal lies: a language, a name.
LONGEST_BASE = 3
#: Pages of CKAN that stand where a dataset could.
PAGES = {
    "activity",
    "changes",
    "changes_multiple",
    "collaborators",
    "edit",
    "followers",
    "groups",
    "new",
    "resources",
}
#: Hosts of repositories, where `dataset` is the name of somebody.
CODE = re.compile(
    r"(?:.*\.)?(?:github|gitlab|gitea|gitee|forgejo|bitbucket|codeberg|notabug|pagure|huggingface|sourceforge|sr\.ht)\b.*|(?:git|gist|code|source)\..+"
)
#: What a resource is that leads to a page or to a program that answers questions, and to no file.
NO_FILE = re.compile(
    r"(?:text/)?x?html?|web ?(?:page|site|app.*)?|link|url|api|.*\brest\b.*|w[mfc]s|wmts|sparql.*|.*\bservice\b.*|application|dashboard",
    re.IGNORECASE,
)
#: Portals write it as a number or as text.
SIZE = re.compile(r"[0-9]{1,18}")
IF_GIT = "Check the address of the dataset; if it is a git repository, write `git+https://…`"


class Ckan:
    name = "ckan"

    def read(self, typed: Typed) -> Source | None:
        page = read_page(typed.text)
        if page is None or CODE.fullmatch(page.host):
            return None
        at_dataset = page.parts.index("dataset") if "dataset" in page.parts else LONGEST_BASE + 1
        if at_dataset > LONGEST_BASE:
            return None
        base, rest = page.parts[:at_dataset], page.parts[at_dataset + 1 :]
        match rest:
            case [dataset]:
                activity = page.query.get("activity_id", "")
            case [dataset, "history", activity]:
                pass
            case [dataset, "resource", resource, *_] if ACTIVITY.fullmatch(resource):
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
            provider=self.name,
            location=_location(page, base, dataset, activity),
            subdirectory=typed.subdirectory,
        )

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        from r2i.sources.web.records import PublishedRecord

        del environ
        top, _, rest = source.location.partition("/dataset/")
        name, _, activity = rest.partition("?activity_id=")
        if activity:
            dataset = _asked(
                client, f"{top}/api/3/action/activity_data_show", id=activity, object_type="package"
            )
        else:
            dataset = _asked(client, f"{top}/api/3/action/package_show", id=name)
        identifier = needed(dataset, "id", url=source.location)
        modified = moment_of(text_at(dataset, "metadata_modified"))
        if modified is None:
            raise unexpected(source.location, "without the date of the last change")
        if not isinstance(at(dataset, "resources"), list):
            raise unexpected(source.location, "without `resources`")
        files, left_out = _files(dataset["resources"], source.location)
        return PublishedRecord(
            source=source,
            content_id=re.sub(r"[^A-Za-z0-9.-]+", "-", f"{identifier}.v{int(modified.timestamp())}"),
            files=tuple(files),
            published=modified,
            says=_says(left_out),
        )


def _location(page: Page, base: tuple[str, ...], dataset: str, activity: str) -> str:
    query = f"?activity_id={activity.lower()}" if activity else ""
    return "/".join([page.site, *map(quote, base), "dataset", dataset]) + query


def _asked(client: HttpClient, url: str, **query: str) -> dict[str, Any]:
    """What an action of the API answers; raise `FetchError` where this is no portal, or has no such dataset."""
    from r2i.sources.web.refusals import AbsentError

    try:
        answer = client.json(url, query=query)
    except AbsentError as error:
        raise AbsentError(url, error.words, hint=IF_GIT) from error
    except FetchError as error:
        raise FetchError(error.message, hint=IF_GIT) from error
    found = at(answer, "result")
    if at(answer, "success") is not True or not isinstance(found, dict):
        raise FetchError(f"`{url}` has no dataset `{query['id']}`", hint=IF_GIT)
    return found


def _files(resources: list[Any], place: str) -> tuple[list[RemoteFile], list[str]]:
    """The files, named as at the end of their addresses, and what is left out."""
    files: list[RemoteFile] = []
    left_out: list[str] = []
    taken: set[str] = set()
    for resource in resources:
        url = text_at(resource, "url").strip()
        split = _split(url)
        if split is None or _is_page(resource, split.path):
            left_out.append(text_at(resource, "name") or url or text_at(resource, "id"))
            continue
        identifier = needed(resource, "id", url=place)
        path = unquote(split.path.rstrip("/").rpartition("/")[2]) or identifier
        if path in taken:
            path = f"{identifier}/{path}"
        taken.add(path)
        files.append(_file(resource, url, path))
    return files, left_out


def _split(url: str) -> SplitResult | None:
    """The parts of the address of a file, None where it is none."""
    try:
        split = urlsplit(url)
    except ValueError:
        return None
    return split if split.scheme in {"http", "https"} and split.netloc else None


def _file(resource: Any, url: str, path: str) -> RemoteFile:
    """Only of what lies on the portal its size and its hash are known: those of a link are of a day long ago."""
    from r2i.sources.web.files import RemoteFile

    if text_at(resource, "url_type") != "upload":
        return RemoteFile(url=url, path=path)
    size = text_at(resource, "size")
    return RemoteFile(
        url=url,
        path=path,
        size=int(size) if SIZE.fullmatch(size) else None,
        checksum=checksum_of(text_at(resource, "hash")),
    )


def _is_page(resource: Any, path: str) -> bool:
    """Whether a link leads to a page: so says its format, or it has none and its address ends in no name of a file."""
    if text_at(resource, "url_type") == "upload":
        return False
    formats = [text_at(resource, key).strip() for key in ("format", "mimetype")]
    if any(NO_FILE.fullmatch(text) for text in formats):
        return True
    return not any(formats) and not PurePosixPath(path).suffix


def _says(left_out: list[str]) -> str:
    if not left_out:
        return ""
    names = ", ".join(f"`{shown(name)}`" for name in left_out[:3])
    more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return (
        f"Warning: resources of the dataset that are links to pages or services are left out: {names}{more}"
    )
