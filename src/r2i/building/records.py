"""What was built from what, so that what has not changed is known at once."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TypedDict

import r2i
from r2i import __version__
from r2i.building import private_files
from r2i.checkout import Checkout
from r2i.checkout.ignore import left_out_by, patterns
from r2i.host.directories import cache_directory
from r2i.model import Dockerfile, Options, Plan, Source
from r2i.planning.plan_json import digest, secret_digest

TOP = Path(r2i.__file__).parent

#: The rooms whose files decide what is in an image.
OF_IMAGES = ("binder", "buildpacks", "checkout", "engines", "facts", "formats", "image", "planning")

#: What of `.git` tells that a commit was made; the index changes whenever somebody looks.
GIT_STATE = frozenset({"HEAD", "packed-refs", "refs"})


#: More than any record has.
MOST_BYTES = 1_000_000


class Record(TypedDict, total=False):
    """Of one image: its id, the state of the directory that it was built from, and the ids of the images below it."""

    image: str
    fingerprint: str
    bases: dict[str, str]


def records() -> Path:
    """Where r2i keeps the records of this user."""
    return cache_directory("images")


def fingerprint(root: Path, settings: str) -> str:
    """A digest of all that a build depends on: the settings, and the state of every file as the file system has it.

    Times of change (`st_ctime`) are part of it: they cannot be set back, as the times of modification can.
    """
    total = sha256(settings.encode(errors="surrogateescape"))
    for path, status in _states(str(root)):
        line: tuple[object, ...] = (path, status.st_mode)
        if not stat.S_ISDIR(status.st_mode):  # what is in a directory tells all that its own times could
            line += (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        total.update(repr(line).encode())
    return total.hexdigest()


def revision_state(source: Source, options: Options, *, commit: str, settings: str = "") -> str:
    """A digest of all that the image of a revision depends on, as far as it is known before it is fetched.

    It stands in a label of the image, and shows no value of a build argument.
    """
    content = () if source.content is None else source.content.words
    origin = (source.provider, source.location, source.subdirectory, *content)
    arguments = {name: secret_digest(value) for name, value in options.build_args.items()}
    wanted = asdict(replace(options, build_args=arguments))
    chosen = json.dumps([own_digest(), origin, commit, settings, wanted], sort_keys=True)
    return sha256(chosen.encode(errors="surrogateescape")).hexdigest()


def content_state(checkout: Checkout, plan: Plan, dockerfile: Dockerfile, *settings: str) -> str:
    """A digest of all that the image of a directory depends on, the same on every machine: it reads every file."""
    ignored = tuple(patterns(dockerfile.ignore, ".dockerignore"))
    total = sha256(json.dumps([own_digest(), digest(plan), dockerfile.ignore, *settings]).encode())
    for path, entry in checkout.walk(lambda path, _: path.rpartition("/")[2] == ".git"):
        if left_out_by(path, ignored):
            continue
        status = entry.stat(follow_symlinks=False)
        total.update(
            f"{path}\0{stat.S_IFMT(status.st_mode)} {status.st_mode & 0o111}\0".encode(
                errors="surrogateescape"
            )
        )
        if entry.is_symlink():
            total.update(os.fsencode(os.readlink(entry.path)))  # noqa: PTH115 - bytes that need not be text
        elif stat.S_ISREG(status.st_mode):
            with Path(entry.path).open("rb") as file:
                total.update(file_digest(file, sha256).digest())
    return total.hexdigest()


@cache
def own_digest(top: Path = TOP) -> str:
    """A digest of what of r2i decides about images: its templates, the programs and locks that go into them, and what plans them."""
    total = sha256(__version__.encode())
    for name in OF_IMAGES:
        for directory, folders, files in os.walk(top / name):
            folders[:] = sorted(folder for folder in folders if folder != "__pycache__")
            for file in sorted(files):
                path = Path(directory, file)
                content = path.read_bytes()
                total.update(f"{path.relative_to(top)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def remembered(directory: Path, reference: str) -> Record:
    """The record of an image, empty where there is none that is ours."""
    return _read(_file(directory, reference))


def _read(file: Path) -> Record:
    try:
        record = json.loads(private_files.read(file, limit=MOST_BYTES) or b"")
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(record, dict) or not isinstance(record.get("bases"), dict):
        return {}
    image, fingerprint, bases = record.get("image"), record.get("fingerprint"), record["bases"]
    if not all(isinstance(text, str) and text for text in (image, fingerprint, *bases)):
        return {}
    return Record(
        image=str(image), fingerprint=str(fingerprint), bases={key: str(id_) for key, id_ in bases.items()}
    )


def remember(
    directory: Path, reference: str, *, fingerprint: str, image: str, bases: Mapping[str, str]
) -> None:
    """Keep a record; that it cannot be kept costs time at the next build and is no error."""
    record = Record(image=image, fingerprint=fingerprint, bases=dict(bases))
    with suppress(OSError):
        private_files.write(_file(directory, reference), json.dumps(record).encode())


def forget(directory: Path, *, known: Container[str], before: float) -> None:
    """Remove what was written before that time and cannot be read, or is of an image that no engine has."""
    with suppress(OSError):
        for file in directory.glob("*.json"):
            with suppress(OSError):
                if file.lstat().st_mtime < before and _read(file).get("image") not in known:
                    file.unlink()


def _file(directory: Path, reference: str) -> Path:
    return directory / f"{sha256(reference.encode()).hexdigest()}.json"


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
