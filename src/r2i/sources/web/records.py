"""Published records: what a provider says of one, and how it becomes a checkout. The same for all providers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from r2i.checkout import Checkout, DateOf
from r2i.errors import FetchError, UsageError
from r2i.model import Source
from r2i.sources.private import private_directory
from r2i.sources.protocol import LastChange, Revision, Typed, Unknown, silent
from r2i.sources.typed import shown

# What knows servers brings a library for HTTP along: `r2i plan .` loads none of it.
if TYPE_CHECKING:
    from r2i.sources.web.client import HttpClient
    from r2i.sources.web.files import RemoteFile

#: More than a record of files to work with has; a server could list them without end.
MOST_FILES = 20_000
LONGEST_NAME = 255

DATE = "%Y-%m-%dT%H:%M:%SZ"
NAME_A_DATE = "Use a date instead, such as `--as-of 2021-06-30`"


@dataclass(frozen=True, kw_only=True)
class PublishedRecord:
    """A version of a published record.

    `source` is the one that names this very version: its `location` is the page of it. `content_id` is what stays the
    same as long as its files do, fit for the tag of an image (letters, digits, dots, dashes). `says` is a sentence for
    the user where something was chosen or left out (the newest version of a concept DOI), else empty.

    `published` is the day of that, or of what `date_of` says.

    `folder` is where the repository lies in the one archive of a record that wraps it (`data/contents` of a bag).
    `prepare` is called before the files are downloaded, where the server makes them on demand. `verify` is called with
    the directory in which they were laid out: it raises `FetchError` where they are not what `content_id` names, and
    tells whether nothing of it is missing.
    """

    source: Source
    content_id: str
    files: tuple[RemoteFile, ...]
    published: datetime | None = None
    date_of: DateOf = "the publication"
    says: str = ""
    folder: str = ""
    prepare: Callable[[HttpClient], None] | None = field(default=None, repr=False, compare=False)
    verify: Callable[[Path], bool] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class RecordRevision(Revision):
    """A revision with what the server said of it, so that it is asked once."""

    record: PublishedRecord


class RecordServer(Protocol):
    """What each provider of records writes: how its addresses look, and how to ask its server."""

    @property
    def name(self) -> str:
        """What `Source.provider` says, and the name of its module in `r2i.sources`."""

    def read(self, typed: Typed) -> Source | None:
        """Understand what was typed: an address of the provider. Pure. `Records` refuses `typed.ref`."""

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        """Ask the server for the record and its files; raise `FetchError` or `TemporaryError`."""


class Records:
    """The provider of a server of records, which stands for `r2i.sources.<module>.<class>`."""

    def __init__(self, path: str) -> None:
        self.name, _, self._class = path.partition(".")

    @cached_property
    def server(self) -> RecordServer:
        server: RecordServer = getattr(import_module(f"r2i.sources.{self.name}"), self._class)()
        return server

    def read(self, typed: Typed) -> Source | None:
        source = self.server.read(typed)
        if source is not None and typed.ref is not None:
            raise UsageError(
                f"`--ref {typed.ref}` names a version of a git repository, and `{shown(typed.text)}` is a published record",
                hint="Remove `--ref`, and pass the address or the DOI of the version",
            )
        return source

    def resolve(
        self, source: Source, *, environ: Mapping[str, str], report: Callable[[str], None] = silent
    ) -> RecordRevision:
        from r2i.sources.web.client import HttpClient
        from r2i.sources.web.refusals import AbsentError

        try:
            record = self.server.record(source, HttpClient(environ=environ, report=report), environ=environ)
        except AbsentError as error:
            # An address of an API tells nobody which record it is.
            raise AbsentError(source.location, error.words, hint=error.hint) from error
        _check(record)
        if record.says:
            report(record.says)
        return RecordRevision(source=record.source, content_id=record.content_id, ref=None, record=record)

    @contextmanager
    def fetched(
        self,
        source: Source,
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
        revision: Revision | None = None,
    ) -> Iterator[Checkout]:
        if not isinstance(revision, RecordRevision):
            revision = self.resolve(source, environ=environ, report=report)
        record = revision.record
        with private_directory() as directory:
            report(f"Fetching `{record.source.location}`")
            top = _laid_out(record, directory, environ=environ, report=report)
            yield Checkout.open(
                top,
                subdirectory=record.source.subdirectory,
                content_id=record.content_id,
                complete=record.verify is None or record.verify(top),
                date=record.published.astimezone(UTC).strftime(DATE) if record.published else None,
                date_of=record.date_of,
            )

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


def published(source: Source, checkout: Checkout) -> LastChange | Unknown:
    """All files of a record are of the day on which this version of it was published, or of its commit."""
    if checkout.date is None:
        reason = f"the server does not say when `{source.location}` was published"
        return Unknown(reason=reason, hint=NAME_A_DATE)
    moment = datetime.strptime(checkout.date, DATE).replace(tzinfo=UTC)
    if checkout.date_of == "the last commit":
        return LastChange(commit=str(checkout.content_id), moment=moment)
    return LastChange(record=source.location, moment=moment)


def digest_of(files: Iterable[RemoteFile]) -> str:
    """What names the content of files that have no version of their own, as far as the server tells it."""
    told = sorted((file.path, file.checksum or "", file.size or 0) for file in files)
    return sha256(json.dumps(told).encode(errors="surrogateescape")).hexdigest()[:16]


def _laid_out(
    record: PublishedRecord, directory: Path, *, environ: Mapping[str, str], report: Callable[[str], None]
) -> Path:
    """Download the files; a single archive is unpacked, several files are laid as they are."""
    from r2i.sources.web.archives import is_archive, unpack
    from r2i.sources.web.client import HttpClient
    from r2i.sources.web.files import download

    client = HttpClient(environ=environ, report=report)
    if record.prepare is not None:
        record.prepare(client)
    downloaded, top = directory / "downloaded", directory / "repository"
    downloaded.mkdir()
    download(record.files, downloaded, client=client)
    first = record.files[0].path
    if len(record.files) > 1 or not is_archive(first):
        return downloaded
    top.mkdir()
    exact = record.verify is not None
    unpack(downloaded / first, top, name=first, report=report, environ=environ, exact=exact)
    (downloaded / first).unlink()
    wrapped = (top / record.folder).resolve()
    if not wrapped.is_relative_to(top) or not wrapped.is_dir():
        raise FetchError(
            f"`{first}` of `{record.source.location}` has no directory `{record.folder}`",
            hint="Download the record yourself and build the directory",
        )
    return wrapped


def _check(record: PublishedRecord) -> None:
    """Raise `FetchError` for a record without files, or with files that cannot lie beside each other in a directory."""
    place = record.source.location
    if not record.files:
        raise FetchError(f"`{place}` has no files", hint="Pass a record that has files, or an archive")
    if len(record.files) > MOST_FILES:
        raise FetchError(
            f"`{place}` has more files than r2i supports",
            hint=f"Use a record with at most {MOST_FILES:,} files",
        )
    seen: set[PurePosixPath] = set()
    parents: set[PurePosixPath] = set()
    for file in record.files:
        path = PurePosixPath(file.path)
        if not _is_plain(file.path):
            raise FetchError(
                f"`{place}` has a file whose name is no path in a directory: `{shown(file.path)}`",
                hint="Download the record yourself and build the directory",
            )
        if path in seen or path in parents or not seen.isdisjoint(path.parents):
            raise FetchError(
                f"`{place}` has two files named `{shown(file.path)}`",
                hint="Download the record yourself and build the directory",
            )
        seen.add(path)
        parents.update(path.parents)


def _is_plain(path: str) -> bool:
    """Whether it is a relative path in its shortest form that every file system takes."""
    parts = path.split("/")
    return path.isprintable() and all(
        part not in {"", ".", ".."} and len(part.encode(errors="replace")) <= LONGEST_NAME for part in parts
    )
