"""The tables of causes (`rules.toml` of builds, `notebooks.toml` of notebooks) and what they look things up in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from r2i.facts.tables import read_table
from r2i.model import ChangeOption

#: A value in a text of the table: `{package}`.
VALUE = re.compile(r"\{(\w+)\}")

#: What is known of a name, None where nothing is: a table, or something that whoever asks for a diagnosis can tell.
LookUp: TypeAlias = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class Template:
    """An option and its value with names in braces: `apt` and `{found}`."""

    option: ChangeOption
    value: str


@dataclass(frozen=True, kw_only=True)
class CauseRule:
    """One cause; the fields are explained in the table itself."""

    cause: str
    patterns: tuple[re.Pattern[str], ...]
    explanation: str
    message: str
    hint: str = ""
    otherwise: str = ""
    changes: tuple[Template, ...] = ()
    look_up: tuple[str, ...] = ()
    also: str = ""
    temporary: bool = False


@cache
def rules(table: str = "rules.toml") -> tuple[CauseRule, ...]:
    """In the order of the table: the first that fits counts."""
    entries = _table(table)
    return tuple(_rule(cause, _with_patterns(entry, entries)) for cause, entry in entries.items())


@cache
def words() -> Mapping[str, tuple[re.Pattern[str], ...]]:
    """What installers, build tools and servers say, as the programs in build steps know it.

    `programs/words.py` reads the same table for them: it is no module of r2i, and runs on the Python of the base image.
    """
    table = ConfigParser(interpolation=None, delimiters=("=",))
    table.read_string(files("r2i.image").joinpath("programs", "words.ini").read_text(encoding="utf-8"))
    entries = (entry for section in table.sections() for entry in table[section].items())
    return {
        name: tuple(re.compile(line, re.MULTILINE) for line in lines.split("\n") if line)
        for name, lines in entries
    }


def looked_up(where: str, values: Mapping[str, str], known: Mapping[str, LookUp]) -> str | None:
    """What the tables say for `files: {name}.pc`; None where they do not know it. Empty is an answer, too."""
    table, _, key = where.partition(": ")
    name = filled(key if "{" in key else f"{{{key}}}", values)
    if name is None:
        return None
    if table in known:
        return known[table](name)
    if table in ("files", "versions", "words"):
        return _in_debian(table, name)
    if table in _table("apis.toml"):
        return by_name(table).get(name)
    return _text(_table("names.toml")[table].get(re.sub(r"[-_.]+", "-", name).lower()))


@cache
def by_name(table: str) -> Mapping[str, str]:
    """A table of `apis.toml` turned round where it lists names: by name, the last that has them."""
    found: dict[str, str] = {}
    for who, names in _table("apis.toml")[table].items():
        if table in ("apart", "backports", "magics", "programs"):
            found[who] = str(names)
        else:
            found |= dict.fromkeys(str(names).split(), who)
    return found


def filled(text: str, values: Mapping[str, str]) -> str | None:
    """The text with its values, None where one of them is not known."""
    if any(name not in values for name in VALUE.findall(text)):
        return None
    return VALUE.sub(lambda match: values[match[1]], text)


def _in_debian(table: str, name: str) -> str | None:
    known = _table("debian.toml")[table]
    # A header may be asked for by more or less of its path: `libxml/xpath.h`, `hdf5/serial/hdf5.h`.
    found = known.get(name) or (known.get(name.rpartition("/")[2]) if name.endswith(".h") else None)
    return _text(found)


def _text(found: object) -> str | None:
    return None if found is None else str(found)


def _table(name: str) -> dict[str, dict[str, Any]]:
    return read_table("r2i.diagnosis", name)


def _with_patterns(entry: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Several causes may look the same, and differ in what is found elsewhere: `patterns-of` names the other one."""
    other = entry.get("patterns-of")
    if other is None:
        return entry
    rest = {name: value for name, value in entry.items() if name != "patterns-of"}
    return {**rest, "patterns": entries[str(other)]["patterns"]}


def _compiled(pattern: str) -> Iterator[re.Pattern[str]]:
    table, _, entry = pattern.partition(": ")
    if table == "words":
        yield from words()[entry]
    else:
        yield re.compile(pattern, re.MULTILINE)


def _rule(cause: str, entry: Mapping[str, Any]) -> CauseRule:
    fields = {name.replace("-", "_"): value for name, value in entry.items()}
    patterns, changes, look_up = fields.pop("patterns"), fields.pop("changes", []), fields.pop("look_up", [])
    return CauseRule(
        cause=cause,
        patterns=tuple(compiled for pattern in patterns for compiled in _compiled(pattern)),
        changes=tuple(Template(option=o, value=v) for change in changes for o, v in change.items()),
        look_up=(look_up,) if isinstance(look_up, str) else tuple(look_up),
        **fields,
    )
