"""Where r2i keeps on this machine what it can make or fetch again."""

from __future__ import annotations

from pathlib import Path


def cache_directory(name: str) -> Path:
    """The directory of that name in the cache of this user, which need not exist."""
    import platformdirs

    return platformdirs.user_cache_path("r2i") / name
