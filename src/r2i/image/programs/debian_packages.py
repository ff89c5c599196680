"""Debian packages that are there for the length of a step, and those that stay.

Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Sequence

from separation import ENVIRONMENT, run

COMPILERS = ("g++", "gcc", "gfortran", "libc6-dev", "make", "pkg-config")

#: The headers of the base image's Python; others bring theirs.
HEADERS = "libpython3-dev"


def toolchain() -> tuple[str, ...]:
    # An interpreter of uv's has its headers beside it.
    of_base = (ENVIRONMENT / "bin/python").resolve().parent == Path("/usr/bin")
    return (*COMPILERS, *((HEADERS,) if of_base else ()))


def apt_install(names: Sequence[str]) -> bool:
    """Say nothing where it works; wait for other builds, whose cache is the same."""
    with Path("/var/cache/apt/r2i.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (["update", "-q"], ["install", "-yq", "--no-install-recommends", *names]):
            done = run("/usr/bin/apt-get", *command)
            if done.returncode != 0:
                print(done.stdout, end="", flush=True)
                return False
    return True


def purge(added: set[str]) -> None:
    # Unlike apt-get, dpkg leaves what anything else needs by now.
    if added:
        run("/usr/bin/dpkg", "--purge", *sorted(added))


def packages() -> set[str]:
    return {line[3:] for line in dpkg_query("${binary:Package}") if line.startswith("ii ")}


def is_installed(name: str) -> bool:
    return any(line.startswith("ii ") for line in dpkg_query("", name))


def dpkg_query(field: str, *names: str) -> list[str]:
    return run(
        "/usr/bin/dpkg-query", "-W", "-f=${db:Status-Abbrev}" + field + "\n", *names
    ).stdout.splitlines()
