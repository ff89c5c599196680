"""What a commit would put on the disk, counted before it is checked out: a tree of a few kilobytes can have no end."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from r2i.errors import FetchError
from r2i.sources.git_program import GitProgram

#: Files and directories; Linux has 100,000.
MOST_FILES = 300_000
MOST_BYTES = 20 << 30

#: Mode, kind, id and size: a dash of what has none.
ENTRY = re.compile(r"\d+ \w+ [0-9a-f]+ +(?P<size>\S+)\t.*")


@dataclass
class Room:
    """What a repository may still take, its submodules with it."""

    files: int = MOST_FILES
    space: int = MOST_BYTES

    def take(self, directory: Path, git: GitProgram, *, commit: str, location: str) -> None:
        """Count the files of a commit; raise `FetchError` where they are too many, or too large for the disk."""
        least = max(0, self.space - shutil.disk_usage(directory).free)
        with git.lines("ls-tree", "-r", "-t", "-l", "--full-tree", commit, cwd=directory) as lines:
            for entry in filter(None, map(ENTRY.fullmatch, lines)):
                self.files -= 1
                self.space -= int(entry["size"]) if entry["size"].isdecimal() else 0
                self._check(least, location)

    def take_files(self, sizes: Iterable[int], directory: Path, *, location: str) -> None:
        """Count files by their sizes, as `take` does."""
        least = max(0, self.space - shutil.disk_usage(directory).free)
        for size in sizes:
            self.files -= 1
            self.space -= size
            self._check(least, location)

    def take_large(self, directory: Path, size: int, *, location: str) -> None:
        """Count files that are kept elsewhere."""
        self.space -= size
        if self.space < 0 or size > shutil.disk_usage(directory).free:
            raise _too_large(location)

    def _check(self, least: int, location: str) -> None:
        if self.files < 0:
            raise FetchError(
                f"`{location}` has more files than r2i supports",
                hint=f"Use at most {MOST_FILES:,} files and directories",
            )
        if self.space < least:
            raise _too_large(location)


def _too_large(location: str) -> FetchError:
    return FetchError(
        f"`{location}` has more data than r2i or the disk can hold",
        hint=f"Use at most {MOST_BYTES >> 30} GiB of files, and keep data elsewhere",
    )
