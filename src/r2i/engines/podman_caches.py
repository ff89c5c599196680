"""Where Podman keeps the caches of build steps: in directories that only we can read, whose names nobody else knows.

Podman 4 keeps those of all users in `/var/tmp/buildah-cache`, newer ones in a directory there that anybody can make first.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from r2i import process
from r2i.engines.environment import child_environment
from r2i.errors import EngineError
from r2i.host.directories import cache_directory

MOVE = "Set `XDG_CACHE_HOME` to a directory that only you can write to"


def place() -> Path:
    """The directory of all step caches of this user."""
    return cache_directory("podman")


def temporary(namespace: str) -> dict[str, str]:
    """Podman knows no namespaces: it keeps caches below its temporary directory. Raises `EngineError`."""
    if not namespace:
        return {}
    caches = place()
    directory = caches / namespace
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in (caches.parent, caches, directory):
            _check_owner(each)
        for each in caches.parent.resolve().parents:
            _check_parent(each)
        caches.chmod(0o700)
        directory.chmod(0o700)
    except OSError as error:
        raise EngineError(
            f"`{directory}` cannot be created for the step caches of Podman: {error.strerror}",
            hint="Set `XDG_CACHE_HOME` to a writable directory",
        ) from error
    return {"TMPDIR": str(directory)}


def _check_owner(directory: Path) -> None:
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise EngineError(
            f"`{directory}` is not a directory, so Podman can keep no step caches in it", hint=MOVE
        )
    if status.st_uid != os.getuid():
        raise EngineError(
            f"`{directory}` belongs to another user, who could change the step caches of Podman in it",
            hint=MOVE,
        )


def _check_parent(directory: Path) -> None:
    """Who can rename what is in it can put another directory in place of ours."""
    mode = directory.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise EngineError(
            f"Everybody can write to `{directory}`, and could change the step caches of Podman below it",
            hint=MOVE,
        )


def size(environ: Mapping[str, str]) -> int:
    """In bytes; 0 where there are none, or nobody can tell."""
    if not place().is_dir():
        return 0
    argv = (*_as_owner(), "du", "-sk", "--", str(place()))
    done = process.run(argv, env=child_environment(environ), timeout=600)
    kilobytes = done.stdout.partition("\t")[0]
    return int(kilobytes) * 1024 if kilobytes.isdecimal() else 0


def remove(environ: Mapping[str, str]) -> None:
    """All of them. Raises `EngineError`."""
    if not place().is_dir():
        return
    argv = (*_as_owner(), "rm", "-rf", "--", str(place()))
    done = process.run(argv, env=child_environment(environ), timeout=600)
    if done.returncode:
        raise EngineError(
            f"The step caches of Podman in `{place()}` could not be removed: {done.stderr.strip()}",
            hint="Try again when no build runs",
        )


def _as_owner() -> tuple[str, ...]:
    """Their files belong to users of containers, which without root only Podman can be."""
    return () if os.getuid() == 0 else ("podman", "unshare")
