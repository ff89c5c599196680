"""Nix: the version in each release, and the nixpkgs that `<nixpkgs>` means; the table is `nix.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from r2i.facts.tables import read_table
from r2i.model import BaseImage

ARCHIVES = "https://github.com/NixOS/nixpkgs/archive"

#: The first version with flakes.
WITH_FLAKES = "2.4"


@dataclass(frozen=True, kw_only=True)
class Nixpkgs:
    """A revision of nixpkgs: the branch that it is of, its day, and the hash of its files."""

    name: str
    date: str
    revision: str
    sha256: str

    @property
    def url(self) -> str:
        return f"{ARCHIVES}/{self.revision}.tar.gz"


def nix_of(base: BaseImage) -> str:
    """The version of Nix in the distribution of an image, empty where it is unknown."""
    version = read_table("r2i.facts", "nix.toml")["releases"].get(base.release.name) if base.release else None
    return str(version or "")


def has_flakes(version: str) -> bool:
    """Whether this version of Nix evaluates a `flake.nix`; one that is unknown most likely does."""
    return not version or _key(version) >= _key(WITH_FLAKES)


def nixpkgs_for(version: str) -> Nixpkgs:
    """The newest nixpkgs that this version of Nix evaluates; an unknown version is taken for a new one."""
    rows = read_table("r2i.facts", "nix.toml")["nixpkgs"]
    row = next(row for row in rows if not version or _key(row["nix"]) <= _key(version))
    return Nixpkgs(name=row["name"], date=row["date"], revision=row["revision"], sha256=row["sha256"])


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
