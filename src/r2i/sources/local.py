"""A directory of this machine, used where it lies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from r2i.checkout import Checkout
from r2i.model import Source
from r2i.sources.commit_date import date_here
from r2i.sources.parse import local_source
from r2i.sources.protocol import LastChange, Revision, Typed, Unknown, silent


class Local:
    name = "local"

    def read(self, typed: Typed) -> Source | None:
        return local_source(typed)

    def resolve(
        self, source: Source, *, environ: Mapping[str, str], report: Callable[[str], None] = silent
    ) -> Revision:
        """A directory has no revision: it may change at any moment."""
        del environ, report
        return Revision(source=source, content_id=None, ref=None)

    @contextmanager
    def fetched(
        self,
        source: Source,
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
        revision: Revision | None = None,
    ) -> Iterator[Checkout]:
        del revision
        top = Path(source.location)
        date = date_here(top, environ=environ, report=report)
        yield Checkout.open(top, subdirectory=source.subdirectory, date=date)

    def last_change(
        self,
        source: Source,
        checkout: Checkout,
        files: Iterable[str],
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
    ) -> LastChange | Unknown:
        from r2i.sources import history

        del source, report
        return history.last_change_here(checkout, files, environ=environ)
