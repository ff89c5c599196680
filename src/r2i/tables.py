"""The tables that come with r2i: TOML files beside its modules."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any


def read_table(package: str, file: str) -> dict[str, Any]:
    """Read each time: who asks often keeps what it made of it."""
    return tomllib.loads(files(package).joinpath(file).read_text(encoding="utf-8"))
