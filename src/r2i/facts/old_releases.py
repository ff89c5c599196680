"""What uv is told of releases whose own metadata it does not read; the table is `old_releases.toml`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from r2i.facts.tables import read_table
from r2i.model import Json, PythonEnvironment


def metadata_for(wanted: PythonEnvironment, *, old: bool) -> list[Json]:
    """The entries that may count; `old` where all that is not pinned is of an old day, what others depend on included."""
    if not old and not any(pin.name in _names() for pin in wanted.pins):
        return []  # of what is not pinned, the newest is taken: a table that grows must not change such a layer
    return [entry for name in sorted(_names()) for entry in _entries(name, wanted, old=old)]


def _entries(name: str, wanted: PythonEnvironment, *, old: bool) -> Iterable[Json]:
    pins = [pin.specifier for pin in wanted.pins if pin.name == name]
    if not (pins or old):
        return
    from packaging.specifiers import SpecifierSet

    allowed = SpecifierSet(",".join(pins))
    for release in table():
        for version in release["versions"]:
            if release["name"] == name and allowed.contains(version):
                yield {"name": name, "version": version, "requires-dist": release["requires-dist"]}


def _names() -> set[str]:
    return {release["name"] for release in table()}


@cache
def table() -> tuple[dict[str, Any], ...]:
    return tuple(read_table("r2i.facts", "old_releases.toml")["metadata"])
