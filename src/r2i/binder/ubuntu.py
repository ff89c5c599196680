"""The packages of `apt.txt` as Binder's Ubuntu has them."""

from __future__ import annotations

from functools import cache, lru_cache

from r2i.binder.files import BinderFiles
from r2i.binder.values import BinderPackage, RefusedByBinder
from r2i.buildpacks.apt_names import Gone, Renamed, look_up, names

#: The release that its base image is of, as `apt_names.toml` calls it, and in words.
RELEASE, UBUNTU = "noble", "Ubuntu 24.04"

#: Nobody asks for more packages by hand, or writes more characters.
MOST_PACKAGES, LONGEST = 1_000, 50_000


@lru_cache(maxsize=MOST_PACKAGES)
def not_in_ubuntu(name: str) -> Renamed | Gone | None:
    """What is known of a package that the release does not have; None where it has it, or another one provides it there."""
    return None if name in _provided() else look_up(name, RELEASE)


@cache
def _provided() -> frozenset[str]:
    return frozenset(names()["provided"].split())


def apt_packages(files: BinderFiles) -> tuple[BinderPackage, ...]:
    """What it asks apt for, each once: a version, an architecture or a suite stays as it is written."""
    path = files.config("apt.txt")
    try:
        lines = files.text(path)[:LONGEST].split("\n") if path is not None else []
    except RefusedByBinder:
        return ()
    found: dict[str, BinderPackage] = {}
    for number, line in enumerate(lines, 1):
        for word in line.partition("#")[0].split():
            found.setdefault(word, _package(word, number))
        if len(found) >= MOST_PACKAGES:
            break
    return tuple(found.values())


def _package(word: str, line: int) -> BinderPackage:
    match not_in_ubuntu(word.partition("=")[0]):
        case Renamed(to=to):
            return BinderPackage(name=word, line=line, exists=False, instead=to)
        case Gone():
            return BinderPackage(name=word, line=line, exists=False)
        case None:
            return BinderPackage(name=word, line=line)
