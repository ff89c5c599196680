"""From what the user typed to a directory: one file a provider, the first one that understands it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.model import Source
from r2i.sources.git import Git
from r2i.sources.local import Local
from r2i.sources.mercurial import Mercurial
from r2i.sources.parse import not_understood as _not_understood
from r2i.sources.protocol import LastChange, Provider, Revision, Unknown
from r2i.sources.typed import checked

__all__ = [
    "PROVIDERS",
    "LastChange",
    "Provider",
    "Revision",
    "Unknown",
    "fetched",
    "last_change",
    "parse",
    "resolve",
]

#: In the order in which they are asked: an existing directory wins, and git, which takes nearly any URL, is the last.
PROVIDERS: tuple[Provider, ...] = (Local(), Mercurial(), Git())


def parse(text: str, *, ref: str | None = None, subdirectory: str = "", cwd: Path) -> Source:
    """Understand a directory, a URL, a link into a repository, or `owner/name`."""
    typed = checked(text, ref=ref, subdirectory=subdirectory, cwd=cwd)
    for provider in PROVIDERS:
        if (source := provider.read(typed)) is not None:
            return source
    raise _not_understood(typed)


def resolve(source: Source, *, environ: Mapping[str, str]) -> Revision:
    """Find out which revision is meant, without fetching it."""
    return _provider(source).resolve(source, environ=environ)


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
    return _provider(source).fetched(source, environ=environ, report=report, revision=revision)


def last_change(
    source: Source,
    checkout: Checkout,
    files: Iterable[str],
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> LastChange | Unknown:
    """Find the last commit that changed one of these files of its checkout, paths below its root."""
    return _provider(source).last_change(source, checkout, files, environ=environ, report=report)


def _provider(source: Source) -> Provider:
    for provider in PROVIDERS:
        if provider.name == source.provider:
            return provider
    raise R2iError(f"There is no provider `{source.provider}`")
