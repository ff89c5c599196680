"""The tables that come with r2i: TOML files beside its modules."""

from __future__ import annotations

import gzip
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read_table(package: str, file: str) -> dict[str, Any]:
    """Read once, and shared: nobody changes what it gives."""
    return tomllib.loads(files(package).joinpath(file).read_text(encoding="utf-8"))


@cache
def read_compressed(package: str, file: str) -> str:
    """The text of a table that would be large."""
    return gzip.decompress(files(package).joinpath(file).read_bytes()).decode()
