"""The members of a zip."""

from __future__ import annotations

import calendar
import stat
import struct
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Literal

from r2i.sources.web.members import DamagedError, Member
from r2i.sources.web.zip_names import paths_of

#: The directory of a zip is read at once: each member takes about a hundred bytes of it.
MOST_DIRECTORY = 128 * 1024**2
LONGEST_LINK = 4096

ENCRYPTED = 0x1 | 0x40
#: Stored, deflated, bzip2, LZMA: what `zipfile` knows everywhere.
METHODS = {0, 8, 12, 14}


class MethodError(Exception):
    """A zip that other programs can unpack, with the number of its compression."""


def zip_members(archive: Path) -> Iterator[Member]:
    """Raise `DamagedError` or `MethodError` before the first member, or what `zipfile` raises."""
    if _directory_size(archive) > MOST_DIRECTORY:
        raise DamagedError(
            "has more files than r2i supports", hint="Build a directory with the files that are needed"
        )
    with zipfile.ZipFile(archive) as file:
        infos = file.infolist()
        for info in infos:
            if info.flag_bits & ENCRYPTED:
                raise DamagedError("is encrypted", hint="Decrypt it yourself, and build the directory")
        unknown = sorted({info.compress_type for info in infos} - METHODS)
        if unknown:
            raise MethodError(str(unknown[0]))
        for info, path in zip(infos, paths_of(infos), strict=True):
            yield _member(file, info, path)


def _member(file: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> Member:
    mode = info.external_attr >> 16
    kind: Literal["file", "directory", "link", "other"] = "file"
    target = ""
    if path.endswith("/") or stat.S_ISDIR(mode):
        kind = "directory"
    elif stat.S_ISLNK(mode):
        kind = "link"
        with file.open(info) as stream:
            target = stream.read(LONGEST_LINK + 1).decode("utf-8", "surrogateescape")
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        kind = "other"
    read: partial[IO[bytes]] | None = partial(file.open, info) if kind == "file" else None
    return Member(path=path, kind=kind, mode=mode or 0o644, moment=_moment(info), target=target, read=read)


def _moment(info: zipfile.ZipInfo) -> float | None:
    """In UTC where the archive says it; local time of an unknown place counts as UTC, so that every machine has the same."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        data, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x5455 and len(data) >= 5 and data[0] & 1:
            return float(struct.unpack("<l", data[1:5])[0])
    year, month, *_ = info.date_time
    return float(calendar.timegm((*info.date_time, 0, 1, 0))) if year >= 1980 and 1 <= month <= 12 else None


def _directory_size(archive: Path) -> int:
    """How large the directory at the end of a zip says to be (APPNOTE 4.3.14 to 4.3.16); 0 where it cannot be told."""
    with archive.open("rb") as file:
        file.seek(0, 2)
        length = min(file.tell(), 22 + 65_535 + 76)
        file.seek(-length, 2)
        end = file.read(length)
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        return 0
    size: int = struct.unpack("<L", end[at + 12 : at + 16])[0]
    large = end[max(0, at - 76) : at]
    if large.startswith(b"PK\x06\x06") and len(large) == 76:
        size = max(size if size != 0xFFFFFFFF else 0, struct.unpack("<Q", large[40:48])[0])
    return size
