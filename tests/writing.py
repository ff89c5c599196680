"""Repositories that are made while the tests run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from r2i.checkout import Checkout
from r2i.model import Dockerfile, Options, Plan
from r2i.planning.compose import make_plan
from r2i.planning.render import render

Content = str | bytes
Files = Mapping[str, Content]


def write(top: Path, files: Files) -> Checkout:
    """Write files below a directory and open it."""
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Checkout.open(top)


def planned(checkout: Checkout, options: Options | None = None) -> tuple[Plan, Dockerfile]:
    plan = make_plan(checkout, options or Options())
    return plan, render(plan, checkout)


def deep(top: Path, levels: int, *, name: str = "d") -> None:
    """Nest directories further than the longest path that the system takes."""
    here = os.open(top, os.O_RDONLY)
    try:
        for _ in range(levels):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)


def remove_deep(top: Path, *, name: str = "d") -> None:
    """Take such a nest away again, which neither `rm` nor `shutil` need be able to do."""
    open_ones = [os.open(top, os.O_RDONLY)]
    with suppress(FileNotFoundError):
        while True:
            open_ones.append(os.open(name, os.O_RDONLY, dir_fd=open_ones[-1]))
    os.close(open_ones.pop())
    while open_ones:
        here = open_ones.pop()
        os.rmdir(name, dir_fd=here)
        os.close(here)


def outside_file(tmp_path: Path, text: str = "secret of the host\n") -> Path:
    path = tmp_path / "outside" / "secret"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


Maker = Callable[[Path, Path], None]
