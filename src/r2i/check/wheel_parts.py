"""What a wheel on a server has, without the whole of it: its list of files, and its metadata."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Protocol
from zipfile import BadZipFile, ZipFile

#: A zip file has its list of files at the end, and wheels have their metadata just before it.
TAIL = 65_536

#: The most bytes of a list of files, and of metadata.
LARGEST_LIST, LARGEST_METADATA = 8_000_000, 2_000_000

METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
#: How a wheel says where a file is installed that is no ordinary one.
DATA = re.compile(r"[^/]+\.data/(?:purelib|platlib)/")
MODULE = re.compile(r"(\w+)(?:\.py|(?:\.[\w-]+)?\.(?:so|abi3\.so))")
#: Packages that wheels have at the top by mistake.
BY_MISTAKE = frozenset(
    {"tests", "test", "docs", "doc", "examples", "example", "benchmarks", "scripts", "tools"}
)


class NotSentError(Exception):
    """The server does not send a part of a file."""


class Parts(Protocol):
    def part(self, address: str, start: int | None, length: int) -> tuple[bytes, int] | None: ...


def wheel(server: Parts, address: str) -> tuple[str, tuple[str, ...]] | None:
    """The metadata and the modules, dotted below what other distributions share; None where it cannot be read in parts."""
    tail = server.part(address, None, TAIL)
    if tail is None:
        return None
    try:
        with ZipFile(_Remote(server, address, *tail)) as opened:
            names = opened.namelist()
            name = next((name for name in names if METADATA.fullmatch(name)), None)
            if name is None:
                return None
            with opened.open(name) as stream:
                text = stream.read(LARGEST_METADATA).decode(errors="replace")
    except (BadZipFile, NotSentError, OSError, ValueError, NotImplementedError, EOFError, RuntimeError):
        return None
    return text, modules_in(names)


def modules_in(names: Iterable[str]) -> tuple[str, ...]:
    """What the files of a wheel can be imported as."""
    paths = [DATA.sub("", name) for name in names]
    packages = {path.rpartition("/")[0] for path in paths if path.endswith("/__init__.py")}
    found: set[str] = set()
    for path in paths:
        directory, _, file = path.rpartition("/")
        module = MODULE.fullmatch(file)
        if module is None or not all(part.isidentifier() for part in directory.split("/") if part):
            continue
        parts = [part for part in directory.split("/") if part]
        # The first directory that is a package; what has none above it is of a namespace.
        whole = next(
            (parts[:end] for end in range(1, len(parts) + 1) if "/".join(parts[:end]) in packages), None
        )
        found.add(".".join(whole or [*parts, module[1]]))
    return tuple(sorted(name for name in found if name.partition(".")[0] not in BY_MISTAKE))


class _Remote(io.RawIOBase):
    """A file on a server, of which parts are fetched as they are read. Raise `NotSentError` where there are none."""

    def __init__(self, server: Parts, address: str, tail: bytes, size: int) -> None:
        self._server, self._address, self._size = server, address, size
        self._blocks = [(size - len(tail), tail)]
        self._left = LARGEST_LIST
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_CUR: self._at, io.SEEK_END: self._size}.get(whence, 0))
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return b""
        for start, block in self._blocks:
            if start <= self._at and end <= start + len(block):
                data = block[self._at - start : end - start]
                self._at = end
                return data
        length = max(end - self._at, TAIL // 2)
        self._left -= length
        part = self._server.part(self._address, self._at, length) if self._left >= 0 else None
        if part is None or len(part[0]) < end - self._at:
            raise NotSentError
        self._blocks.append((self._at, part[0]))
        return self.read(end - self._at)
