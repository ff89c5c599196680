"""The members of an archive of whatever format, by Python or by a program of this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from r2i.sources.web.bounds import EMPTY, OUTSIDE
from r2i.sources.web.members import DamagedError, Member

#: How the bytes begin, whatever the name says.
SIGNATURES = (
    (b"PK", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
#: A member, or the end where there is none; other files begin with `PK`, too.
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
INSTALL = "Install `bsdtar` (`apt install libarchive-tools`) or 7-Zip, or unpack it yourself and build the directory"


def members_of(archive: Path, scratch: Path, environ: Mapping[str, str]) -> Iterator[Member]:
    """The members, by whatever can read them."""
    from r2i.sources.web import tars, unpackers, zips

    kind = _kind(archive)
    if kind == "zip":
        try:
            yield from zips.zip_members(archive)
        except zips.MethodError as error:
            yield from _by_programs(
                archive, scratch, environ, what=f"uses the compression method {error} of zip"
            )
    elif kind == "7z":
        yield from _by_programs(archive, scratch, environ, what="is a 7z archive")
    elif kind == "zstd" and importlib.util.find_spec("compression") is None:
        tar = scratch / "archive.tar"
        if not unpackers.without_zstd(archive, tar, environ=environ):
            raise DamagedError(
                "is compressed with zstd",
                hint="Install `zstd`, or unpack it yourself and build the directory",
            )
        yield from tars.tar_members(tar, compression="")
    else:
        yield from tars.tar_members(archive, compression=kind)


def holds_members(path: Path) -> bool:
    """Whether a file is an archive by its content, compressed or not: what reads it may still find it damaged."""
    from r2i.sources.web import tars

    unreadable: tuple[type[Exception], ...] = (DamagedError, *failures())
    try:
        kind = _kind(path)
        with path.open("rb") as file:
            start = file.read(512)
        if kind == "zip":
            return start.startswith(ZIP)
        if kind in {"gzip", "bzip2", "xz"}:
            with tars.decompressed(path, kind) as stream:
                start = stream.read(512)
    except unreadable:
        return False
    return (
        kind == "7z"
        or b"ustar" in start[257:265]
        or (any(start) and len(start) == 512 and _is_old_tar(start))
    )


def _by_programs(archive: Path, scratch: Path, environ: Mapping[str, str], *, what: str) -> Iterator[Member]:
    from r2i.sources.web import tars, unpackers

    tar = scratch / "archive.tar"
    if unpackers.as_tar(archive, tar, environ=environ):
        yield from tars.tar_members(tar, compression="")
        return
    members = unpackers.seven_zip_members(archive, scratch / "files", environ=environ)
    if members is None:
        raise DamagedError(f"{what}, and no program that unpacks it is installed", hint=INSTALL)
    yield from members


def _kind(archive: Path) -> str:
    """What the bytes are; empty for a tar."""
    with archive.open("rb") as file:
        start = file.read(512)
    for signature, kind in SIGNATURES:
        if start.startswith(signature):
            return kind
    if start.lstrip()[:1] == b"<":
        raise DamagedError(
            "is a web page, and not an archive", hint="Check the URL, and open it in a browser"
        )
    if not start:
        raise DamagedError("has no files", hint=EMPTY)
    if not any(start):  # the end of a tar without members
        return ""
    if len(start) < 512 or (b"ustar" not in start[257:265] and not _is_old_tar(start)):
        raise DamagedError("is not an archive that r2i knows", hint=OUTSIDE)
    return ""


def _is_old_tar(block: bytes) -> bool:
    """Whether a block has the checksum of a tar header, which is all that the oldest tars have to tell them by."""
    try:
        claimed = int(block[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return claimed == sum(block) - sum(block[148:156]) + 8 * 32


def failures() -> tuple[type[Exception], ...]:
    """What the standard library raises for what it cannot read."""
    import lzma
    import struct
    import tarfile
    import zipfile
    import zlib

    standard = (
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
        NotImplementedError,
        OverflowError,
        KeyError,
        IndexError,
    )
    return (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, *standard)
