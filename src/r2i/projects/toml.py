"""A TOML file that knows on which line a key stands, and says so where a value is not what it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.requirements.lines import Line, quoted

KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\\\n]*"|'[^'\n]*')"""
KEYS = rf"{KEY}(?:\s*\.\s*{KEY})*"
HEADER = re.compile(rf"\s*\[\[?\s*({KEYS})\s*\]\]?\s*(?:#.*)?")
ASSIGNMENT = re.compile(rf"\s*({KEYS})\s*=(?!=)")

KINDS = {dict: "a table", list: "an array", str: "a string", bool: "`true` or `false`"}


@dataclass(frozen=True, kw_only=True)
class Toml:
    """`found` tells on which line each key and each table begins, as far as one look at the text can tell."""

    path: str
    data: Mapping[str, Any]
    text: Sequence[str]
    found: Mapping[tuple[str, ...], int]

    def table(self, *keys: str) -> dict[str, Any]:
        """The table with that name, empty where there is none."""
        return self._value(dict, *keys) or {}

    def string(self, *keys: str) -> str | None:
        value: str | None = self._value(str, *keys)
        return value

    def flag(self, *keys: str) -> bool | None:
        value: bool | None = self._value(bool, *keys)
        return value

    def array(self, *keys: str) -> list[Any]:
        return self._value(list, *keys) or []

    def strings(self, *keys: str) -> tuple[Line, ...]:
        """An array of strings, each with its line."""
        return tuple(self.word(value, *keys) for value in self.array(*keys))

    def word(self, value: object, *keys: str) -> Line:
        """A string that is part of the value of a key."""
        if not isinstance(value, str):
            raise self.error(f"{_name(keys)} must hold strings", *keys, hint="Put it into quotes")
        return self.line(value, *keys)

    def line(self, text: str, *keys: str) -> Line:
        """A text of the file with the nearest line that is known: its own, its key's, its table's."""
        start = next((self.found[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.found), 1)
        return Line(file=self.path, number=self._line_of(text, start), text=" ".join(text.split()))

    def error(self, message: str, *keys: str, hint: str | None = None) -> InvalidRepositoryError:
        return self.line("", *keys).error(message, hint=hint)

    def _line_of(self, text: str, start: int) -> int:
        """Where a string stands below the line of its key."""
        if text:
            for number in range(start, min(start + 2000, len(self.text) + 1)):
                line = self.text[number - 1]
                if f'"{text}"' in line or f"'{text}'" in line:
                    return number
                if number > start and HEADER.fullmatch(line):
                    break
        return start

    def _value(self, kind: type, *keys: str) -> Any:
        value: Any = self.data
        for depth, key in enumerate(keys):
            if not isinstance(value, dict):
                raise self._wrong(dict, *keys[:depth])
            value = value.get(key)
            if value is None:
                return None
        if not isinstance(value, kind):
            raise self._wrong(kind, *keys)
        return value

    def _wrong(self, kind: type, *keys: str) -> InvalidRepositoryError:
        return self.error(f"{_name(keys)} must be {KINDS[kind]}", *keys, hint="Correct its value")


def read_toml(checkout: Checkout, path: str) -> Toml:
    """Read a TOML file; a syntax error is an `InvalidRepositoryError`."""
    data = checkout.read_toml(path)
    lines = checkout.read(path).split("\n")
    return Toml(path=path, data=data, text=lines, found=_lines(lines))


def toml_text(table: Mapping[str, Any]) -> str:
    """The other way: TOML of a table."""
    import tomli_w

    return tomli_w.dumps(table)


def _lines(text: Sequence[str]) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text, 1):
        if len(line) > 1000:
            continue
        if header := HEADER.fullmatch(line):
            table = _parts(header[1])
            found.setdefault(table, number)
        elif assignment := ASSIGNMENT.match(line):
            found.setdefault((*table, *_parts(assignment[1])), number)
    return found


def _parts(keys: str) -> tuple[str, ...]:
    return tuple(key.strip("\"'") for key in re.findall(KEY, keys))


def _name(keys: Sequence[str]) -> str:
    return quoted(".".join(keys))
