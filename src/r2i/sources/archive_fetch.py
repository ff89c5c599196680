"""Reading an archive: its content, its files and the day of the newest of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from r2i.checkout import Checkout
from r2i.errors import FetchError
from r2i.model import Source
from r2i.sources.history import NAME_A_DATE
from r2i.sources.private import private_directory
from r2i.sources.protocol import LastChange, Revision, Unknown
from r2i.sources.typed import shown
from r2i.sources.web.archives import unpack
from r2i.sources.web.client import HostToken, HttpClient, basic_token
from r2i.sources.web.files import RemoteFile, download, download_unknown, unchanged
from r2i.sources.web.kept import download_cache
from r2i.sources.web.records import DATE
from r2i.sources.web.refusals import OF_ARCHIVE

#: No file is older than the format of its archive.
OLDEST = datetime(1980, 1, 2, tzinfo=UTC)


def resolve(source: Source, *, environ: Mapping[str, str], report: Callable[[str], None]) -> Revision:
    """The checksum of the file names its content for ever."""
    if _is_here(source):
        digest = _digest(Path(source.location))
    else:
        client = HttpClient(environ=environ, report=report, advice=OF_ARCHIVE)
        url, token = _asked(source)
        checksum = unchanged(url, client=client) if token is None else None
        if checksum is None:
            with private_directory() as directory:
                checksum = download_unknown(url, directory / _name(source), client=client, token=token)
        digest = checksum.removeprefix("sha256:")
    return Revision(source=source, content_id=digest, ref=None)


@contextmanager
def fetched(
    source: Source, revision: Revision | None, *, environ: Mapping[str, str], report: Callable[[str], None]
) -> Iterator[Checkout]:
    with private_directory() as directory:
        downloaded, top = directory / "downloaded", directory / "repository"
        downloaded.mkdir()
        top.mkdir()
        archive = Path(source.location) if _is_here(source) else downloaded / _name(source)
        digest = revision.content_id if revision is not None else None
        if _is_here(source):
            found = _digest(archive)
            if digest is not None and found != digest:
                raise FetchError(f"`{archive.name}` has just changed", hint="Run the command again")
            digest = found
        else:
            digest = _download(
                source, archive, digest, HttpClient(environ=environ, report=report, advice=OF_ARCHIVE)
            )
        report(f"Unpacking `{shown(archive.name)}`")
        try:
            unpack(archive, top, name=archive.name, report=report, environ=environ, is_here=_is_here(source))
        except FetchError:
            if not _is_here(source):  # a page of today may be the archive tomorrow
                host = urlsplit(source.location).netloc.lower()
                download_cache(environ).discard(host, f"sha256:{digest}")
            raise
        if not _is_here(source):
            archive.unlink()
        yield Checkout.open(
            top,
            subdirectory=source.subdirectory,
            content_id=digest,
            date=_newest(top, now=datetime.now(UTC)),
            date_of="the newest file",
        )


def last_change(source: Source, checkout: Checkout) -> LastChange | Unknown:
    """The day of its newest file is that of all of them: an archive has no history."""
    name = _name(source)
    if checkout.date is None:
        return Unknown(reason=f"the files in `{name}` have no date", hint=NAME_A_DATE)
    return LastChange(record=name, moment=datetime.strptime(checkout.date, DATE).replace(tzinfo=UTC))


def _download(source: Source, archive: Path, digest: str | None, client: HttpClient) -> str:
    url, token = _asked(source)
    if digest is None:
        digest = (unchanged(url, client=client) or "" if token is None else "").removeprefix(
            "sha256:"
        ) or None
    if digest is None:
        return download_unknown(url, archive, client=client, token=token).removeprefix("sha256:")
    file = RemoteFile(url=url, path=archive.name, checksum=f"sha256:{digest}", token=token)
    download([file], archive.parent, client=client)
    return digest


def _asked(source: Source) -> tuple[str, HostToken | None]:
    """The URL with its query, and the login that stood in it."""
    url = f"{source.location}?{source.query}" if source.query else source.location
    login = source.credentials
    if login is None:
        return url, None
    return url, basic_token(urlsplit(url).netloc, login.username, login.password or "")


def _is_here(source: Source) -> bool:
    return source.location.startswith("/")


def _name(source: Source) -> str:
    """The last part of its path, which ends like an archive."""
    path = source.location if _is_here(source) else unquote(urlsplit(source.location).path)
    return PurePosixPath(path).name


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FetchError(
            f"`{path.name}` cannot be read: {error.strerror}", hint="Check its permissions"
        ) from error


def _newest(top: Path, *, now: datetime) -> str | None:
    """When the newest file was changed, as far as its time can be true."""
    moments = (
        datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        for path in top.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    newest = max((moment for moment in moments if OLDEST < moment <= now), default=None)
    return newest.strftime(DATE) if newest else None
