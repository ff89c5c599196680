"""TOML as the library reads it that repo2docker uses for `Pipfile` and `Project.toml` (`toml` 0.10, of before TOML 1.0)."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

from r2i.binder.files import BinderFiles, parsed_toml
from r2i.binder.values import RefusedByBinder

#: A key without quotes may begin with any character, and go on with letters of any alphabet.
LOOSE_KEY = re.compile(
    r"""^(?P<indent>[ \t]*)(?P<key>[^\s=\[\]"'#][\w.-]*)(?P<equals>[ \t]*=)""", re.MULTILINE
)
STRICT_KEY = re.compile(r"[A-Za-z0-9_.-]+")


def read_old_toml(files: BinderFiles, path: str) -> dict[str, Any]:
    text = files.text(path)
    try:
        values = parsed_toml(text, path)
    except RefusedByBinder:
        values = parsed_toml(_with_strict_keys(text), path)
    if _is_mixed(values):
        raise RefusedByBinder(
            f"`{path}` has an array with values of several types, which repo2docker does not read", file=path
        )
    return values


def _with_strict_keys(text: str) -> str:
    """The same with other names for keys that TOML 1.0 does not allow: none of them is asked for."""
    numbers = count()

    def strict(match: re.Match[str]) -> str:
        key = match["key"] if STRICT_KEY.fullmatch(match["key"]) else f"loose-{next(numbers)}"
        return f"{match['indent']}{key}{match['equals']}"

    return LOOSE_KEY.sub(strict, text)


def _is_mixed(value: Any) -> bool:
    """Whether there is an array with values of several types in it; after a table, others are passed over."""
    if isinstance(value, dict):
        return any(_is_mixed(item) for item in value.values())
    if not isinstance(value, list):
        return False
    if value and isinstance(value[0], dict):
        return any(_is_mixed(item) for item in value if isinstance(item, dict))
    return len({type(item) for item in value}) > 1 or any(_is_mixed(item) for item in value)
