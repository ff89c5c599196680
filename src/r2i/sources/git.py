"""A repository that git can fetch. What does so is imported when it is needed: `r2i plan .` never does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager

from r2i.checkout import Checkout
from r2i.model import Source
from r2i.sources.parse import git_source
from r2i.sources.protocol import LastChange, Revision, Typed, Unknown, silent

#: The largest of the sites whose links r2i knows.
SERVERS = (
    ("GitHub", "https://github.com/robots.txt"),
    ("GitLab", "https://gitlab.com/robots.txt"),
    ("Codeberg", "https://codeberg.org/robots.txt"),
    ("Bitbucket", "https://bitbucket.org/robots.txt"),
)


class Git:
    name = "git"

    def read(self, typed: Typed) -> Source | None:
        return git_source(typed)

    def resolve(
        self, source: Source, *, environ: Mapping[str, str], report: Callable[[str], None] = silent
    ) -> Revision:
        from r2i.sources import git_fetch, git_refs

        del report
        return git_refs.resolve(source, git_fetch.program(source, environ))

    def fetched(
        self,
        source: Source,
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
        revision: Revision | None = None,
    ) -> AbstractContextManager[Checkout]:
        from r2i.sources import git_fetch

        return git_fetch.fetched(source, revision, environ=environ, report=report)

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

        return history.last_change_there(source, checkout, files, environ=environ, report=report)
