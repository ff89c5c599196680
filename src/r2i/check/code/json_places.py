"""Where the values of a JSON text begin: for lines of findings, and for edits that keep every other byte.

For texts that `json.loads` has read: what is no JSON ends an iteration. Of a key that is there twice the last one counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

SPACE = re.compile(r"[ \t\n\r]*")
DECODER = json.JSONDecoder()


def start(text: str) -> int:
    return _after_space(text, 0)


def members(text: str, at: int) -> dict[str, int]:
    """Where the values of the object at `at` begin; empty where there is none."""
    found: dict[str, int] = {}
    if not text.startswith("{", at):
        return found
    try:
        while text[at] in "{," and text[key := _after_space(text, at + 1)] == '"':
            name, colon = DECODER.raw_decode(text, key)
            value = _after_space(text, _after_space(text, colon) + 1)
            found[name] = value
            at = _after(text, value)
    except (IndexError, ValueError, RecursionError):
        pass
    return found


def elements(text: str, at: int) -> Iterator[int]:
    """Where the elements of the array at `at` begin; none where there is none."""
    if not text.startswith("[", at):
        return
    try:
        while text[at] in "[," and text[value := _after_space(text, at + 1)] != "]":
            yield value
            at = _after(text, value)
    except (IndexError, ValueError, RecursionError):
        return


def string(text: str, at: int) -> tuple[str, int] | None:
    """The string at `at`, and where it ends."""
    if not text.startswith('"', at):
        return None
    try:
        value, after = DECODER.raw_decode(text, at)
    except ValueError:
        return None
    return value, after


def found(text: str, *keys: str) -> int | None:
    """Where the value begins to which the keys of nested objects lead."""
    at: int | None = start(text)
    for key in keys:
        at = members(text, at).get(key) if at is not None else None
    return at


def end(text: str, at: int) -> int:
    """Where the value at `at` ends."""
    return DECODER.raw_decode(text, at)[1]


def _after_space(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _after(text: str, value: int) -> int:
    """Where what follows the value begins."""
    return _after_space(text, end(text, value))
