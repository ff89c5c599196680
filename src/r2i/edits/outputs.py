"""Files that the user names for a report: the user's own links are followed, those of a repository are not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from r2i.edits.places import draft, entered, replace
from r2i.errors import UsageError
from r2i.process.interrupts import uninterrupted
from r2i.quoting import printable

OVER = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW

#: As many as Linux follows.
MOST_LINKS = 40

#: What stands there for an open file (`/dev/stdout`, `/dev/fd/3`) is not a link, though it looks like one.
OPEN_FILES = Path("/proc")


def destination(option: str, path: Path, *, boundary: Path) -> Path:
    """Where an output really goes; raise `UsageError` where a link on the way may be of a repository's making.

    Such is one below `boundary`, that of the checkout, or in any work tree of git.
    """
    try:
        return _destination(option, path, boundary)
    except OSError as error:
        raise _refusal(option, path, error) from error


def file_destination(option: str, path: Path, *, boundary: Path) -> Path:
    """The same of a file that is written later; raise `UsageError` also where nothing could be written there."""
    place = destination(option, path, boundary=boundary)
    if place.is_dir() or not place.parent.is_dir():
        reason = "it is a directory" if place.is_dir() else "its directory does not exist"
        raise UsageError(f"`{option} {path}` cannot be written: {reason}", hint="Choose another file")
    return place


def write_output(option: str, path: Path, text: str, *, boundary: Path) -> None:
    """In a repository, a new file takes the place of what is there; elsewhere a file is written as shells do it."""
    place = destination(option, path, boundary=boundary)
    data = text.encode()
    try:
        if place.is_relative_to(OPEN_FILES):
            place.write_bytes(data)
            return
        with entered(place.parent) as here:
            if _is_of_a_repository(place.parent, boundary):
                _put(here, place.name, data)
            else:
                _write(os.open(place.name, OVER, 0o666, dir_fd=here), data)
    except OSError as error:
        raise _refusal(option, path, error) from error


def _destination(option: str, path: Path, boundary: Path) -> Path:
    path = path.absolute()
    here, pending, links = Path(path.anchor), [*reversed(path.parts[1:])], 0
    while pending:
        name = pending.pop()
        if here.is_relative_to(OPEN_FILES):
            return here.joinpath(name, *reversed(pending))
        if name == "..":
            here = here.parent
            continue
        if not stat.S_ISLNK(_mode(here / name)):
            here /= name
            continue
        target = (here / name).readlink()
        links += 1
        if links > MOST_LINKS or _is_of_a_repository(here, boundary):
            raise UsageError(
                f"`{option} {path}` cannot be written: `{here / name}` is a symbolic link to `{printable(str(target))}`",
                hint="Choose another file, or remove the link",
            )
        if target.is_absolute():
            here = Path(target.anchor)
        pending += reversed(target.relative_to(target.anchor).parts)
    return here


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


def _is_of_a_repository(directory: Path, boundary: Path) -> bool:
    return directory.is_relative_to(boundary) or any(
        os.path.lexists(above / ".git") for above in (directory, *directory.parents)
    )


def _put(here: int, name: str, data: bytes) -> None:
    try:
        like = os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        like = None
    if like is not None and stat.S_ISFIFO(like.st_mode):
        # One that nobody reads is no reason to wait for ever.
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
        os.set_blocking(descriptor, True)
        _write(descriptor, data)
        return
    with uninterrupted(), draft(here, data, like=like) as new:
        replace(here, new, name)


def _write(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _refusal(option: str, path: Path, error: OSError) -> UsageError:
    return UsageError(f"`{option} {path}` cannot be written: {error.strerror}", hint="Choose another file")
