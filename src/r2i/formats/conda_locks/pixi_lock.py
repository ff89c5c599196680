"""`pixi.lock`, versions 4 to 7 of its format: the default environment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

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
    local_package,
    pypi_package,
)
from r2i.formats.conda_locks.tables import LockTable
from r2i.formats.requirements.lines import quoted
from r2i.formats.requirements.specifiers import normalised
from r2i.formats.yaml_text import Text, read_yaml

VERSIONS = ("4", "5", "6", "7")
PURL = re.compile(r"pkg:pypi/([A-Za-z0-9._-]+)")
SOURCES = ("conda_source", "source")


def read_pixi_lock(checkout: Checkout, path: str, *, editable: Collection[str]) -> Lock:
    """Read a lock; `editable` are the distributions of the repository that the manifest wants to be."""
    top = LockTable(read_yaml(checkout, path), path, f"`{path}`")
    version = top.text("version")
    if version not in VERSIONS:
        old = version is not None and re.fullmatch(r"[0-3]", version) is not None
        raise InvalidRepositoryError(
            f"`{path}` has format version {version or 'none'}; r2i supports versions 4 to 7",
            file=path,
            line=version.line if version else None,
            hint="Run `pixi lock` with a newer pixi" if old else "Lock with an older pixi, or upgrade r2i",
        )
    environments = top.table("environments")
    if Text("default") not in environments.value:
        raise InvalidRepositoryError(
            f"`{path}` has no environment `default`", file=path, hint="Run `pixi lock`"
        )
    reader = _LockReader(checkout, top, editable)
    packages = environments.table("default").table("packages")
    return Lock(
        file=path,
        platforms={
            platform: reader.locked(packages, name) for name, platform in _platforms(top, packages).items()
        },
        renew="pixi lock",
        extend=f"pixi workspace platform add {PLATFORM}",
        provides=frozenset(reader.provided()),
    )


def _platforms(top: LockTable, packages: LockTable) -> Mapping[str, str]:
    """The names of platforms and what they are: since version 7, one may have any name."""
    named = {
        platform.required("name"): platform.text("subdir") or platform.required("name")
        for platform in top.tables("platforms", "A platform")
    }
    # The plain one last: it decides where several are for the same platform.
    names = sorted(packages.names(), key=lambda name: name in MACHINES)
    return {name: named.get(name, name) for name in names}


class _LockReader:
    """The packages of a lock by their address: environments name them by that alone."""

    def __init__(self, checkout: Checkout, top: LockTable, editable: Collection[str]) -> None:
        self.checkout = checkout
        self.editable = editable
        self.conda: dict[str, LockTable] = {}
        self.pypi: dict[str, LockTable] = {}
        for package in top.tables("packages", "A package"):
            kind = package.text("kind")
            where = package.text("url") or package.text("path")
            if kind == "conda" or package.text("conda"):
                self.conda.setdefault(package.text("conda") or where or "", package)
            elif kind == "pypi" or package.text("pypi"):
                self.pypi.setdefault(package.text("pypi") or where or "", package)

    def locked(self, packages: LockTable, platform: str) -> Locked:
        conda, pypi = [], []
        for selected in packages.tables(platform, "A package"):
            for source in SOURCES:
                if text := selected.text(source):
                    raise _not_built(selected, text)
            if address := selected.text("conda"):
                conda.append(self.conda_package(selected, address))
            elif address := selected.text("pypi"):
                pypi.append(self.pypi_package(selected, address))
        return Locked(conda=tuple(conda), pypi=tuple(pypi))

    def provided(self) -> Iterator[str]:
        """The names on PyPI of conda packages, which a lock knows as `pkg:pypi/numpy`."""
        for package in self.conda.values():
            for purl in package.texts("purls"):
                if found := PURL.match(purl):
                    yield normalised(found[1])

    def conda_package(self, selected: LockTable, address: Text) -> CondaPackage:
        if not re.search(r"\.(conda|tar\.bz2)$", address):
            raise _not_built(selected, address)
        package = self.conda.get(address) or _missing(selected, address)
        return conda_package(
            address, selected.line(address), sha256=package.text("sha256"), md5=package.text("md5")
        )

    def pypi_package(self, selected: LockTable, address: Text) -> PypiPackage:
        package = self.pypi.get(address) or _missing(selected, address)
        name, version, line = package.required("name"), package.text("version"), selected.line(address)
        if re.match(r"(direct\+)?(https?|git\+\w+|file)://", address):
            return pypi_package(
                name, version=version, where=address, sha256=package.text("sha256"), line=line
            )
        editable = package.text("editable") == "true" or name in self.editable
        return local_package(
            name, version=version, path=address, editable=editable, checkout=self.checkout, line=line
        )


def _missing(selected: LockTable, address: Text) -> LockTable:
    raise selected.line(address).error(
        f"{quoted(address)} is in the environment but not in the package list", hint="Run `pixi lock`"
    )


def _not_built(selected: LockTable, address: Text) -> InvalidRepositoryError:
    return selected.line(address).error(
        f"{quoted(address)} is a conda package to build from source, which r2i does not support",
        hint="Publish it in a channel, or move it to `[pypi-dependencies]`",
    )
