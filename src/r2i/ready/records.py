"""How a BinderHub calls a published record, and which records it cannot open."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, urlsplit

from r2i.errors import UsageError
from r2i.model import Source
from r2i.sources.doi_text import read_doi
from r2i.sources.typed import shown

#: DOIs that a hub's own provider for Zenodo follows, by the site of the record. It asks doi.org, which knows no sandbox.
ZENODO = {"zenodo.org": "10.5281/zenodo.", "data.caltech.edu": "10.22002/"}

#: What repo2docker reads of nobody, as messages call it.
CLOSED = {
    "archive": "an archive file",
    "osf": "a project of the OSF",
    "software_heritage": "an object of Software Heritage",
    "mercurial": "a Mercurial repository",
}


def record_spec(source: Source, typed: str) -> str:
    """What stands behind `/v2/` in the link. Raises `UsageError` for what no hub opens.

    `typed` is what the user typed: a DOI says more than the page that r2i reads instead.
    """
    doi = read_doi(typed)
    match source.provider:
        case "zenodo" if doi or (doi := _of_zenodo(source.location)):
            if urlsplit(source.location).hostname in ZENODO:
                return _spec("zenodo", doi)
        case "figshare" if doi or (doi := _of_figshare(source.location)):
            return _spec("figshare", doi)
        case "dataverse" if doi or (doi := _of_dataverse(source.location)):
            return _spec("dataverse", doi)
        case "hydroshare":
            return f"hydroshare/{source.location.rstrip('/').rpartition('/')[2]}"
        case "ckan":
            return f"ckan/{quote(source.location, safe='')}"
        case "doi":
            # Only the resolver knows whose it is. A hub needs to be told, and Dataverse has the most prefixes.
            return _spec("dataverse", read_doi(source.location) or "")
        case _:
            pass
    raise _not_for_hubs(source)


def _spec(provider: str, doi: str) -> str:
    return f"{provider}/{quote(doi, safe='/')}/"


def _of_zenodo(page: str) -> str | None:
    parts = urlsplit(page)
    start = ZENODO.get(parts.hostname or "")
    match = re.fullmatch(r"/records/([\w-]+)", parts.path)
    return f"{start}{match[1]}" if start and match else None


def _of_figshare(page: str) -> str | None:
    match = re.fullmatch(r"https://figshare\.com/articles/_/(\d+)(?:/(\d+))?", page)
    if match is None:
        return None
    return f"10.6084/m9.figshare.{match[1]}{f'.v{match[2]}' if match[2] else ''}"


def _of_dataverse(page: str) -> str | None:
    return read_doi(parse_qs(urlsplit(page).query).get("persistentId", [""])[0])


def _not_for_hubs(source: Source) -> UsageError:
    place = shown(source.location)
    if what := CLOSED.get(source.provider):
        return UsageError(
            f"Binder cannot open `{place}`, which is {what}",
            hint="Publish the files in a git repository or on Zenodo, and pass that: `r2i badge https://…`",
        )
    return UsageError(
        f"Binder opens records by their DOI, and `{place}` does not show one that it can open",
        hint="Pass the DOI of the record: `r2i badge 10.5281/zenodo.1234`",
    )
