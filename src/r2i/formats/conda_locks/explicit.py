"""Explicit locks: a line `@EXPLICIT`, then the address of a package a line, perhaps with its hash."""

from __future__ import annotations

import re

from r2i.errors import InvalidRepositoryError
from r2i.formats.conda_locks.packages import (
    PLATFORM,
    CondaPackage,
    Lock,
    Locked,
    PypiPackage,
    conda_package,
    pypi_package,
)
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import NAME

HASH = re.compile(r"(?P<md5>[0-9a-f]{32})|(?:sha256:)?(?P<sha256>[0-9a-f]{64})", re.IGNORECASE)

#: conda-lock writes what pip is to install into comments: by address, or by version.
PIP = re.compile(
    rf"# pip ({NAME})(?:\[[A-Za-z0-9,._-]+\])? (?:@ (\S+?)|={{2,3}} ?(\S+))(?:(?:#| --hash=)sha256[=:](\w+))?"
)

#: Far more than the largest environment has.
MAX_PACKAGES = 20_000


def is_explicit(text: str) -> bool:
    return re.search(r"^@EXPLICIT\s*$", text, re.MULTILINE) is not None


def read_explicit(text: str, path: str, *, renew: str) -> Lock:
    """Read a lock; its platform is that of its packages."""
    conda: list[CondaPackage] = []
    pypi: list[PypiPackage] = []
    for number, content in enumerate(text.splitlines(), 1):
        line = Line(file=path, number=number, text=content.strip())
        if line.text.startswith("# pip "):
            pypi.append(_pip(line))
        elif line.text and not line.text.startswith(("#", "@EXPLICIT")):
            conda.append(_conda(line))
        if len(conda) + len(pypi) > MAX_PACKAGES:
            raise line.error(f"There are more than {MAX_PACKAGES:,} packages", hint=f"Make it with `{renew}`")
    if not conda:
        raise InvalidRepositoryError(
            f"`{path}` locks no packages", file=path, hint=f"Generate it with `{renew}`"
        )
    platforms = {package.subdir for package in conda} - {"noarch"}
    if len(platforms) > 1:
        raise InvalidRepositoryError(
            f"`{path}` has packages of several platforms: {_list(platforms)}",
            file=path,
            hint=f"Generate it with `{renew}`",
        )
    locked = Locked(conda=tuple(conda), pypi=tuple(pypi))
    return Lock(file=path, platforms={next(iter(platforms), PLATFORM): locked}, renew=renew, extend=renew)


def _conda(line: Line) -> CondaPackage:
    url, _, fragment = line.text.partition("#")
    found = HASH.fullmatch(fragment.strip())
    if fragment and found is None:
        raise line.error(
            f"{quoted(fragment)} is neither an MD5 nor a SHA-256 hash", hint="Regenerate the lock file"
        )
    hashes = found.groupdict() if found else {}
    return conda_package(url.strip(), line, sha256=hashes.get("sha256"), md5=hashes.get("md5"))


def _pip(line: Line) -> PypiPackage:
    found = PIP.fullmatch(line.text)
    if found is None:
        raise line.error(f"{quoted(line.text)} is not a locked distribution", hint="Regenerate the lock file")
    name, url, version, sha256 = found.groups()
    return pypi_package(
        name,
        version=version or _version(url),
        where=url,
        sha256=sha256,
        line=line,
    )


def _version(url: str) -> str | None:
    """The version in the name of a wheel, or of a source distribution."""
    file = url.rpartition("/")[2]
    found = re.fullmatch(r"[^-]+-([^-]+)-.*\.whl|.+-([^-]+)\.(?:tar\.gz|zip)", file)
    return (found[1] or found[2]) if found else None


def _list(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
