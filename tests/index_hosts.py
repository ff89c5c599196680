"""The hosts of the package index in the locks of fixtures: made-up ones, which really built copies replace."""

from __future__ import annotations

import shutil
from pathlib import Path

#: Made up, and real: what is really built is fetched from where the lock says.
HOSTS = {"files.index.example": "files.python" + "hosted.org", "index.example": "py" + "pi.org"}


def with_real_hosts(repo: Path, copy: Path) -> Path:
    """The repository itself where it names none of these hosts, else a copy at `copy`."""
    named = [
        path
        for path in repo.rglob("*")
        if path.is_file() and not path.is_symlink() and b"index.example" in path.read_bytes()
    ]
    if not named:
        return repo
    shutil.copytree(repo, copy, symlinks=True)
    for path in named:
        text = path.read_text(encoding="utf-8")
        for made_up, real in HOSTS.items():
            text = text.replace(made_up, real)
        (copy / path.relative_to(repo)).write_text(text, encoding="utf-8")
    return copy
