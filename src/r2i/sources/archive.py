"""An archive: a file of this machine, or a URL whose path ends like one. What reads it is imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from urllib.parse import unquote

from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.model import Source
from r2i.sources.parse import BARE_LINK, URL, credentials_of, existing_file, location_of, nothing_there
from r2i.sources.protocol import LastChange, Revision, Typed, Unknown, silent
from r2i.sources.typed import shown
from r2i.sources.web.archives import is_archive

#: Sites whose addresses of two parts are repositories, whatever these are called.
FORGES = ("github.", "gitlab.", "codeberg.org", "bitbucket.org", "gist.github.")
#: What follows the repository in addresses that show a branch, a directory or a file of it.
PAGES = {"tree", "blob", "blame", "edit", "commits", "commit", "tags", "branch"}


class Archive:
    name = "archive"

    def read(self, typed: Typed) -> Source | None:
        """A file that is there (`Local` has seen what it holds), or `https://…/name.zip`; raise `FetchError` for a name alone that is not there."""
        text = typed.text
        path = existing_file(typed)
        if path is None and not is_archive(text.partition("?")[0].partition("#")[0]):
            return None
        if path is not None:
            return self._checked(
                Source(provider=self.name, location=str(path), subdirectory=typed.subdirectory), typed
            )
        if not {"/", ":", "@"} & set(text):
            raise nothing_there(typed)
        if BARE_LINK.fullmatch(text) and "@" not in text:
            text = f"https://{text}"
        match = URL.fullmatch(text)
        if match is None or match["scheme"].lower() not in {"http", "https"}:
            return None
        path_of = unquote(match["path"] or "")
        if not is_archive(path_of) or _is_of_repository(match["host"].lower(), path_of):
            return None
        credentials = credentials_of(match)
        if credentials and match["scheme"].lower() == "http":
            _refuse_plain(match["host"].lower(), text)
        source = Source(
            provider=self.name,
            location=location_of(match),
            subdirectory=typed.subdirectory,
            query=match["query"] or "",
            credentials=credentials,
        )
        return self._checked(source, typed)

    def resolve(
        self, source: Source, *, environ: Mapping[str, str], report: Callable[[str], None] = silent
    ) -> Revision:
        """The content of the file, which is downloaded where it is not kept."""
        from r2i.sources import archive_fetch

        return archive_fetch.resolve(source, environ=environ, report=report)

    def fetched(
        self,
        source: Source,
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
        revision: Revision | None = None,
    ) -> AbstractContextManager[Checkout]:
        from r2i.sources import archive_fetch

        return archive_fetch.fetched(source, revision, environ=environ, report=report)

    def last_change(
        self,
        source: Source,
        checkout: Checkout,
        files: Iterable[str],
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
    ) -> LastChange | Unknown:
        from r2i.sources import archive_fetch

        del files, environ, report
        return archive_fetch.last_change(source, checkout)

    @staticmethod
    def _checked(source: Source, typed: Typed) -> Source:
        if typed.ref is not None:
            raise UsageError(
                f"`--ref {typed.ref}` names a version of a git repository, and `{shown(typed.text)}` is an archive",
                hint="Remove `--ref`, or pass the URL of the repository",
            )
        return source


def _refuse_plain(host: str, text: str) -> None:
    from r2i.host.addresses import is_loopback

    if not is_loopback(host):
        raise UsageError(
            f"`{shown(text)}` would send its password without encryption", hint="Write `https://`"
        )


def _is_of_repository(host: str, path: str) -> bool:
    """Whether it is the address of a repository, or of what is in one at some ref, and no file."""
    parts = [part for part in path.split("/") if part]
    if "-" in parts:  # GitLab: `/-/archive/…` and `/-/raw/…` are files
        return bool(PAGES & {*parts[parts.index("-") + 1 : parts.index("-") + 2]})
    if not host.startswith(FORGES):
        return parts[2:3] == ["src"] and parts[3:4] in (["branch"], ["tag"], ["commit"])
    return len(parts) < 3 or parts[2] in PAGES | {"src"} or parts[2:4] == ["releases", "tag"]
