"""From what the user typed to a directory: one file a provider, the first one that understands it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from r2i.checkout import Checkout
from r2i.model import Source
from r2i.sources.local import Local
from r2i.sources.pasted import pasted
from r2i.sources.protocol import LastChange, Provider, Revision, Unknown, silent
from r2i.sources.typed import checked

__all__ = [
    "LastChange",
    "Provider",
    "Revision",
    "Unknown",
    "fetched",
    "last_change",
    "parse",
    "resolve",
]

#: The one provider that most commands need: the others are loaded where it has nothing.
LOCAL = Local()


def parse(text: str, *, ref: str | None = None, subdirectory: str = "", cwd: Path) -> Source:
    """Understand a directory, the address of a repository or of a record, a link that launches one, or `owner/name`."""
    typed = checked(pasted(text), ref=ref, subdirectory=subdirectory, cwd=cwd)
    if (here := LOCAL.read(typed)) is not None:
        return here
    from r2i.sources.providers import read

    return read(typed)


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


def _provider(source: Source) -> Provider:
    if source.provider == LOCAL.name:
        return LOCAL
    from r2i.sources.providers import provider_of

    return provider_of(source)
