"""The members of a tar, read from beginning to end, in whatever it is compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, NoReturn

from r2i.sources.web.members import DamagedError, Member
from r2i.sources.web.zip_names import encoding_of

#: Names and attributes of a member that do not fit into its header, in bytes.
LONGEST_HEADER = 1 << 20
#: Zeros that fill the last record.
MOST_BEHIND = 64 * 1024**2
#: The dictionary of an xz that was made with its highest level takes 65 MB.
XZ_MEMORY = 512 * 1024**2

_LONG = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}


def tar_members(archive: Path, *, compression: str) -> Iterator[Member]:
    """Raise `DamagedError`, or what the modules of the standard library raise."""
    with (
        decompressed(archive, compression) as stream,
        tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as tar,
    ):
        for header in tar:
            yield _member(tar, header)
            tar.members.clear()  # type: ignore[attr-defined]  # a stream never goes back to them
        # The checksum of what it is compressed in comes last.
        left = MOST_BEHIND
        while data := stream.read(1 << 16):
            left -= len(data)
            if left < 0:
                raise DamagedError("has more data after its end than r2i supports")


def _member(tar: tarfile.TarFile, header: tarfile.TarInfo) -> Member:
    kind: Literal["file", "directory", "link", "hard link", "other"] = "other"
    if header.issparse():
        _refuse_sparse()
    if header.isdir():
        kind = "directory"
    elif header.issym():
        kind = "link"
    elif header.islnk():
        kind = "hard link"
    elif header.isfile():
        kind = "file"
    return Member(
        path=_decoded(header.name),
        kind=kind,
        mode=header.mode,
        moment=header.mtime,
        target=_decoded(header.linkname),
        read=partial(_content, tar, header) if kind == "file" else None,
    )


def _content(tar: tarfile.TarFile, header: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(header)
    assert stream is not None  # noqa: S101 - a regular file has a content
    return stream


def _decoded(name: str) -> str:
    """A name in UTF-8, or in what is certain; a tar does not say it."""
    raw = name.encode("utf-8", "surrogateescape")
    encoding = encoding_of([raw])
    return raw.decode("cp1252" if encoding == "cp437" else encoding, "replace")


class _Header(tarfile.TarInfo):
    """A header of a member that does not fill our memory: the standard library reads long ones at once."""

    @classmethod
    def frombuf(cls, *arguments: Any, **more: Any) -> _Header:
        header: _Header = super().frombuf(*arguments, **more)
        if header.type in _LONG and header.size > LONGEST_HEADER:
            raise DamagedError("has a header that is too long")
        if header.type == tarfile.GNUTYPE_SPARSE:
            _refuse_sparse()
        return header

    def _proc_gnusparse_10(self, *_: Any) -> NoReturn:
        _refuse_sparse()


def _refuse_sparse() -> NoReturn:
    raise DamagedError("has a sparse file", hint="Pack it again without `--sparse`, or build the directory")


def decompressed(archive: Path, compression: str) -> Any:
    """What is in a compressed file, as a stream; the file as it is without a compression."""
    match compression:
        case "gzip":
            return gzip.open(archive, "rb")
        case "bzip2":
            return bz2.open(archive, "rb")
        case "xz":
            return io.BufferedReader(_Xz(archive.open("rb")))
        case "zstd":
            from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14

            return zstd.open(archive, "rb")
        case _:
            return archive.open("rb")


class _Xz(io.RawIOBase):
    """`lzma.open` with a bound on what a dictionary may take."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._reader = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            left = b""
            if self._reader.eof:
                left = self._reader.unused_data.lstrip(b"\0")  # padding between streams
                left = left or self._file.read(1 << 16).lstrip(b"\0")
                if not left:
                    return 0
                self._reader = self._new()
            elif self._reader.needs_input:
                left = self._file.read(1 << 16)
                if not left:
                    raise DamagedError("ends early")
            data = self._reader.decompress(left, len(view))
            if data:
                view[: len(data)] = data
                return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
