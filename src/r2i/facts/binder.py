"""What repo2docker, the builder behind Binder, decides by its tables (`binder.toml`), in the release that these are of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from r2i.facts.julia import releases
from r2i.facts.tables import read_table


def table() -> dict[str, Any]:
    return read_table("r2i.facts", "binder.toml")


@cache
def environments() -> Mapping[str, Mapping[str, Any]]:
    """By minor version of Python: the `exact` one of its lock, and the versions of some `parts`."""
    return {row["python"]: row for row in table()["environments"]}


@cache
def packages(python: str) -> Mapping[str, str]:
    """The conda packages of the environment for a minor version of Python, and their versions; empty for another one."""
    text: str = read_table("r2i.facts", "binder_packages.toml")["packages"].get(python, "")
    return dict(line.split() for line in text.strip().splitlines())


@cache
def julia_releases() -> tuple[str, ...]:
    """All that repo2docker chooses from, the oldest first; r2i itself knows none before 1.0."""
    return (*table()["julia"]["before_1"], *releases())
