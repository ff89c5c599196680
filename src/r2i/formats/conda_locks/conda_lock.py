"""`conda-lock.yml`: one lock for many platforms, with the distributions that pip is to install."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.conda_locks.packages import (
    MACHINES,
    PLATFORM,
    CondaPackage,
    Lock,
    Locked,
    PypiPackage,
    conda_package,
    pypi_package,
)
from r2i.formats.conda_locks.tables import LockTable
from r2i.formats.yaml_text import Text, read_yaml

VERSIONS = ("1", "2")

#: What `conda-lock install` takes where nothing else is said.
CATEGORIES = frozenset({"main", "dev"})


@dataclass(frozen=True, kw_only=True)
class CondaLock:
    """`sources` are the files that were locked, relative to the lock; `categories` all that it has."""

    lock: Lock
    sources: tuple[str, ...]
    categories: frozenset[str]


def read_conda_lock(checkout: Checkout, path: str, wanted: Collection[str]) -> CondaLock:
    """Read a lock: what is in the categories `main`, `dev` and those that are wanted, too."""
    top = LockTable(read_yaml(checkout, path), path, f"`{path}`")
    version = top.text("version")
    if version not in VERSIONS:
        raise InvalidRepositoryError(
            f"`{path}` has format version {version or 'none'}; r2i supports only version 1",
            file=path,
            line=version.line if version else None,
            hint="Regenerate it with conda-lock 1.0 or later",
        )
    sources = tuple(top.table("metadata").texts("sources"))
    renew = "conda-lock" + "".join(f" -f {source}" for source in sources)
    packages = list(top.tables("package", "A package"))
    categories = frozenset(c for package in packages for c in _categories(package))
    taken = CATEGORIES | set(wanted)
    platforms: dict[str, list[LockTable]] = {name: [] for name in top.table("metadata").texts("platforms")}
    for package in packages:
        if not taken.isdisjoint(_categories(package)):
            platforms.setdefault(package.required("platform"), []).append(package)
    lock = Lock(
        file=path,
        platforms={name: _locked(found if name in MACHINES else []) for name, found in platforms.items()},
        renew=renew,
        extend=f"{renew} -p {PLATFORM}",
    )
    return CondaLock(lock=lock, sources=sources, categories=categories)


def _categories(package: LockTable) -> Collection[str]:
    several = package.texts("categories")
    return several or [package.text("category") or Text("main")]


def _locked(packages: list[LockTable]) -> Locked:
    """A package of several categories is there several times."""
    conda = {package.name: package for package in _conda(packages)}
    pypi = {package.name: package for package in _pypi(packages)}
    return Locked(conda=tuple(conda.values()), pypi=tuple(pypi.values()))


def _conda(packages: list[LockTable]) -> Iterator[CondaPackage]:
    for package in packages:
        if package.text("manager") != "pip" and not package.required("name").startswith("__"):
            url, hashes = package.required("url"), package.table("hash")
            yield conda_package(url, package.line(url), sha256=hashes.text("sha256"), md5=hashes.text("md5"))


def _pypi(packages: list[LockTable]) -> Iterator[PypiPackage]:
    for package in packages:
        if package.text("manager") == "pip":
            url = package.table("source").text("url") or package.required("url")
            yield pypi_package(
                package.required("name"),
                version=package.text("version"),
                where=url,
                sha256=package.table("hash").text("sha256"),
                line=package.line(url),
            )
