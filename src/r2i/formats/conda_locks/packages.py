"""What a lock names: conda packages by their addresses, and distributions of PyPI, each checked before it is believed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.local import local
from r2i.formats.requirements.specifiers import NAME, normalised
from r2i.formats.requirements.urls import direct_url, has_credentials
from r2i.model import Notice

#: The platform that a plan is for. One that is locked, too, is in the plan for machines of that kind.
PLATFORM = "linux-64"
OTHER_PLATFORM = "linux-aarch64"
MACHINES = {PLATFORM: "x86_64", OTHER_PLATFORM: "aarch64"}

ARCHIVE = re.compile(
    r"(?P<channel>https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~%+@-]+)*)"
    r"/(?P<subdir>[a-z0-9-]+)"
    r"/(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)-(?P<version>[A-Za-z0-9_.!+%~]+)-(?P<build>[A-Za-z0-9_.+%~]+)"
    r"\.(?:conda|tar\.bz2)"
)
SHA256 = re.compile(r"[0-9a-f]{64}")
MD5 = re.compile(r"[0-9a-f]{32}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._!+-]*")
TOKEN = re.compile(r"/t/[^/]+/")

#: Where PyPI and its mirrors have a file: below the digest of its contents.
OF_INDEX = re.compile(r"https://[A-Za-z0-9.:/_-]+/packages/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/]+")


@dataclass(frozen=True, kw_only=True)
class CondaPackage:
    name: str
    version: str
    build: str
    subdir: str
    url: str
    sha256: str | None
    md5: str | None
    line: Line


@dataclass(frozen=True, kw_only=True)
class PypiPackage:
    """A distribution: a line of a requirements file, or, where it lies in the repository, arguments of uv."""

    name: str
    version: str | None
    requirement: str | None
    local: tuple[str, ...]
    line: Line
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Locked:
    """What a lock has for one platform."""

    conda: tuple[CondaPackage, ...]
    pypi: tuple[PypiPackage, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock; `renew` is the command that makes it anew, `extend` the one that makes it for the plan's platform, too.

    `provides` are the distributions of PyPI that its conda packages are, empty where the lock does not tell.
    """

    file: str
    platforms: Mapping[str, Locked]
    renew: str
    extend: str
    provides: Collection[str] = ()

    @property
    def locked(self) -> Locked:
        return self.platforms[PLATFORM]


def conda_package(url: str, line: Line, *, sha256: str | None = None, md5: str | None = None) -> CondaPackage:
    """Understand the address of a package; raise where no build could or should fetch it."""
    found = ARCHIVE.fullmatch(url)
    if found is None or TOKEN.search(url):
        raise _not_an_address(url, line)
    return CondaPackage(
        name=found["name"].lower(),
        version=unquote(found["version"]),
        build=unquote(found["build"]),
        subdir=found["subdir"],
        url=url,
        sha256=_hash(sha256, SHA256, line),
        md5=_hash(md5, MD5, line),
        line=line,
    )


def _not_an_address(url: str, line: Line) -> InvalidRepositoryError:
    if TOKEN.search(url) or re.match(r"[a-z+]+://[^/]*@", url) or "$" in url:
        shown = TOKEN.sub("/t/…/", re.sub(r"\$\{?\w+\}?", "…", url))
        return line.error(
            f"{quoted(shown)} holds a password or a token",
            hint="Remove it from the URL, and configure it for conda on the build machine",
        )
    if not re.match(r"https?://", url):
        return line.error(
            f"{quoted(url)} cannot be reached from a build step", hint="Use `https://` URLs for packages"
        )
    return line.error(
        f"{quoted(url)} is not the URL of a conda package",
        hint="Write it like `https://conda.anaconda.org/conda-forge/noarch/name-1.0-build.conda`",
    )


def _hash(value: str | None, form: re.Pattern[str], line: Line) -> str | None:
    if value is None:
        return None
    if not form.fullmatch(value.lower()):
        raise line.error(f"{quoted(value)} is not a hash", hint="Regenerate the lock file")
    return value.lower()


def pypi_package(
    name: str, *, version: str | None, where: str | None, sha256: str | None, line: Line
) -> PypiPackage:
    """Understand a distribution and the address that it is locked to.

    What lies in an index is asked for by name, version and hash, so that a mirror of the machine that builds has it.
    """
    if not re.fullmatch(NAME, name, re.ASCII) or not (version is None or VERSION.fullmatch(version)):
        raise line.error(
            f"{quoted(f'{name} {version}')} is not a distribution", hint="Regenerate the lock file"
        )
    digest = _hash(sha256, SHA256, line)
    suffix = f" --hash=sha256:{digest}" if digest else ""
    unchecked: tuple[Notice, ...] = (
        () if digest else (line.warning(f"`{name}` is locked without a hash, so r2i cannot verify it"),)
    )
    if version and (where is None or (digest and OF_INDEX.fullmatch(where))):
        requirement, notices = f"{name}=={version}{suffix}", unchecked
    else:
        if where is None or has_credentials(where):
            raise _not_an_address(where or "", line)
        direct = direct_url(_as_pip_writes(where), line)
        by_commit = direct.url.startswith("git+")
        requirement = f"{name} @ {direct.url}{'' if by_commit else suffix}"
        notices = direct.notices if by_commit else (*direct.notices, *unchecked)
    return PypiPackage(
        name=normalised(name),
        version=version,
        requirement=requirement,
        local=(),
        line=line,
        notices=notices,
    )


def local_package(
    name: str, *, version: str | None, path: str, editable: bool, checkout: Checkout, line: Line
) -> PypiPackage:
    """Understand a distribution that lies in the repository."""
    found = local(path, checkout, line, editable=editable)
    return PypiPackage(
        name=normalised(name),
        version=version,
        requirement=None,
        local=("-e", found.argument) if editable else (found.argument,),
        line=line,
        notices=found.notices,
    )


def _as_pip_writes(where: str) -> str:
    """`git+https://host/repo?tag=v1&subdirectory=x#<commit>` becomes `git+https://host/repo@<commit>#subdirectory=x`."""
    where = where.removeprefix("direct+")
    found = re.fullmatch(r"(git\+[^?#@]+(?:@[^?#/@]+/[^?#@]*)?)(?:\?([^#]*))?#([0-9a-f]{40})", where)
    if found is None:
        return where
    folder = re.search(r"(?:^|&)subdirectory=([^&]+)", found[2] or "")
    return f"{found[1]}@{found[3]}" + (f"#subdirectory={unquote(folder[1])}" if folder else "")
