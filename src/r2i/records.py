"""What was built from what, so that what has not changed is known at once."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TypedDict

from r2i.model import Dockerfile

#: What of `.git` tells that a commit was made; the index changes whenever somebody looks.
GIT_STATE = frozenset({"HEAD", "packed-refs", "refs"})


class Record(TypedDict, total=False):
    """Of one image: its id, the state of the directory that it was built from, and the ids of the images below it."""

    image: str
    fingerprint: str
    bases: dict[str, str]


def fingerprint(root: Path, dockerfile: Dockerfile, *settings: str) -> str:
    """A digest of all that a build depends on: its instructions, and the state of every file as the file system has it.

    Times of change (`st_ctime`) are part of it: they cannot be set back, as the times of modification can.
    """
    digest = sha256()
    for text in (dockerfile.text, dockerfile.ignore, *settings):
        digest.update(text.encode() + b"\0")
    for path, text in sorted(dockerfile.support.items()):
        digest.update(f"{path}\0{text}\0".encode())
    for path, status in _states(str(root)):
        line: tuple[object, ...] = (path, status.st_mode)
        if not stat.S_ISDIR(status.st_mode):  # what is in a directory tells all that its own times could
            line += (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        digest.update(repr(line).encode())
    return digest.hexdigest()


def remembered(directory: Path, reference: str) -> Record:
    """The record of an image, empty where there is none."""
    try:
        record = json.loads(_file(directory, reference).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(record, dict) or not isinstance(record.get("bases"), dict):
        return {}
    return Record(
        image=str(record.get("image")), fingerprint=str(record.get("fingerprint")), bases=record["bases"]
    )


def remember(
    directory: Path, reference: str, *, fingerprint: str, image: str, bases: Mapping[str, str]
) -> None:
    """Keep a record; that it cannot be kept costs time at the next build and is no error."""
    file = _file(directory, reference)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_suffix(f".{os.getpid()}")
        record = Record(image=image, fingerprint=fingerprint, bases=dict(bases))
        scratch.write_text(json.dumps(record), encoding="utf-8")
        scratch.replace(file)
    except OSError:
        return


def _file(directory: Path, reference: str) -> Path:
    return directory / f"{sha256(reference.encode()).hexdigest()[:32]}.json"


def _states(directory: str, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    pending = [(directory, prefix)]
    while pending:
        current, prefix = pending.pop()
        try:
            with os.scandir(current) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if f"/{prefix}".endswith("/.git/") and entry.name not in GIT_STATE:
                continue
            name = prefix + entry.name
            try:
                yield name, entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, f"{name}/"))
