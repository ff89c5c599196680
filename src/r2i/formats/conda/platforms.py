"""What in an environment is for another platform than the image's, which is Linux."""

from __future__ import annotations

import re
from collections.abc import Iterable

from r2i.formats.conda.specs import Spec

#: The builds of these say which variant it is, and not for which platform.
KEPT = frozenset({"blas", "libblas", "liblapack", "mpi", "nomkl", "_openmp_mutex"})

#: Packages that no channel has for Linux: by name, by its beginning, or by its end.
WINDOWS = re.compile(
    r"vc|vc1\d_runtime|vcomp1\d|vs20\d\d_.*|ucrt|wincertstore|win_inet_pton|win_unicode_console|pywin32|pywinpty|winpty"
    r"|pywin32-ctypes|pthreads-win32|windows-curses|comtypes|vswhere|m2w64-.*|m2-.*|msys2-.*|libwinpthread|console_shortcut.*|powershell_shortcut.*|.*_win-(?:32|64)"
)
MACOS = re.compile(
    r"appnope|python\.app|pyobjc.*|libcxxabi|tapi|cctools.*|ld64.*|applaunchservices|.*_osx-(?:64|arm64)"
)

#: What the compilers of macOS bring: in an export of it, these are for macOS, too, with versions that Linux does not have.
RUNTIMES = frozenset({"libcxx", "libgfortran", "libgfortran5"})

#: What every export of Linux has of its compilers, and no other one.
LINUX = re.compile(r"_libgcc_mutex|libgcc(?:-ng)?|libstdcxx(?:-ng)?|ld_impl_linux-.*")

#: Selectors as conda-build and conda-lock know them; what is not understood is kept.
HERE = frozenset(
    {"linux", "unix", "linux64", "linux-64", "linux-aarch64", "linux_aarch64", "x86_64", "x86", "py3k", "py"}
)
ELSEWHERE = frozenset(
    {"win", "win32", "win64", "win-64", "win-arm64", "osx", "osx64", "osx-64", "osx-arm64", "arm64"}
)


def elsewhere(name: str, *, exported_on: str | None = None) -> str | None:
    """The platform that alone has the package; some only count in an export of that platform."""
    if WINDOWS.fullmatch(name):
        return "Windows"
    return "macOS" if MACOS.fullmatch(name) or (exported_on == "macOS" and name in RUNTIMES) else None


def exporter(specs: Iterable[Spec], prefix: str) -> str | None:
    """The platform on which an environment was exported, where it was another one: its path says so, or its packages."""
    found = {spec.name: spec for spec in specs}
    if (other := author_platform(prefix)) or any(map(LINUX.fullmatch, found)):
        return other
    runtime = found.get("libcxx")
    return next(filter(None, map(elsewhere, found)), "macOS" if runtime and runtime.build else None)


def author_platform(prefix: str) -> str | None:
    """The platform on which an environment with this path was exported, where it was another one."""
    if re.match(r"[A-Za-z]:[\\/]", prefix):
        return "Windows"
    return "macOS" if re.match(r"/Users/|/opt/homebrew/", prefix) else None


def selected(selector: str) -> bool:
    """Whether a selector (`win`, `not osx`, `linux64 or osx`) takes a package for Linux."""
    return any(_one(part.split()) for part in re.split(r"\bor\b|,", selector))


def _one(words: list[str]) -> bool:
    negated = words[:1] == ["not"]
    rest = words[1:] if negated else words
    if len(rest) != 1 or rest[0] not in HERE | ELSEWHERE:
        return True
    return (rest[0] in HERE) != negated
