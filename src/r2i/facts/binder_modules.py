"""Modules that repo2docker's environment has, whatever a repository asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from r2i.facts.tables import read_table


def binder_modules() -> Mapping[str, str]:
    """By module the requirement that brings it: `yaml` → `pyyaml`."""
    modules: dict[str, str] = read_table("r2i.facts", "binder_modules.toml")["modules"]
    return modules


@dataclass(frozen=True, kw_only=True)
class CalledModule:
    """A module of that environment that a library imports when it is called; `library` is empty where IPython does so.

    `pattern` matches nothing without one of the `words`, which are found faster.
    """

    module: str
    what: str
    pattern: re.Pattern[bytes]
    words: tuple[bytes, ...]
    library: str = ""


@cache
def called_modules() -> tuple[CalledModule, ...]:
    return tuple(
        CalledModule(
            module=row["module"],
            what=row["what"],
            pattern=re.compile(row["pattern"].encode()),
            words=tuple(word.encode() for word in row["words"]),
            library=row.get("library", ""),
        )
        for row in read_table("r2i.facts", "binder_modules.toml")["called"]
    )
