"""What the rules about notebooks know of kernels, of functions that read files, and of paths: `notebook_tables.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from r2i.facts.tables import read_table


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A kernel that is not in every image, and what files say that install it.

    `name` is that of its kernelspec wherever it is installed; empty where it depends on a version. `pip`, `conda` and `apt` are
    packages, `debian` one where the language itself is a Debian package of `apt.txt`, `post_build` a command; where there is no package, `hint` says how to install it.
    """

    names: re.Pattern[str]
    language: str
    words: tuple[str, ...]
    name: str = ""
    pip: str = ""
    conda: str = ""
    apt: str = ""
    debian: str = ""
    post_build: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class ReadingFunction:
    """Functions that read a file, and the names of their argument. `usual` are names that modules are given."""

    functions: frozenset[str]
    keywords: frozenset[str]
    words: tuple[str, ...]
    usual: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """How a path begins that only one kind of machine has."""

    path: re.Pattern[str]
    where: str


@cache
def kernels() -> tuple[Kernel, ...]:
    return tuple(
        Kernel(**(one | {"names": re.compile(one["names"]), "words": (*one["words"],)}))
        for one in _tables()["kernel"]
    )


@cache
def reading() -> ReadingFunction:
    table = _tables()["reading"]
    return ReadingFunction(
        functions=frozenset(
            f"{module}.{name}".lstrip(".") for module, names in table["functions"].items() for name in names
        ),
        keywords=frozenset(table["keywords"]),
        words=(*table["words"],),
        usual=table["usual"],
    )


def brings(text: str) -> bool:
    """Whether code or a script may bring files in a way that we do not follow."""
    words, patterns = _bringing()
    text = text.lower()
    return any(word in text for word in words) or patterns.search(text) is not None


@cache
def _bringing() -> tuple[tuple[str, ...], re.Pattern[str]]:
    table = _tables()["bringing"]
    return (*table["words"],), re.compile("|".join(table["patterns"]))


@cache
def elsewhere(user: str) -> tuple[Elsewhere, ...]:
    return tuple(
        Elsewhere(path=re.compile(one["path"].replace("{user}", re.escape(user))), where=one["where"])
        for one in _tables()["elsewhere"]["paths"]
    )


@cache
def elsewhere_words() -> tuple[str, ...]:
    return (*_tables()["elsewhere"]["words"],)


@cache
def services() -> Mapping[str, str]:
    table: dict[str, str] = _tables()["services"]
    return table


def _tables() -> dict[str, Any]:
    return read_table("r2i.check.facts", "notebook_tables.toml")
