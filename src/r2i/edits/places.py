"""Directories by their descriptors, reached name by name: what becomes a link meanwhile leads nowhere."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path, PurePath

#: Enough to work below a directory; where the system can, without the right to list it.
ENTER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


@contextmanager
def entered(path: PurePath, *, below: int | None = None, make: bool = False) -> Iterator[int]:
    """The descriptor of a directory, `OSError` where a name on the way is a link. The path has no `..`.

    `make` makes what is missing; it goes again where the block fails.
    """
    with ExitStack() as undo:
        here = os.open(path.anchor or ".", ENTER, dir_fd=below)
        try:
            for name in path.relative_to(path.anchor).parts:
                here = _next(here, name, undo if make else None)
            yield here
        finally:
            os.close(here)


def _next(here: int, name: str, undo: ExitStack | None) -> int:
    try:
        found = os.open(name, ENTER, dir_fd=here)
    except FileNotFoundError:
        if undo is None:
            raise
        os.mkdir(name, dir_fd=here)
        undo.push(partial(_unmake, os.dup(here), name))
        found = os.open(name, ENTER, dir_fd=here)
    os.close(here)
    return found


def _unmake(above: int, name: str, failure: object, *_: object) -> None:
    if failure is not None:
        with suppress(OSError):
            os.rmdir(name, dir_fd=above)
    os.close(above)


def unguessable() -> str:
    return f".r2i-{secrets.token_hex(8)}"


@contextmanager
def draft(
    here: int, data: bytes, *, like: os.stat_result | None = None, executable: bool = False
) -> Iterator[str]:
    """The name of a new file in a directory, to be renamed; at the end it is gone.

    It has the owner and the permissions of `like`, and whoever may read what is `executable` may execute it.
    """
    name = unguessable()
    descriptor = os.open(name, NEW, 0o666 if like is None else 0o600, dir_fd=here)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            _permit(descriptor, like or os.fstat(descriptor), executable=executable)
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=here)


def _permit(descriptor: int, like: os.stat_result, *, executable: bool) -> None:
    with suppress(OSError):  # only root gives files away
        os.fchown(descriptor, like.st_uid, like.st_gid)
    mode = stat.S_IMODE(like.st_mode) & 0o777
    os.fchmod(descriptor, mode | (mode & 0o444) >> 2 if executable else mode)


def replace(here: int, old: str, new: str) -> None:
    """Rename inside a directory; what was called `new` is gone, and where it was a link, only that."""
    os.replace(old, new, src_dir_fd=here, dst_dir_fd=here)


def link_on_the_way(top: Path, path: Path) -> Path | None:
    """The first link between a directory and a path below it, for the words of a failure."""
    between = path.relative_to(top).parts
    return next(
        (
            link
            for count in range(1, len(between) + 1)
            if (link := top.joinpath(*between[:count])).is_symlink()
        ),
        None,
    )
