"""What somebody may have meant by a directory that the repository does not have."""

from __future__ import annotations

import os
from pathlib import Path

from r2i.quoting import printable


def near_directory(boundary: Path, missing: Path) -> str:
    """The hint for a directory below the boundary that is not there: those beside it whose names are nearly the same."""
    from difflib import get_close_matches

    while missing.parent != boundary and not os.path.isdir(missing.parent):  # noqa: PTH112 - as in `open`
        missing = missing.parent
    try:
        with os.scandir(missing.parent) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir() and entry.name != ".git")
    except OSError:
        names = []
    near = get_close_matches(missing.name, names, n=3)
    shown = [f"`--subdir {printable(str((missing.parent / name).relative_to(boundary)))}`" for name in near]
    return f"Did you mean {' or '.join(shown)}?" if shown else "Check the spelling of `--subdir`"
