"""What a package is called in a release: the lookups in `apt_names.toml`, all pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from r2i.facts.tables import read_table

#: How the time_t transition of 2024 marks a library; releases before it know the name without the mark.
TIME64 = "t64"


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """The packages that a release has instead of one, none where it needs none, and why where that is not plain.

    `guess` is true where the new package is another version: what was built for the old one may not work with it.
    """

    to: tuple[str, ...]
    why: str = ""
    guess: bool = False


@dataclass(frozen=True, kw_only=True)
class Gone:
    """A package that a release does not have: the releases that have it, newest first, and what may serve instead.

    `certain` is false where the release is still in development: it may have the package tomorrow.
    """

    releases: tuple[str, ...]
    instead: str = ""
    certain: bool = True


def names() -> dict[str, Any]:
    """The content of `apt_names.toml`."""
    return read_table("r2i.buildpacks", "apt_names.toml")


@cache
def _rows(table: str) -> dict[str, list[list[str]]]:
    """The lines of one of the texts in `apt_names.toml`, by name: a name has as many lines as different answers."""
    rows: dict[str, list[list[str]]] = {}
    for line in names()[table].strip().splitlines():
        name, *values = (value.strip() for value in line.split("|"))
        rows.setdefault(name, []).append(values)
    return rows


def look_up(name: str, release: str) -> Renamed | Gone | None:
    """What is known of a name in a release; None where it is, as far as we know, a package of it."""
    for to, releases, *why in _rows("renamed").get(name, ()):
        if release in releases.split():
            return Renamed(to=tuple(to.split()), why="".join(why))
    if locale_of(name) and release in names()["without_language_packs"].split():
        return Renamed(to=("locales",), why=f"it generates `{locale_of(name)}`")
    for releases, *instead in _rows("gone").get(name, ()):
        if release not in releases.split():
            certain = release not in names()["in_development"].split()
            return Gone(releases=tuple(releases.split()), instead="".join(instead), certain=certain)
    if name.endswith(TIME64) and release in names()["before_time64"].split():
        return Renamed(
            to=(name.removesuffix(TIME64),), why="this release predates the 64-bit time transition"
        )
    return _other_version(name, release)


def locale_of(name: str) -> str | None:
    """The locale that one of Ubuntu's language packs stands for (`language-pack-fr` → `fr_FR.UTF-8`)."""
    match = re.fullmatch(r"language-pack-(?:gnome-)?([a-z]{2,3})(?:-base)?", name)
    if match is None:
        return None
    language = match[1]
    country = names()["countries"].get(language, language.upper())
    return f"{language}_{country}.UTF-8"


def compiles(name: str) -> bool:
    """Whether a package is, or is of no use without, a compiler."""
    return re.fullmatch(names()["compilers"], name) is not None


def _other_version(name: str, release: str) -> Renamed | None:
    """The nearest version of a package that carries its version in its name: the next newer, else the newest."""
    for family in names()["families"]:
        match = re.fullmatch(family["pattern"], name)
        if match is None or release not in family:
            continue
        wanted, there = match["version"], family[release].split()
        if wanted in there:
            return None
        newer = [version for version in there if _key(version) >= _key(wanted)]
        version = min(newer, key=_key) if newer else max(there, key=_key)
        start, end = match.span("version")
        return Renamed(to=(f"{name[:start]}{version}{name[end:]}",), why=family.get("why", ""), guess=True)
    return None


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
