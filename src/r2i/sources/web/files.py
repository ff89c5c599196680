"""Files of a server, brought to a directory: streamed, resumed, compared with their checksums, kept for the next time."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from r2i.errors import FetchError
from r2i.model import Momentary
from r2i.sources.typed import shown
from r2i.sources.web.bounds import OUTSIDE, Allowance, Names, in_words, safe_path
from r2i.sources.web.client import HostToken, HttpClient
from r2i.sources.web.kept import DownloadCache, download_cache
from r2i.sources.web.transfer import Target, Transfer

#: How checksums are named; the length of a digest in hexadecimal.
DIGESTS = {"md5": 32, "sha1": 40, "sha256": 64}


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file that a server offers.

    `path` is where it lies in the record, a relative POSIX path; `checksum` is `md5:` or `sha256:` or `sha1:` and the digest in hexadecimal,
    `size` in bytes; both None where the server does not say.
    """

    url: str
    path: str
    size: int | None = None
    checksum: str | None = None
    token: HostToken | None = None


def download(files: Iterable[RemoteFile], directory: Path, *, client: HttpClient) -> None:
    """Bring all the files into the directory, below it and nowhere else, or raise `FetchError` or `TemporaryError`.

    A file without a checksum, and one that a token gave, is downloaded anew each time.
    """
    wanted = tuple(files)
    if not wanted:
        return
    host = urlsplit(wanted[0].url).hostname or ""
    allowance = Allowance(what=host, directory=directory)
    targets = _targets(wanted, directory, allowance, client.report)
    sizes = [file.size for file in wanted]
    total = sum(size or 0 for size in sizes)
    allowance.check_disk(total)
    what = f"`{shown(wanted[0].path)}`" if len(wanted) == 1 else f"{len(wanted)} files"
    begins = _Once(
        f"Downloading {what}{f' ({in_words(total)})' if total else ''} from `{host}`", client.report
    )
    progress = _Progress(what=what, total=None if None in sizes else total, report=client.report)
    cache = download_cache(client.environ)
    transfer = Transfer(client=client, allowance=allowance, told=progress.add)
    added = 0
    try:
        for file, path in zip(wanted, targets, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            added += _bring(file, path, transfer, cache, begins)
            if added > cache.limit // 4:
                cache.shrink()
                added = 0
    finally:
        if added:
            cache.shrink()


def download_unknown(url: str, path: Path, *, client: HttpClient, token: HostToken | None) -> str:
    """Bring a file of which nothing is known, and give its checksum. It is kept for `unchanged`, unless a login was needed."""
    host, name = urlsplit(url).netloc.lower(), f"`{shown(path.name)}`"
    client.report(f"Downloading {name} from `{urlsplit(url).hostname}`")
    progress = _Progress(what=name, total=None, report=client.report)
    allowance = Allowance(what=path.name, directory=path.parent)
    transfer = Transfer(client=client, allowance=allowance, told=progress.add)
    brought = transfer.bring(Target(url=url, path=path, size=None, checksum=None, token=token))
    with path.open("rb") as file:
        checksum = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    cache = download_cache(client.environ)
    if not brought.private and cache.add(path, host, checksum, url=url, version=brought.version):
        cache.shrink()
    return checksum


def unchanged(url: str, *, client: HttpClient) -> str | None:
    """The checksum of the file that is kept of a URL, if its server says that it has no other; else None."""
    known = download_cache(client.environ).version_of(url)
    if known is None:
        return None
    version, checksum = known
    header = "If-None-Match" if version.startswith('"') else "If-Modified-Since"

    def ask() -> str | None:
        with client.opened(url, token=None, headers={header: version}) as (answer, private):
            return checksum if answer.status_code == 304 and not private else None

    return client.patience.insisting(ask, report=client.report)


def _targets(
    files: Iterable[RemoteFile], directory: Path, allowance: Allowance, report: Callable[[str], None]
) -> list[Path]:
    """Where the files go; raise `FetchError` for too many of them, and for paths that lead out or collide."""
    names, result = Names(), []
    what = allowance.what
    for file in files:
        allowance.take_file()
        path = safe_path(file.path, what=what)
        if not names.add(path):
            raise FetchError(f"`{what}` has two files with the path `{shown(file.path)}`", hint=OUTSIDE)
        result.append(directory / path)
    for name, other in names.alike.items():
        report(f"Warning: `{shown(name)}` and `{shown(other)}` differ only in case")
    return result


def _bring(
    file: RemoteFile, path: Path, transfer: Transfer, cache: DownloadCache, begins: Callable[[], None]
) -> int:
    """One file, from the cache or else from its server; gives the bytes that were added to the cache.

    `begins` is called before a server is asked.
    """
    host = urlsplit(file.url).netloc.lower()
    wanted = _checksum(file)
    target = Target(url=file.url, path=path, size=file.size, checksum=wanted, token=file.token)
    if wanted is None or file.token is not None:
        begins()
        transfer.bring(target)
        return 0
    found = cache.find(host, wanted)
    if found is not None:
        if transfer.copy(target, found):
            return 0
        cache.discard(host, wanted)
    begins()
    return 0 if transfer.bring(target).private else cache.add(path, host, wanted)


def _checksum(file: RemoteFile) -> str | None:
    """As the digest is compared: in lower case, None for a kind that r2i does not know."""
    kind, _, digest = (file.checksum or "").lower().partition(":")
    return (
        f"{kind}:{digest}" if re.fullmatch(f"[0-9a-f]{{{DIGESTS.get(kind, 0)}}}", digest) and digest else None
    )


@dataclass
class _Once:
    """Says a sentence the first time that it is called: what comes from the cache is no download."""

    sentence: str
    report: Callable[[str], None]
    said: bool = False

    def __call__(self) -> None:
        if not self.said:
            self.said = True
            self.report(self.sentence)


@dataclass(kw_only=True)
class _Progress:
    """How far it is, at most twice a second."""

    what: str
    total: int | None
    report: Callable[[str], None]
    done: int = 0
    began: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def add(self, size: int) -> None:
        """More bytes are there; fewer, where a server begins anew."""
        self.done += size
        now = time.monotonic()
        if now - self.told < 0.5:
            return
        self.told = now
        rate = in_words(self.done / max(0.001, now - self.began))
        of = f" of {in_words(self.total)}" if self.total else ""
        self.report(Momentary(f"Downloading {self.what}: {in_words(self.done)}{of}, {rate}/s"))
