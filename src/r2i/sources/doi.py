"""A DOI: the record that it leads to, by its form where an archive is known by that, else by the resolver."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from r2i.checkout import Checkout
from r2i.errors import FetchError, UsageError
from r2i.model import Source
from r2i.sources.doi_text import read_doi
from r2i.sources.protocol import LastChange, Provider, Revision, Typed, Unknown, silent
from r2i.sources.typed import shown
from r2i.sources.web.documents import items_at, text_at
from r2i.sources.web.records import published

if TYPE_CHECKING:
    from r2i.sources.web.client import HttpClient

RESOLVER = "https://doi.org"
SERVERS = (("DOI resolver", f"{RESOLVER}/api/handles/10.1000/1?type=URL"),)

#: DOIs that tell the page of their record without asking anybody.
FORMS = tuple(
    (re.compile(pattern, re.IGNORECASE), page)
    for pattern, page in (
        (r"10\.5281/zenodo\.(\d+)", r"https://zenodo.org/records/\1"),
        (r"10\.5072/zenodo\.(\d+)", r"https://sandbox.zenodo.org/records/\1"),
        (r"10\.14278/rodare\.(\d+)", r"https://rodare.hzdr.de/records/\1"),
        (r"10\.22002/([0-9a-z]{5}-[0-9a-z]{5})", r"https://data.caltech.edu/records/\1"),
        (r"10\.6084/m9\.figshare\.(\d+)", r"https://figshare.com/articles/_/\1"),
        (r"10\.6084/m9\.figshare\.(\d+)\.v(\d+)", r"https://figshare.com/articles/_/\1/\2"),
        (r"10\.17605/osf\.io/(\w+)", r"https://osf.io/\1"),
        (r"10\.4211/hs\.([0-9a-f]{32})", r"https://www.hydroshare.org/resource/\1"),
        (
            r"10\.7910/(DVN/[\w./-]+)",
            r"https://dataverse.harvard.edu/dataset.xhtml?persistentId=doi:10.7910/\1",
        ),
    )
)
#: An address of the resolver, whatever is behind it.
RESOLVED = re.compile(r"(?:https?://)?(?:www\.|dx\.)?doi\.org(?:/.*)?", re.IGNORECASE)
#: What people paste of the DOI of an archive when they miss its last part.
WITHOUT_NUMBER = tuple(
    (re.compile(pattern, re.IGNORECASE), archive, whole)
    for pattern, archive, whole in (
        (r"10\.(?:5281|5072)/zenodo\D*", "Zenodo", "10.5281/zenodo.1234567"),
        (r"10\.6084/m9(?:\.figshare\D*)?", "Figshare", "10.6084/m9.figshare.1234567"),
    )
)
#: How the resolver says that it knows no such DOI.
NOT_THERE = "(HTTP 404)"
HINT = (
    "r2i reads records of Zenodo and other InvenioRDM sites, Figshare, OSF, Dataverse and HydroShare; of any other "
    "record, download the files and build the directory"
)


class Doi:
    """`others` are the providers among which is that of the record."""

    name = "doi"

    def __init__(self, others: Sequence[Provider]) -> None:
        self._others = others

    def read(self, typed: Typed) -> Source | None:
        if (doi := read_doi(typed.text)) is None:
            if RESOLVED.fullmatch(typed.text):
                raise UsageError(
                    f"`{shown(typed.text)}` has no complete DOI",
                    hint="Copy the whole DOI from the page of the record, such as `10.5281/zenodo.1234567`",
                )
            return None
        if typed.ref is not None:
            raise UsageError(
                f"`--ref {typed.ref}` names a version of a git repository, and `{shown(doi)}` is a published record",
                hint="Remove `--ref`, and pass the DOI of the version",
            )
        for form, page in FORMS:
            if (match := form.fullmatch(doi)) and (source := self._read(match.expand(page), typed)):
                return source
        for form, archive, whole in WITHOUT_NUMBER:
            if form.fullmatch(doi):
                raise UsageError(
                    f"`{shown(doi)}` is a DOI of {archive} without its number",
                    hint=f"Copy the whole DOI from the page of the record, such as `{whole}`",
                )
        location = f"{RESOLVER}/{quote(doi, safe='/:;().,-_~')}"
        return Source(provider=self.name, location=location, subdirectory=typed.subdirectory)

    def resolve(
        self, source: Source, *, environ: Mapping[str, str], report: Callable[[str], None] = silent
    ) -> Revision:
        from r2i.sources.web.client import HttpClient

        target = self._target(source, HttpClient(environ=environ, report=report))
        report(f"`{unquote(source.location)}` leads to `{target.location}`")
        return self._provider(target).resolve(target, environ=environ, report=report)

    def fetched(
        self,
        source: Source,
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
        revision: Revision | None = None,
    ) -> AbstractContextManager[Checkout]:
        revision = revision or self.resolve(source, environ=environ, report=report)
        provider = self._provider(revision.source)
        return provider.fetched(revision.source, environ=environ, report=report, revision=revision)

    def last_change(
        self,
        source: Source,
        checkout: Checkout,
        files: Iterable[str],
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
    ) -> LastChange | Unknown:
        del files, environ, report
        return published(source, checkout)

    def _target(self, source: Source, client: HttpClient) -> Source:
        """The record: by the page that the DOI is registered with, else by where that page leads."""
        doi = source.location.removeprefix(f"{RESOLVER}/")
        page = _registered(doi, client)
        typed = Typed(text=page, ref=None, subdirectory=source.subdirectory, cwd=Path("/"))
        found = self._read(page, typed)
        if found is None:
            page = client.final_url(page)
            found = self._read(page, typed)
        if found is None:
            host = urlsplit(page).hostname or page
            raise FetchError(
                f"The DOI `{unquote(doi)}` leads to {shown(host)}, whose records r2i does not read", hint=HINT
            )
        return replace(found, opens=source.opens)

    def _read(self, page: str, typed: Typed) -> Source | None:
        typed = replace(typed, text=page, ref=None)
        return next((source for other in self._others if (source := other.read(typed)) is not None), None)

    def _provider(self, source: Source) -> Provider:
        return next(other for other in self._others if other.name == source.provider)


def _registered(doi: str, client: HttpClient) -> str:
    """The page of a DOI, as the resolver's own API has it: https://www.doi.org/the-identifier/resources/handbook."""
    try:
        answer = client.json(f"{RESOLVER}/api/handles/{doi}", query={"type": "URL"})
    except FetchError as error:
        if NOT_THERE not in error.message:
            raise
        raise FetchError(
            f"The DOI `{unquote(doi)}` is not registered", hint="Check the spelling; a new DOI may take a day"
        ) from error
    for value in items_at(answer, "values"):
        page = text_at(value, "data", "value")
        if text_at(value, "type") == "URL" and page.startswith(("https://", "http://")):
            return page
    raise FetchError(f"The DOI `{unquote(doi)}` leads to no page", hint="Check the DOI")
