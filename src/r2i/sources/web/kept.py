"""Downloaded files that are kept for the next time, by the host that offers them and their checksum."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from r2i.errors import UsageError
from r2i.host.directories import cache_directory

VARIABLE = "R2I_CACHE_LIMIT"
USUAL_LIMIT = 10 << 30
SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) ?([kmgt]?)i?b?", re.IGNORECASE)

#: What an unfinished entry may be old, in seconds: longer than any download takes.
ABANDONED = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """A file of the cache; `used` is when it was last read or written, in seconds since 1970."""

    directory: Path
    name: str
    host: str
    checksum: str
    size: int
    used: float


@dataclass(frozen=True, kw_only=True)
class DownloadCache:
    """Files that anybody may have: one that a token gave is in no cache.

    An entry is a directory that is renamed into its place when it is complete, and removed as a whole: several r2i can use it at once. Whoever
    reads a file compares its checksum. A cache that cannot be written costs time and is no error.
    """

    directory: Path
    limit: int

    def entries(self) -> list[KeptFile]:
        """What is kept, the file that was used last at the end."""
        found = [entry for path in _directories(self.directory) if (entry := _read(path))]
        return sorted(found, key=lambda entry: (entry.used, entry.directory))

    def find(self, host: str, checksum: str) -> Path | None:
        """A file with this checksum, or what claims to be one; it is used now."""
        entry = self.directory / _key(host, checksum)
        try:
            os.utime(entry)
        except OSError:
            return None
        return entry / "file"

    def add(self, path: Path, host: str, checksum: str, *, url: str = "", version: str = "") -> int:
        """Keep a copy of a file where there is room; gives the bytes that were added. `shrink` is for the caller.

        With a `version` (an entity tag), `version_of` its `url` finds it again.
        """
        with suppress(OSError):
            size = path.stat().st_size
            scratch = self._scratch(size)
            if scratch is not None:
                try:
                    shutil.copyfile(path, scratch / "file")
                    about = {"name": path.name, "host": host, "checksum": checksum, "size": size}
                    if version:
                        about |= {"address": _address(url), "version": version}
                    (scratch / "about.json").write_text(json.dumps(about), encoding="utf-8")
                    # Fails where another r2i was first: its entry is as good.
                    scratch.rename(self.directory / _key(host, checksum))
                    return size
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
        return 0

    def version_of(self, url: str) -> tuple[str, str] | None:
        """The version that a server gave of a URL, as it is asked whether there is another one, and the checksum of what is kept of it."""
        for path in _directories(self.directory):
            about = _about(path)
            if about.get("address") == _address(url) and about.get("version") and (path / "file").is_file():
                return str(about["version"]), str(about.get("checksum", ""))
        return None

    def discard(self, host: str, checksum: str) -> None:
        """Remove a file that is not what it claims to be."""
        _remove(self.directory / _key(host, checksum))

    def shrink(self, *, limit: int | None = None) -> int:
        """Remove what was used longest ago until the rest is within the limit; gives the bytes that were freed."""
        limit = self.limit if limit is None else limit
        entries = self.entries()
        total, freed = sum(entry.size for entry in entries), 0
        for entry in entries:
            if total - freed <= limit:
                break
            _remove(entry.directory)
            freed += entry.size
        for path in _directories(self.directory, unfinished=True):
            with suppress(OSError):
                if limit == 0 or time.time() - path.stat().st_mtime > ABANDONED:
                    shutil.rmtree(path, ignore_errors=True)
        return freed

    def _scratch(self, size: int) -> Path | None:
        """A new directory beside the entries, where there is room for the file."""
        if size > self.limit:
            return None
        scratch = self.directory / f".{secrets.token_hex(16)}"
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if shutil.disk_usage(self.directory).free < 2 * size:
                return None
            scratch.mkdir(mode=0o700)
        except OSError:
            return None
        return scratch


def download_cache(environ: Mapping[str, str]) -> DownloadCache:
    """The cache of this user; raise `UsageError` where its limit cannot be read."""
    limit = USUAL_LIMIT
    if text := environ.get(VARIABLE, "").strip():
        match = SIZE.fullmatch(text)
        if match is None:
            raise UsageError(f"`{VARIABLE}={text}` is not a size", hint="Write it like `512m` or `10g`")
        limit = int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))
    return DownloadCache(directory=cache_directory("downloads"), limit=limit)


def _key(host: str, checksum: str) -> str:
    """The host is a part: what only one server of a private network offers is for no other server to name."""
    return sha256(json.dumps([host, checksum]).encode()).hexdigest()[:40]


def _address(url: str) -> str:
    """A URL may contain a secret."""
    return sha256(url.encode()).hexdigest()


def _directories(directory: Path, *, unfinished: bool = False) -> list[Path]:
    try:
        return [path for path in directory.iterdir() if path.name.startswith(".") == unfinished]
    except OSError:
        return []


def _about(path: Path) -> dict[str, object]:
    try:
        about = json.loads((path / "about.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def _read(path: Path) -> KeptFile | None:
    about = _about(path)
    try:
        size = (path / "file").stat().st_size
        used = path.stat().st_mtime
        name, host, checksum = (str(about[key]) for key in ("name", "host", "checksum"))
    except (OSError, KeyError):
        return None
    return KeptFile(directory=path, name=name, host=host, checksum=checksum, size=size, used=used)


def _remove(entry: Path) -> None:
    """Out of its place at once, so that nobody finds a half of it."""
    scratch = entry.with_name(f".{secrets.token_hex(16)}")
    with suppress(OSError):
        entry.rename(scratch)
    shutil.rmtree(scratch, ignore_errors=True)
