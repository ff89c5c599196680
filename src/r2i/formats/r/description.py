"""`DESCRIPTION`: what an R package says of itself (https://cran.r-project.org/doc/manuals/r-release/R-exts.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from r2i.formats.r.packages import NAME, RPackage

FIELD = re.compile(r"(?P<name>[A-Za-z][\w.@/-]*):(?P<value>.*)", re.ASCII)

#: What `install.packages` installs with a package.
OF_DEPENDENCIES = ("Depends", "Imports", "LinkingTo")
ENTRY = re.compile(
    rf"\s*(?P<name>{NAME.pattern}|R)\s*(?:\(\s*(?P<operator>[<>=!]*)\s*(?P<version>\d[\d.-]{{0,30}})\s*\))?\s*",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class RDescription:
    """The name of an R package, what it needs, and the R that it needs at least (`4.1.0`), empty where it does not say."""

    package: RPackage
    dependencies: tuple[RPackage, ...] = ()
    minimum: str = ""
    minimum_line: int = 1


def read_description(text: str) -> RDescription | None:
    """None where it is no description of an R package: other tools have files of that name."""
    fields: dict[str, list[tuple[int, str]]] = {}
    here: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line[:1].isspace():
            here.append((number, line))
        elif found := FIELD.fullmatch(line):
            here = fields.setdefault(found["name"], [])
            here.append((number, found["value"]))
    names = [(number, value.strip()) for number, value in fields.get("Package", ())]
    if not names or not NAME.fullmatch(names[0][1]):
        return None
    entries = [entry for name in OF_DEPENDENCIES for entry in _entries(fields.get(name, []))]
    least = next(((e["version"], n) for n, e in entries if e["name"] == "R" and _is_least(e)), ("", 1))
    needed: dict[str, RPackage] = {}
    for number, entry in entries:
        if entry["name"] != "R":
            needed.setdefault(entry["name"], RPackage(name=entry["name"], line=number))
    return RDescription(
        package=RPackage(name=names[0][1], line=names[0][0]),
        dependencies=tuple(needed.values()),
        minimum=least[0],
        minimum_line=least[1],
    )


def _entries(lines: list[tuple[int, str]]) -> Iterator[tuple[int, re.Match[str]]]:
    """The entries between commas, each in the line in which its name stands."""
    for number, line in lines:
        for part in line.split(","):
            if found := ENTRY.fullmatch(part) or ENTRY.match(part):
                yield number, found


def _is_least(entry: re.Match[str]) -> bool:
    return entry["version"] is not None and entry["operator"] in (">=", ">")
