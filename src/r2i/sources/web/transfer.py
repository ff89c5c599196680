"""One file from a server to the disk: resumed where the connection breaks, measured while it comes, compared at the end."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from r2i.errors import FetchError, TemporaryError
from r2i.sources.typed import shown
from r2i.sources.web.bounds import Allowance, in_words
from r2i.sources.web.client import CHUNK, HostToken, HttpClient
from r2i.sources.web.patience import BusyError

if TYPE_CHECKING:
    import requests

#: The disk is asked after so many bytes.
DISK_INTERVAL = 64 * 1024**2


@dataclass(frozen=True, kw_only=True)
class Target:
    """A file that is wanted, and where; `checksum` is `None` or `KIND:DIGEST` in lower case."""

    url: str
    path: Path
    size: int | None
    checksum: str | None
    token: HostToken | None


@dataclass(frozen=True, kw_only=True)
class ReceivedFile:
    """What the server said of a file: whether a login was needed for it, and its version, an entity tag or empty."""

    private: bool
    version: str


@dataclass(kw_only=True)
class Transfer:
    """Brings files, all of them within one time; `told` hears how many bytes came."""

    client: HttpClient
    allowance: Allowance
    told: Callable[[int], None]
    began: float = field(default_factory=time.monotonic)

    def bring(self, target: Target) -> ReceivedFile:
        """Download a file. Raise `FetchError` where it is not what was announced."""
        with _nothing_half(target.path):
            part, problem = self._attempt(target)
            if problem is not None:
                self.client.report(f"{problem}: downloading it again")
                part, problem = self._attempt(target)
            if problem is not None:
                raise FetchError(
                    problem, hint="Try again later; if it persists, report it to the server's operator"
                )
        return ReceivedFile(private=part.private, version=part.version)

    def _attempt(self, target: Target) -> tuple[_Part, str | None]:
        part = _Part(target=target, transfer=self)
        part.come()
        return part, part.problem()

    def copy(self, target: Target, kept: Path) -> bool:
        """Take a file from the cache, if it is what was announced."""
        kind, _, digest = (target.checksum or "").partition(":")
        hasher, size = _hasher(kind), 0
        with _nothing_half(target.path):
            try:
                with kept.open("rb") as source, target.path.open("xb") as sink:
                    while data := source.read(1 << 20):
                        hasher.update(data)
                        size += len(data)
                        sink.write(data)
            except FileNotFoundError:
                target.path.unlink(missing_ok=True)
                return False
            except OSError as error:
                raise _disk(error, self.allowance) from error
            if hasher.hexdigest() != digest:
                target.path.unlink()
                return False
        self.allowance.take(size)
        self.told(size)
        return True


@dataclass(kw_only=True)
class _Part:
    """What is there of a file, over several attempts."""

    target: Target
    transfer: Transfer
    size: int = 0
    version: str = ""
    announced: int | None = None
    private: bool = False
    before: int = -1
    hasher: Any = None

    def come(self) -> None:
        self._restart()
        client = self.transfer.client
        client.patience.insisting(self._attempt, report=client.report, further=self._further)

    def problem(self) -> str | None:
        """Why it is not the file that was announced."""
        name = shown(self.target.path.name)
        if self.target.size is not None and self.size != self.target.size:
            more = "more than " if self.size > self.target.size else ""
            has = min(self.size, self.target.size)
            return f"`{name}` has {more}{has:,} bytes, and its record says {self.target.size:,}"
        kind, _, digest = (self.target.checksum or "").partition(":")
        if self.hasher and self.hasher.hexdigest() != digest:
            return f"`{name}` has the {kind} checksum `{self.hasher.hexdigest()}`, and its record says `{digest}`"
        return None

    def _restart(self) -> None:
        """From the first byte."""
        self.transfer.told(-self.size)
        self.transfer.allowance.take(-self.size)
        self.size, self.version = 0, ""
        kind = (self.target.checksum or "").partition(":")[0]
        self.hasher = _hasher(kind) if kind else None

    def _further(self) -> bool:
        before, self.before = self.before, self.size
        return self.size > before

    def _attempt(self) -> None:
        headers = {}
        if self.size and self.version:
            headers = {"Range": f"bytes={self.size}-", "If-Range": self.version}
        elif self.size:
            self._restart()
        client = self.transfer.client
        with client.opened(self.target.url, token=self.target.token, headers=headers) as (
            answer,
            self.private,
        ):
            self._begin(answer)
            self._receive(answer)
        if self.announced is not None and self.size < self.announced:
            raise BusyError(f"The connection to `{self._host}` broke after {in_words(self.size)}")

    def _begin(self, answer: requests.Response) -> None:
        """Whether the answer goes on where we are, and how long the file will be."""
        status, length = answer.status_code, answer.headers.get("Content-Length", "")
        found = re.match(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if status == 206 and found and int(found[1]) == self.size:
            self.announced = self.size + int(length) if length.isdecimal() else None
        elif status == 200:
            self._restart()
            self.announced = int(length) if length.isdecimal() else None
            self.version = _version(answer)
        else:
            self._restart()
            if status in (206, 416):
                raise BusyError(f"`{self._host}` cannot resume the download")
            raise FetchError(
                f"`{shown(self.target.url)}` has no file (HTTP {status})",
                hint="Check the URL, or try again later",
            )
        if self.announced is not None:
            self.transfer.allowance.check_disk(self.announced - self.size)

    def _receive(self, answer: requests.Response) -> None:
        patience, allowance = self.transfer.client.patience, self.transfer.allowance
        window, checked = (time.monotonic(), self.size), self.size
        most = self.target.size if self.target.size is not None else self.announced
        with _opened(self.target.path, self.size, allowance) as sink:
            while data := answer.raw.read1(CHUNK, decode_content=False):
                allowance.take(len(data))
                self.size += len(data)
                if most is not None and self.size > most:
                    return  # `problem` says so
                sink(data)
                if self.hasher:
                    self.hasher.update(data)
                self.transfer.told(len(data))
                if self.size - checked > DISK_INTERVAL:
                    checked = self.size
                    allowance.check_disk(DISK_INTERVAL)
                now = time.monotonic()
                if now - self.transfer.began > patience.transfer:
                    raise TemporaryError(
                        f"The download from `{self._host}` takes longer than {patience.transfer / 60:.0f} minutes",
                        hint="Try again: complete files with a checksum are kept",
                    )
                if now - window[0] >= patience.window:
                    if self.size - window[1] < patience.slowest * patience.window:
                        raise BusyError(f"`{self._host}` sends too slowly")
                    window = (now, self.size)

    @property
    def _host(self) -> str:
        return urlsplit(self.target.url).hostname or ""


def _version(answer: requests.Response) -> str:
    """What tells one version of a file from another (RFC 9110, 13.1.5): a strong tag, else a date."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")


@contextmanager
def _opened(path: Path, size: int, allowance: Allowance) -> Iterator[Callable[[bytes], object]]:
    """Write behind the first `size` bytes. What the disk says is no failure of the server."""
    try:
        sink: IO[bytes] = path.open("r+b" if size else "wb")
        sink.truncate(size)
        sink.seek(size)
    except OSError as error:
        raise _disk(error, allowance) from error

    def write(data: bytes) -> None:
        try:
            sink.write(data)
        except OSError as error:
            raise _disk(error, allowance) from error

    try:
        yield write
    finally:
        try:
            sink.close()
        except OSError as error:
            raise _disk(error, allowance) from error


@contextmanager
def _nothing_half(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _disk(error: OSError, allowance: Allowance) -> FetchError:
    return FetchError(
        f"`{allowance.directory}` cannot be written: {error.strerror or os.strerror(error.errno or 0)}",
        hint="Free disk space, or set `TMPDIR` to a larger disk",
    )


def _hasher(kind: str) -> Any:
    return hashlib.new(kind, usedforsecurity=False)
