"""Values out of TOML and JSON, whose shape nobody promises: of the type that is asked for, or an error that names the place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError


@dataclass(frozen=True, kw_only=True)
class Table:
    """`place` is where in the file it stands, as in `package.source`."""

    file: str
    items: Mapping[str, Any]
    place: str = ""

    def __contains__(self, key: str) -> bool:
        return key in self.items

    def text(self, key: str, default: str = "") -> str:
        value = self.items.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a string")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self.items.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.items.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of strings")
        return tuple(value)

    def table(self, key: str) -> Table:
        value = self.items.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "a table")
        return Table(file=self.file, items=value, place=self._at(key))

    def tables(self, key: str) -> tuple[Table, ...]:
        value = self.items.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, "a list of tables")
        return tuple(Table(file=self.file, items=item, place=self._at(key)) for item in value)

    def only(self, *keys: str) -> dict[str, Any]:
        """The entries of these names, as far as they are there."""
        return {key: self.items[key] for key in keys if key in self.items}

    def wrong(self, key: str, wanted: str) -> InvalidRepositoryError:
        return InvalidRepositoryError(
            f"`{self._at(key)}` is not {wanted}", file=self.file, hint="Correct the file, or regenerate it"
        )

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key


def read_toml(checkout: Checkout, path: str) -> Table:
    return Table(file=path, items=checkout.read_toml(path))


def read_json(checkout: Checkout, path: str) -> Table:
    return _parsed(checkout.read(path), path)


@lru_cache(maxsize=2)
def _parsed(text: str, path: str) -> Table:
    try:
        value = json.loads(text)
    except ValueError as error:  # also of numbers with more digits than Python reads
        raise InvalidRepositoryError(
            f"`{path}` is not valid JSON: {error}", file=path, hint="Correct the syntax"
        ) from error
    except RecursionError as error:
        raise InvalidRepositoryError(f"`{path}` is nested too deeply", file=path) from error
    if not isinstance(value, dict):
        raise InvalidRepositoryError(f"`{path}` contains no table", file=path, hint="Correct the file")
    return Table(file=path, items=value)


def lines_of(text: str, pattern: str) -> dict[str, int]:
    """Where what the first group of a pattern matches stands for the first time, counted from 1."""
    found: dict[str, int] = {}
    expression = re.compile(pattern, re.ASCII)
    for number, line in enumerate(text.split("\n"), 1):
        if match := expression.match(line):
            found.setdefault(match[1], number)
    return found
