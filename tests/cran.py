"""A mirror of CRAN with snapshots of days, laid out as Posit Package Manager has them, of packages that are made here."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.serving import served


@dataclass(frozen=True, kw_only=True)
class CranPackage:
    """A source package: the fields of its description beyond those that all have, R code, and C code where it compiles."""

    name: str
    version: str = "1.0"
    imports: str = ""
    code: str = ""
    c: str = ""

    @property
    def description(self) -> str:
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Title": "A Package of the Tests",
            "Description": "It is small.",
            "Author": "r2i",
            "Maintainer": "r2i <r2i@example.org>",
            "License": "GPL-3",
            "Imports": self.imports,
            "NeedsCompilation": "yes" if self.c else "no",
            "Repository": "CRAN",
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)

    @property
    def files(self) -> dict[str, str]:
        dynamic = f"useDynLib({self.name})\n" if self.c else ""
        files = {
            "DESCRIPTION": self.description,
            "NAMESPACE": f'{dynamic}exportPattern("^[a-z]")\n',
            "R/code.R": self.code,
        }
        return files | ({"src/code.c": self.c} if self.c else {})


GREETING = CranPackage(name="greeting", code='greet <- function() "hello, 1.0"\n')
PACKAGES = (
    CranPackage(name="greeting", version="2.0", code='greet <- function() "hello, 2.0"\n'),
    CranPackage(
        name="polite", imports="greeting", code='ask <- function() paste(greeting::greet(), "please")\n'
    ),
    CranPackage(
        name="compiled",
        code='answer <- function() .Call("answer", PACKAGE = "compiled")\n',
        c="#include <Rinternals.h>\nSEXP answer(void) { return Rf_ScalarInteger(42); }\n",
    ),
    CranPackage(name="needy", imports="absent"),
    CranPackage(name="broken", code='stop("this package never installs")\n'),
)

#: What there is on which day; `latest` is the last.
DAYS = {"2024-01-01": (GREETING,), "2024-10-31": PACKAGES, "latest": PACKAGES}

#: The releases that the server has packages for, which are all source packages.
RELEASES = ("bookworm", "trixie")


@contextmanager
def cran_mirror(more: tuple[CranPackage, ...] = ()) -> Iterator[str]:
    """Serve the mirror, with more packages on its last days; gives what `R2I_CRAN` is set to."""
    with tempfile.TemporaryDirectory() as top, served(Path(top)) as server:
        _make(Path(top) / "cran", more)
        yield f"{server}/cran"


def _make(target: Path, more: tuple[CranPackage, ...]) -> None:
    for day, usual in DAYS.items():
        packages = (*usual, *more) if usual == PACKAGES else usual
        contrib = target / day / "src" / "contrib"
        contrib.mkdir(parents=True)
        for package in packages:
            _archive(contrib / f"{package.name}_{package.version}.tar.gz", package)
        (contrib / "PACKAGES").write_text("\n".join(package.description for package in packages))
        for package in {GREETING} - {*packages}:
            _archive(contrib / f"Archive/{package.name}/{package.name}_{package.version}.tar.gz", package)
        for release in RELEASES:
            link = target / "__linux__" / release / day
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target / day)


def _archive(file: Path, package: CranPackage) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as archive:
        for name, text in package.files.items():
            data = text.encode()
            member = tarfile.TarInfo(f"{package.name}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
