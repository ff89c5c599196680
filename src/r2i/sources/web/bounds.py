"""What a published record may hold, and how much of it: files, bytes, and names that are paths below a directory."""

from __future__ import annotations

import shutil
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from r2i.errors import FetchError
from r2i.sources.typed import shown

#: The same as of a repository in git.
MOST_FILES = 300_000
MOST_BYTES = 20 << 30

#: What file systems take.
LONGEST_NAME, LONGEST_PATH, DEEPEST = 255, 4096, 200


@dataclass(kw_only=True)
class Allowance:
    """What a record may still take on the disk; `what` is what messages call it."""

    what: str
    directory: Path
    files: int = MOST_FILES
    space: int = MOST_BYTES

    def take_file(self) -> None:
        self.files -= 1
        if self.files < 0:
            raise FetchError(
                f"`{self.what}` has more files than r2i supports",
                hint=f"Use at most {MOST_FILES:,} files and directories",
            )

    def take(self, size: int) -> None:
        """Bytes that are about to be written."""
        self.space -= size
        if self.space < 0:
            raise FetchError(
                f"`{self.what}` has more than {MOST_BYTES >> 30} GiB of files",
                hint="Build a directory with the files that are needed, and download data in notebooks",
            )

    def check_disk(self, size: int) -> None:
        """Raise `FetchError` where there is no room for so many bytes."""
        free = shutil.disk_usage(self.directory).free
        if size > free:
            raise FetchError(
                f"`{self.what}` needs {in_words(size)}, but only {in_words(free)} are free in `{self.directory}`",
                hint="Free disk space, or set `TMPDIR` to a larger disk",
            )


@dataclass
class Names:
    """The paths that are there already, so that no file silently replaces another."""

    exact: dict[str, bool] = field(default_factory=dict)
    folded: dict[str, str] = field(default_factory=dict)
    alike: dict[str, str] = field(default_factory=dict)

    def add(self, path: PurePosixPath, *, is_directory: bool = False) -> bool:
        """Whether it is new: a directory may come again, a file may not. Remembers names that differ only in case."""
        for parent in reversed(path.parents[:-1]):
            if not self.add(parent, is_directory=True) and not self.exact[str(parent)]:
                return False
        text = str(path)
        if text in self.exact:
            return is_directory and self.exact[text]
        self.exact[text] = is_directory
        other = self.folded.setdefault(unicodedata.normalize("NFC", text).casefold(), text)
        if other != text:
            self.alike[text] = other
        return True


def safe_path(path: str, *, what: str) -> PurePosixPath:
    """A relative path that stays below its directory and that file systems take; raise `FetchError`."""
    pure = PurePosixPath(path)
    parts = path.split("/")
    bad = pure.is_absolute() or not pure.parts or ".." in parts or len(pure.parts) > DEEPEST
    if bad or any(unicodedata.category(c) in ("Cc", "Cs") for c in path):
        raise FetchError(f"`{what}` has a file with an invalid path: `{shown(path)}`", hint=OUTSIDE)
    long = len(path.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in parts)
    if long:
        raise FetchError(f"`{what}` has a file with a path that is too long: `{shown(path)}`", hint=OUTSIDE)
    return pure


EMPTY = "Check that it was packed and copied whole"
OUTSIDE = "Ask its authors to correct it, or build a directory with the files that are needed"


def in_words(size: float) -> str:
    """An amount of bytes for people."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} bytes"
