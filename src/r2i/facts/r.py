"""R: the one of each release, the snapshots of CRAN, what packages need; the tables are `r.toml` and `r_packages.toml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from r2i.facts.tables import read_table
from r2i.model import BaseImage


def r_facts() -> dict[str, Any]:
    """The content of `r.toml`."""
    return read_table("r2i.facts", "r.toml")


def r_of(base: BaseImage) -> str:
    """The minor release of R in the distribution of an image, empty where it is unknown."""
    version = r_facts()["releases"].get(base.release.name) if base.release else None
    return str(version or "")


def packaged(base: BaseImage, name: str) -> bool:
    """Whether the distribution of an image has this package of an R package; renv is too new to be in one that is unknown."""
    absent = r_facts()["absent"].get(base.release.name, ()) if base.release else ("r-cran-renv",)
    return name not in absent


def snapshot(base: BaseImage, day: str) -> str:
    """The path of a day below the server: of binary packages where there are any for the image's release."""
    binary = base.release is not None and base.release.name in r_facts()["binaries"]
    return f"__linux__/{base.release.name}/{day}" if base.release and binary else day


@dataclass(frozen=True, kw_only=True)
class RStudioBuild:
    """A Debian package of RStudio Server: the path below the download server, and the SHA-256 of its bytes."""

    version: str
    path: str
    sha256: str


def rstudio_build(base: BaseImage) -> RStudioBuild:
    """The one whose libraries the release of an image has."""
    builds = r_facts()["rstudio"]["builds"]
    fitting = [each for each in builds if base.release and base.release.name in each["releases"]]
    row = (fitting or builds)[0]
    return RStudioBuild(version=row["version"], path=row["path"], sha256=row["sha256"])


def system_packages(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The Debian packages that R packages and what they depend on need, each with the one asked for, and the one that needs it."""
    table = r_facts()["system"]
    needed: dict[str, tuple[str, str]] = {}
    for name in names:
        own = name.lower()
        for one in sorted(closure([own]), key=lambda one: (one != own, one)):
            for package in table.get(one, "").split():
                needed.setdefault(package, (name, one))
    return dict(sorted(needed.items()))


def closure(names: Iterable[str]) -> set[str]:
    """Packages, in lower case, with all that they depend on."""
    needs, found, pending = r_packages()[1], set[str](), [*names]
    while pending:
        if (name := pending.pop()) not in found:
            found.add(name)
            pending += needs.get(name, ())
    return found


@cache
def r_packages() -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    """What R itself has, and what packages need, in lower case."""
    table = read_table("r2i.facts", "r_packages.toml")
    rows = (line.partition(":") for line in table["needs"].splitlines())
    return tuple(table["base"].split()), {name: tuple(others.split()) for name, _, others in rows}
