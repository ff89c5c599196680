"""The file of a repository that a path most likely means: under another case, or in another directory."""

from __future__ import annotations

import re
from collections.abc import Mapping

from r2i.check.subject import Subject


def nearest(subject: Subject, said: str) -> str | None:
    """Of the files with the same name but for its case, the one with which the path shares most of its end."""
    parts = [part for part in re.split(r"[\\/]+", said) if part not in ("", ".", "..")]
    found = subject.once(_by_name).get(parts[-1].casefold(), []) if parts else []
    return max(found, key=lambda path: (_shared(parts, path), -path.count("/"), -len(path)), default=None)


def _shared(parts: list[str], path: str) -> tuple[int, int]:
    """How many of the last parts are the same but for their case, and how many of these in their case, too."""
    alike = exact = 0
    for said, there in zip(reversed(parts), reversed(path.split("/")), strict=False):
        if said.casefold() != there.casefold():
            break
        alike, exact = alike + 1, exact + (said == there)
    return alike, exact


def _by_name(subject: Subject) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in subject.files:
        found.setdefault(path.rpartition("/")[2].casefold(), []).append(path)
    return found
