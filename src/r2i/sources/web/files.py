"""Files of a server, brought to a directory: streamed, resumed, compared with their checksums, kept for the next time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from r2i.sources.web.client import HostToken, HttpClient


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
    """Bring all the files into the directory, below it and nowhere else, or raise `FetchError` or `TemporaryError`."""
    raise NotImplementedError
