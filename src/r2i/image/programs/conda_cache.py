"""The cache of conda packages: which of its entries count, and where the files of a package come to lie.

A part of `conda_fetch.py`, which knows where py-rattler lies. Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any, Sequence
from urllib.parse import unquote

import rattler

#: So many links the kernel follows at once.
MOST_LINKS = 40


class NotInstalledError(Exception):
    """What went wrong, in words for the log of the build."""


def forget_doubtful(records: Sequence[rattler.RepoDataRecord], cache: Path) -> None:
    """Have fetched again what was not installed before from this cache by the hash that it has to have.

    rattler notes in its cache the hash that it expects, and fetches then: where that fails, or is interrupted, the note stands
    beside what the cache had before, which the next installation would take for what it asks for.
    """
    for record in records:
        entry = entry_of(record, cache)
        if not entry.exists() or is_proven(record, cache):
            continue
        with entry.with_name(f"{entry.name}.lock").open(
            "ab"
        ) as lock:  # others may be linking from it, or fetching it
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_proven(record, cache):
                proof_of(record, cache).unlink(missing_ok=True)
                shutil.rmtree(entry, ignore_errors=True)


def is_proven(record: rattler.RepoDataRecord, cache: Path) -> bool:
    try:
        return proof_of(record, cache).read_text(encoding="utf-8") == hash_of(record)
    except FileNotFoundError:  # asked for before: another build may take it away
        return False


def entry_of(record: rattler.RepoDataRecord, cache: Path) -> Path:
    return cache / f"{record.name.normalized}-{record.version}-{record.build}"


def proof_of(record: rattler.RepoDataRecord, cache: Path) -> Path:
    return Path(f"{entry_of(record, cache)}.hash")


def hash_of(record: rattler.RepoDataRecord) -> str:
    return (record.sha256 or record.md5 or b"").hex()


class PackagePlaces:
    """Where the packages of an environment have their files, and where they put them: never outside, be it through a link of another package.

    rattler joins paths as they stand, and follows links. The fetcher writes into the caches that all repositories share, and has credentials in its
    environment (`/proc/self/environ`).
    """

    def __init__(self, records: Sequence[rattler.RepoDataRecord], cache: Path) -> None:
        self.entries = {record.name.normalized: entry_of(record, cache) for record in records}
        for record in records:
            file = unquote(record.file_name)  # releases of rattler name the entry of its cache by either
            if re.sub(r"\.(conda|tar\.bz2)$", "", file).lower() != entry_of(record, cache).name.lower():
                raise NotInstalledError(
                    f"the package `{entry_of(record, cache).name}` has the file name {file!r}"
                )
        python = next((record for record in records if record.name.normalized == "python"), None)
        minor = ".".join(str(python.version).split(".")[:2]) if python else ""
        found = getattr(python, "python_site_packages_path", None)
        self.modules = found or f"lib/python{minor}/site-packages"
        self.links: dict[str, str] = {}
        self.directories: set[str] = set()
        self.lock = threading.Lock()

    def add(self, name: str) -> None:
        """Take in a package before rattler links it; raise `NotInstalledError` where one of its files would lie elsewhere."""
        files, links = self.read(name)
        with self.lock:
            self.links.update(links)
            own = {path.rpartition("/")[0] for path in files}
            crossed = not self.directories.isdisjoint(links)
            for directory in [*own, *(self.directories if crossed else ())]:
                if not self.is_inside(directory):
                    raise NotInstalledError(
                        f"a link of a package leads the files of `{name}` out of the environment (`{directory}`)"
                    )

    def read(self, name: str) -> tuple[list[str], dict[str, str]]:
        """The files of a package and its links, by their paths in the environment."""
        entry = Path(os.path.realpath(self.entries[name]))
        named = listed_files(entry)
        for path, is_link in named.items():
            if not {"", ".", ".."}.isdisjoint(path.split("/")):
                raise NotInstalledError(f"the package `{name}` names the file {path!r}")
            if (entry / path).is_symlink() != is_link:
                raise NotInstalledError(
                    f"the package `{name}` has the file {path!r} with another type than it declares"
                )
        for directory in {path.rpartition("/")[0] for path in named}:
            if os.path.realpath(entry / directory) != str(entry / directory):
                raise NotInstalledError(
                    f"the package `{name}` has a link instead of the directory {directory!r}"
                )
        of_python = (
            read_json(entry / "info/link.json")
            or read_json(entry / "info/index.json").get("noarch") == "python"
        )
        moved = self.moved if of_python else str
        links = {moved(path): os.readlink(entry / path) for path, is_link in named.items() if is_link}
        return [*map(moved, named)], links

    def moved(self, path: str) -> str:
        """Where a file of a package for any Python lies."""
        top, slash, rest = path.partition("/")
        return {"site-packages": self.modules, "python-scripts": "bin"}.get(top, top) + slash + rest

    def is_inside(self, directory: str) -> bool:
        """Whether a directory lies in the environment when all links are followed."""
        ahead, followed = directory.split("/")[::-1], 0
        passed: list[str] = []
        while ahead:
            part = ahead.pop()
            if part == "..":
                if not passed:
                    return False
                passed.pop()
            elif part not in ("", "."):
                passed.append(part)
                place = "/".join(passed)
                self.directories.add(place)
                if place in self.links:
                    followed += 1
                    if self.links[place].startswith("/") or followed > MOST_LINKS:
                        return False
                    passed.pop()
                    ahead.extend(self.links[place].split("/")[::-1])
        return True


def listed_files(entry: Path) -> dict[str, bool]:
    """The paths that rattler links of a package, and whether each is one of a link."""
    listed = read_json(entry / "info/paths.json")
    if listed is not None:
        return {path["_path"]: path.get("path_type") == "softlink" for path in listed["paths"]}
    lines = (entry / "info/files").read_text(encoding="utf-8").splitlines()  # of conda before 4.3
    return {path: (entry / path).is_symlink() for path in lines if path}


def read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
