"""Names that libraries and Python took out: `diagnosis/apis.toml`, and `removed_names.toml` for what is written now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from r2i.check.facts.provided import modules_of, renamed_modules
from r2i.diagnosis.rules import by_name
from r2i.facts.tables import read_table

PYTHON = "python"

#: How the tables write the names of styles and of the methods of tables.
STYLES, TABLES = "matplotlib:", ("pandas:DataFrame.", "DataFrame.")


@dataclass(frozen=True, kw_only=True)
class Removed:
    """A name, the distribution that had it (`python` for the standard library), and the first release without it.

    Of Python, `before` is the last release that has it.
    """

    name: str
    distribution: str
    before: str
    instead: str = ""

    @property
    def row(self) -> str:
        return f"{self.distribution}<{self.before}"

    @property
    def is_recent(self) -> bool:
        """Whether other distributions of today may still ask for a release that has it."""
        return self.row in _words("recent")


@cache
def removed_names() -> Mapping[str, Removed]:
    """By full name (`numpy.float`): those that stand in modules."""
    found = {}
    for name, row in by_name("removed").items():
        distribution, _, before = row.partition("<")
        if ":" not in name and name.partition(".")[0] in modules_of(distribution):
            found[name] = _removed(name, distribution, before)
    for name, last in by_name("gone").items():
        if (name.islower() and "." in name) or name.startswith("collections."):
            found[name] = _removed(name, PYTHON, last)
    for module, row in renamed_modules().items():
        distribution, before, instead = row.split()
        found[module] = Removed(name=module, distribution=distribution, before=before, instead=instead)
    return found | {name: _removed(name, PYTHON, "2.7") for name in _words("python2")}


@cache
def removed_styles() -> Mapping[str, Removed]:
    """Styles of matplotlib by name; their successors are of seaborn 0.8."""
    found = {}
    for name, row in by_name("removed").items():
        style = name.removeprefix(STYLES)
        if name.startswith(STYLES) and style.startswith("seaborn"):
            instead = style.replace("seaborn", "seaborn-v0_8", 1)
            found[style] = Removed(
                name=style, distribution="matplotlib", before=row.partition("<")[2], instead=instead
            )
    return found


@cache
def removed_methods() -> Mapping[str, Removed]:
    """Methods of tables of pandas."""
    found = {}
    for name, row in by_name("removed").items():
        method = next((name[len(start) :] for start in TABLES if name.startswith(start)), "")
        if method.isidentifier() and row.startswith("pandas<"):
            found[method] = _removed(name, "pandas", row.partition("<")[2])
    return found


@cache
def dictionary_methods() -> Mapping[str, Removed]:
    return {name: _removed(f"dict.{name}", PYTHON, "2.7") for name in _words("dict")}


def takes_newest(name: str) -> bool:
    """Whether a distribution is known to take the newest of what it depends on."""
    return name in _words("takes-newest")


def makes_table() -> str:
    """Functions whose result is a table of pandas, as a pattern."""
    return str(_table()["tables"])


def keeps_table(method: str) -> bool:
    return method in _words("table-methods")


def _removed(name: str, distribution: str, before: str) -> Removed:
    return Removed(
        name=name, distribution=distribution, before=before, instead=_table()["instead"].get(name, "")
    )


@cache
def _words(key: str) -> frozenset[str]:
    return frozenset(_table()[key].split())


def _table() -> dict[str, Any]:
    return read_table("r2i.check.facts", "removed_names.toml")
