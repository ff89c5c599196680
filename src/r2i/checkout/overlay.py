"""A checkout with some of its files as they would be: what becomes of a change is seen before anything is written."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from r2i.checkout import MAX_CONFIG_BYTES, Checkout


@dataclass(frozen=True)
class Overlay(Checkout):
    """`files` by their paths below the root hide what lies there."""

    files: Mapping[str, str] = field(default_factory=dict)

    def has(self, path: str) -> bool:
        return posixpath.normpath(path) in self.files or super().has(path)

    def read_bytes(self, path: str, *, limit: int = MAX_CONFIG_BYTES) -> bytes:
        text = self.files.get(posixpath.normpath(path))
        return super().read_bytes(path, limit=limit) if text is None else text.encode()

    def trail(self, path: str) -> Iterator[str]:
        return iter([path]) if path in self.files else super().trail(path)

    def is_executable(self, path: str) -> bool:
        # A script that moves keeps its permissions.
        hidden = path in self.files and not super().has(path)
        return super().is_executable(posixpath.basename(path) if hidden else path)

    def _is_dir(self, path: str) -> bool:
        return any(known.startswith(f"{path}/") for known in self.files) or super()._is_dir(path)


def overlay(checkout: Checkout, files: Mapping[str, str]) -> Overlay:
    same = {each.name: getattr(checkout, each.name) for each in fields(checkout)}
    return Overlay(**same, files=files)
