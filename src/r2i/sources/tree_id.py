"""The id that git gives a directory by what lies in it. Computed here: no git that might filter it, and no index of its own."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path

CHUNK = 1 << 20
FILE, PROGRAM, LINK, TREE, COMMIT = b"100644", b"100755", b"120000", b"40000", b"160000"


@dataclass
class TreeId:
    """`hexdigest` of a directory, and the paths below it that are empty directories: in git, those are submodules.

    `submodules` are the ids of their commits, by path. Two things have one id only if all names, bytes, links and
    permissions to run are the same.
    """

    top: Path
    submodules: Mapping[str, str] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)

    def hexdigest(self) -> str:
        root = os.fsencode(self.top)
        trees: dict[bytes, bytes] = {}
        # The innermost first, without recursion: a directory can be deeper than Python's stack.
        for directory in reversed(list(_directories(root))):
            trees[directory] = self._tree(directory, root, trees)
        return trees[root].hex()

    def _tree(self, directory: bytes, root: bytes, trees: dict[bytes, bytes]) -> bytes:
        rows = []
        with os.scandir(directory) as scan:
            for entry in scan:
                mode, identifier = self._entry(entry, root, trees)
                # A directory stands where its name with a slash would.
                order = entry.name + b"/" if mode == TREE else entry.name
                rows.append((order, b"%s %s\0%s" % (mode, entry.name, identifier)))
        if not rows and directory != root:
            self.empty.append(os.fsdecode(os.path.relpath(directory, root)))
        body = b"".join(row for _, row in sorted(rows))
        return sha1(b"tree %d\0%s" % (len(body), body), usedforsecurity=False).digest()

    def _entry(
        self, entry: os.DirEntry[bytes], root: bytes, trees: dict[bytes, bytes]
    ) -> tuple[bytes, bytes]:
        if entry.is_symlink():
            return LINK, _blob(os.readlink(entry.path))  # noqa: PTH115 - a name is bytes here
        if entry.is_dir(follow_symlinks=False):
            commit = self.submodules.get(os.fsdecode(os.path.relpath(entry.path, root)))
            return (TREE, trees[entry.path]) if commit is None else (COMMIT, bytes.fromhex(commit))
        status = entry.stat(follow_symlinks=False)
        return PROGRAM if status.st_mode & stat.S_IXUSR else FILE, _blob_of(entry.path, status.st_size)


def _directories(root: bytes) -> Iterator[bytes]:
    pending = [root]
    while pending:
        directory = pending.pop()
        yield directory
        with os.scandir(directory) as scan:
            pending += [entry.path for entry in scan if entry.is_dir(follow_symlinks=False)]


def _blob(content: bytes) -> bytes:
    return sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).digest()


def _blob_of(path: bytes, size: int) -> bytes:
    digest = sha1(b"blob %d\0" % size, usedforsecurity=False)
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.digest()
