"""What Python modules and commands need of Debian: `system_packages.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from r2i.facts.tables import read_table


def libraries() -> Mapping[str, tuple[str, ...]]:
    """By distribution what its import needs."""
    return _split(_table()["libraries"])


def of_modules(*, init: bool = False) -> Mapping[str, tuple[str, ...]]:
    """By the first part of a module's name; with `init` also what is no finding where it lacks."""
    return _packages("modules", init=init)


def of_programs(*, init: bool = False) -> Mapping[str, tuple[str, ...]]:
    """By the name of a program; `init` as above."""
    return _packages("programs", init=init)


def of_distributions() -> Mapping[str, tuple[str, ...]]:
    """By the name of a distribution that nobody has to import."""
    return _split(_table()["distributions"])


def of_setting(name: str) -> tuple[str, ...]:
    """What a setting of Matplotlib needs."""
    return _split(_table()["settings"])[name]


def brought_by_conda_packages() -> Mapping[str, tuple[str, ...]]:
    """By the name of a program the packages of conda that bring it, where that is known."""
    return _split(_table()["conda"])


def _packages(key: Literal["modules", "programs"], *, init: bool) -> Mapping[str, tuple[str, ...]]:
    table = _table()
    return _split(table[key] | (table["init"][key] if init else {}))


def _split(table: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    return {name: (*packages.split(),) for name, packages in table.items()}


def _table() -> dict[str, Any]:
    return read_table("r2i.check.facts", "system_packages.toml")
