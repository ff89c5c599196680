"""When images were last used: one empty file for each, whose time tells it."""

from __future__ import annotations

import time
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from r2i.engines import EngineName
from r2i.host.directories import cache_directory


def note_use(engine: EngineName, image: str) -> None:
    """An image is used now; that it cannot be noted is no error."""
    file = _file(engine, image)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)


def last_use(engine: EngineName, image: str) -> float | None:
    """In seconds since 1970, and not in the future; None where nothing is noted."""
    try:
        return min(_file(engine, image).lstat().st_mtime, time.time())
    except OSError:
        return None


def forget_uses(engine: EngineName, *, known: Container[str], before: float) -> None:
    """Remove what was noted before that time of images that this engine does not have."""
    prefix = f"{engine}-"
    with suppress(OSError):
        for file in _directory().glob(f"{prefix}*"):
            with suppress(OSError):
                if file.lstat().st_mtime < before and f"sha256:{file.name.removeprefix(prefix)}" not in known:
                    file.unlink()


def _file(engine: EngineName, image: str) -> Path:
    return _directory() / f"{engine}-{image.removeprefix('sha256:')}"


def _directory() -> Path:
    return cache_directory("uses")
