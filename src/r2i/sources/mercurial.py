"""A repository that Mercurial can fetch. What does so is imported when it is needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from urllib.parse import quote

from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.model import Source
from r2i.sources.parse import URL, credentials_of, holds, location_of
from r2i.sources.protocol import LastChange, Revision, Typed, Unknown, silent
from r2i.sources.typed import shown

#: What says that a URL is of Mercurial: pip's and Debian's way, and that of git's remote helper.
PREFIX = re.compile(r"hg(?:\+(?=\w+://)|::)", re.IGNORECASE)
FORMS = "Write it like `hg+https://host/path`, and the branch, tag, bookmark or changeset with `--ref`"


class Mercurial:
    name = "mercurial"

    def read(self, typed: Typed) -> Source | None:
        """`hg+https://…`, `hg::https://…`, a URL that ends in `.hg`, or with a ref a directory that has `.hg`."""
        text = typed.text
        if prefix := PREFIX.match(text):
            text = text[prefix.end() :]
        elif typed.ref is not None and holds(typed, ".hg"):
            place = quote(str((typed.cwd / typed.text).expanduser().resolve()))
            return self._source(f"file://{place}", typed)
        elif not re.fullmatch(r"[\w+.-]+://[^?#]+\.hg/?", text):
            return None
        return self._source(text, typed)

    def resolve(
        self, source: Source, *, environ: Mapping[str, str], report: Callable[[str], None] = silent
    ) -> Revision:
        from r2i.sources import mercurial_fetch

        del report
        return mercurial_fetch.resolve(source, environ=environ)

    def fetched(
        self,
        source: Source,
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
        revision: Revision | None = None,
    ) -> AbstractContextManager[Checkout]:
        from r2i.sources import mercurial_fetch

        return mercurial_fetch.fetched(source, revision, environ=environ, report=report)

    def last_change(
        self,
        source: Source,
        checkout: Checkout,
        files: Iterable[str],
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
    ) -> LastChange | Unknown:
        from r2i.sources import mercurial_fetch

        return mercurial_fetch.last_change(source, checkout, files, environ=environ, report=report)

    def _source(self, url: str, typed: Typed) -> Source:
        match = URL.fullmatch(url)
        if match is None or match["query"] or match["scheme"].lower() not in {"http", "https", "ssh", "file"}:
            raise UsageError(f"`{shown(typed.text)}` is not the URL of a Mercurial repository", hint=FORMS)
        return Source(
            provider=self.name,
            location=location_of(match),
            ref=typed.ref,
            subdirectory=typed.subdirectory,
            credentials=credentials_of(match),
        )
