"""From what the user typed to a directory: one file a provider, the first one that understands it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.model import Source
from r2i.sources.archive import Archive
from r2i.sources.binder_links import launched
from r2i.sources.doi import Doi
from r2i.sources.git import Git
from r2i.sources.local import Local
from r2i.sources.mercurial import Mercurial
from r2i.sources.parse import not_understood as _not_understood
from r2i.sources.pasted import pasted
from r2i.sources.protocol import LastChange, Provider, Revision, Typed, Unknown, silent
from r2i.sources.typed import checked
from r2i.sources.web.records import Records

__all__ = [
    "PROVIDERS",
    "LastChange",
    "Provider",
    "Revision",
    "Server",
    "Unknown",
    "fetched",
    "last_change",
    "parse",
    "resolve",
    "servers",
]

#: Servers of published records, each with a module of its own, which is loaded when an address is read.
#: CKAN is the last: nothing but the form of an address tells a portal.
RECORDS: tuple[Records, ...] = (
    Records("zenodo.Zenodo"),
    Records("figshare.Figshare"),
    Records("osf.Osf"),
    Records("dataverse.Dataverse"),
    Records("hydroshare.HydroShare"),
    Records("software_heritage.SoftwareHeritage"),
    Records("ckan.Ckan"),
)

#: In the order in which they are asked: an existing directory wins, and git, which takes nearly any URL, is the last.
PROVIDERS: tuple[Provider, ...] = (Local(), Mercurial(), Doi(RECORDS), *RECORDS, Archive(), Git())


def parse(text: str, *, ref: str | None = None, subdirectory: str = "", cwd: Path) -> Source:
    """Understand a directory, the address of a repository or of a record, a link that launches one, or `owner/name`."""
    typed = checked(pasted(text), ref=ref, subdirectory=subdirectory, cwd=cwd)
    here, *others = PROVIDERS
    return here.read(typed) or launched(typed, partial(_read, others)) or _read(others, typed)


def resolve(
    source: Source, *, environ: Mapping[str, str], report: Callable[[str], None] = silent
) -> Revision:
    """Find out which revision is meant, without fetching it; `report` is told what was chosen, and what takes long."""
    revision = _provider(source).resolve(source, environ=environ, report=report)
    if source.content is None:
        return revision
    from r2i.sources.content import settled

    content = settled(source.content, environ=environ)
    return replace(revision, source=replace(revision.source, content=content))


def fetched(
    source: Source,
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
    revision: Revision | None = None,
) -> AbstractContextManager[Checkout]:
    """Fetch what is meant; `revision` is what `resolve` said of it, if it was asked.

    A fetched repository lies in a private directory that is removed when the context is left. `report` is told, in
    sentences, what is going on and what the user should know.
    """
    wanted = source if revision is None else revision.source
    # A DOI leads to a revision of somebody else.
    checkout = _provider(wanted).fetched(source, environ=environ, report=report, revision=revision)
    if wanted.content is None:
        return checkout
    from r2i.sources.content import with_content

    return with_content(checkout, wanted.content, environ=environ, report=report)


def last_change(
    source: Source,
    checkout: Checkout,
    files: Iterable[str],
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> LastChange | Unknown:
    """Find the last commit that changed one of these files of its checkout, or when they were published.

    Paths are below its root; `source` is that of the revision.
    """
    return _provider(source).last_change(source, checkout, files, environ=environ, report=report)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that a provider asks, and an address there that anybody may read."""

    name: str
    url: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def servers() -> tuple[Server, ...]:
    """The servers that providers name in `SERVERS` of their modules, in the order of the providers."""
    modules = (import_module(f"{__name__}.{provider.name}") for provider in PROVIDERS)
    return tuple(
        Server(name=name, url=url) for module in modules for name, url in getattr(module, "SERVERS", ())
    )


def _read(providers: Iterable[Provider], typed: Typed) -> Source:
    for provider in providers:
        if (source := provider.read(typed)) is not None:
            return source
    raise _not_understood(typed)


def _provider(source: Source) -> Provider:
    for provider in PROVIDERS:
        if provider.name == source.provider:
            return provider
    raise R2iError(f"There is no provider `{source.provider}`")
