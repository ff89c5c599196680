"""All ways to fetch, in the order in which they are asked. `r2i plan .` needs none but `Local`, and so loads none of this."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from urllib.parse import urlsplit

from r2i.errors import R2iError
from r2i.model import Source
from r2i.sources.archive import Archive
from r2i.sources.binder_links import launched
from r2i.sources.doi import Doi
from r2i.sources.git import Git
from r2i.sources.local import Local
from r2i.sources.mercurial import Mercurial
from r2i.sources.parse import not_understood
from r2i.sources.protocol import Provider, Typed
from r2i.sources.web.records import Records

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


def read(typed: Typed) -> Source:
    """Understand what is no directory of this machine."""
    return launched(typed, _read) or _read(typed)


def provider_of(source: Source) -> Provider:
    for provider in PROVIDERS:
        if provider.name == source.provider:
            return provider
    raise R2iError(f"There is no provider `{source.provider}`")


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
    modules = (import_module(f"r2i.sources.{provider.name}") for provider in PROVIDERS)
    return tuple(
        Server(name=name, url=url) for module in modules for name, url in getattr(module, "SERVERS", ())
    )


def _read(typed: Typed) -> Source:
    for provider in PROVIDERS[1:]:
        if (source := provider.read(typed)) is not None:
            return source
    raise not_understood(typed)
