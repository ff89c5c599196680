"""`renv.lock`: every R package in one version, as renv writes it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from r2i.errors import InvalidRepositoryError
from r2i.formats.r.packages import NAME, RPackage

VERSION = re.compile(r"\d{1,2}\.\d{1,2}(?:\.\d{1,3})?", re.ASCII)
REPOSITORY = re.compile(r"https?://[\w.:/%~+-]{1,300}", re.ASCII)

#: How locks call CRAN: its snapshot of the day stands for it.
CRAN = frozenset({"CRAN", "P3M", "PPM", "RSPM"})


@dataclass(frozen=True, kw_only=True)
class RenvLock:
    """The R that wrote it (empty where it does not say), its packages, and the repositories beside CRAN (`NAME=URL`)."""

    version: str
    line: int
    packages: tuple[RPackage, ...]
    repositories: tuple[str, ...]


def read_lock(text: str, path: str) -> RenvLock:
    """Raise `InvalidRepositoryError` where it is not what renv writes."""
    try:
        lock = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise InvalidRepositoryError(
            f"`{path}` is not valid JSON", file=path, line=line, hint="Write it with `renv::snapshot()`"
        ) from error
    packages = _table(_table(lock).get("Packages"))
    if not packages:
        raise InvalidRepositoryError(
            f"`{path}` lists no packages", file=path, hint="Write it with `renv::snapshot()`"
        )
    if wrong := next((name for name in packages if not NAME.fullmatch(name)), None):
        raise InvalidRepositoryError(
            f"`{wrong[:40]!a}` in `{path}` is not the name of an R package",
            file=path,
            hint="Write it with `renv::snapshot()`",
        )
    lines = {
        name: number
        for number, row in enumerate(text.splitlines(), 1)
        for name in re.findall(r'^\s*"([^"]+)"\s*:\s*\{', row)
    }
    r = _table(_table(lock).get("R"))
    version = str(r.get("Version", ""))
    return RenvLock(
        version=version if VERSION.fullmatch(version) else "",
        line=_line_of(text, f'"{version}"'),
        packages=tuple(RPackage(name=name, line=lines.get(name, 1)) for name in packages),
        repositories=tuple(_repositories(r.get("Repositories"))),
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _repositories(value: Any) -> list[str]:
    rows = [_table(row) for row in value] if isinstance(value, list) else []
    pairs = [(str(row.get("Name", "")), str(row.get("URL", ""))) for row in rows]
    return [
        f"{name}={url}"
        for name, url in pairs
        if name not in CRAN and NAME.fullmatch(name) and REPOSITORY.fullmatch(url)
    ]


def _line_of(text: str, words: str) -> int:
    at = text.find(words)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1
