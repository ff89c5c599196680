"""The table of causes (`rules.toml`) and what it looks things up in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from r2i.model import ChangeOption

#: A value in a text of the table: `{package}`.
VALUE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Template:
    """An option and its value with names in braces: `apt` and `{found}`."""

    option: ChangeOption
    value: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One cause; the fields are explained in the table itself."""

    cause: str
    patterns: tuple[re.Pattern[str], ...]
    explanation: str
    message: str
    hint: str = ""
    otherwise: str = ""
    changes: tuple[Template, ...] = ()
    look_up: str = ""
    temporary: bool = False


@cache
def rules() -> tuple[Rule, ...]:
    """In the order of the table: the first that fits counts."""
    return tuple(_rule(cause, entry) for cause, entry in _table("rules.toml").items())


def looked_up(where: str, values: Mapping[str, str]) -> str | None:
    """What the tables say for `files: {name}.pc`; None where they do not know it. Empty is an answer, too."""
    table, _, key = where.partition(": ")
    name = filled(key if "{" in key else f"{{{key}}}", values)
    if name is None:
        return None
    if table in ("files", "words"):
        return _in_debian(table, name)
    normal = re.sub(r"[-_.]+", "-", name).lower()
    found = _table("names.toml")[table].get(normal)
    return None if found is None else str(found)


def filled(text: str, values: Mapping[str, str]) -> str | None:
    """The text with its values, None where one of them is not known."""
    if any(name not in values for name in VALUE.findall(text)):
        return None
    return VALUE.sub(lambda match: values[match[1]], text)


def _in_debian(table: str, name: str) -> str | None:
    known = _table("debian.toml")[table]
    # A header may be asked for by more or less of its path: `libxml/xpath.h`, `hdf5/serial/hdf5.h`.
    found = known.get(name) or (known.get(name.rpartition("/")[2]) if name.endswith(".h") else None)
    return None if found is None else str(found)


@cache
def _table(name: str) -> dict[str, dict[str, object]]:
    return tomllib.loads(files("r2i.diagnosis").joinpath(name).read_text(encoding="utf-8"))


def _rule(cause: str, entry: Mapping[str, object]) -> Rule:
    fields = {name.replace("-", "_"): value for name, value in entry.items()}
    patterns, changes = fields.pop("patterns"), fields.pop("changes", [])
    assert isinstance(patterns, list)  # noqa: S101 - the table is ours
    assert isinstance(changes, list)  # noqa: S101
    return Rule(
        cause=cause,
        patterns=tuple(re.compile(pattern, re.MULTILINE) for pattern in patterns),
        changes=tuple(Template(option=o, value=v) for change in changes for o, v in change.items()),
        **fields,  # type: ignore[arg-type]
    )
