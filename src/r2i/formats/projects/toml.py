"""A TOML file that knows on which line a key stands, and says so where a value is not what it should be."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from r2i.checkout import Checkout, parse_toml
from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.lines import Line, quoted

KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\\\n]*"|'[^'\n]*')"""
KEYS = rf"{KEY}(?:\s*\.\s*{KEY})*"
HEADER = re.compile(rf"\s*\[\[?\s*({KEYS})\s*\]\]?\s*(?:#.*)?")
ASSIGNMENT = re.compile(rf"\s*({KEYS})\s*=(?!=)")

STRING = re.compile(r"\"([^\"\\]*)\"|'([^']*)'")

#: More strings than an array of a file that a person reads has.
MAX_STRINGS = 10_000

#: How far below its key a string is looked for, in lines.
FAR = 2000

#: How far a header or a key goes that anybody would have to find.
LONGEST_LINE = 1000

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
        values = self.array(*keys)
        if len(values) > MAX_STRINGS:
            raise self.error(
                f"{_name(keys)} has more than {MAX_STRINGS:,} items", *keys, hint="Keep only what is needed"
            )
        return tuple(self.word(value, *keys) for value in values)

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
        numbers = self._strings.get(text, ())
        at = bisect_left(numbers, start)
        if at == len(numbers):
            return start
        header = bisect_left(self._headers, start + 1)
        last = self._headers[header] if header < len(self._headers) else len(self.text)
        return numbers[at] if numbers[at] <= min(last, start + FAR) else start

    @cached_property
    def _strings(self) -> Mapping[str, Sequence[int]]:
        """On which lines each string stands."""
        found: dict[str, list[int]] = {}
        for number, line in enumerate(self.text, 1):
            for one, other in STRING.findall(line):
                numbers = found.setdefault(one or other, [])
                if not numbers or numbers[-1] != number:
                    numbers.append(number)
        return found

    @cached_property
    def _headers(self) -> Sequence[int]:
        return [
            n for n, line in enumerate(self.text, 1) if len(line) <= LONGEST_LINE and HEADER.fullmatch(line)
        ]

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
    return _toml(checkout.read(path), path)


@lru_cache(maxsize=4)
def _toml(text: str, path: str) -> Toml:
    lines = text.split("\n")
    return Toml(path=path, data=parse_toml(text, path), text=lines, found=_lines(lines))


def toml_text(table: Mapping[str, Any]) -> str:
    """The other way: TOML of a table."""
    import tomli_w

    return tomli_w.dumps(table)


def _lines(text: Sequence[str]) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text, 1):
        header = HEADER.fullmatch(line) if len(line) <= LONGEST_LINE else None
        if header:
            table = _parts(header[1])
            found.setdefault(table, number)
        elif assignment := ASSIGNMENT.match(line[:LONGEST_LINE]):
            found.setdefault((*table, *_parts(assignment[1])), number)
    return found


def _parts(keys: str) -> tuple[str, ...]:
    return tuple(key.strip("\"'") for key in re.findall(KEY, keys))


def _name(keys: Sequence[str]) -> str:
    return quoted(".".join(keys))
