"""The releases of Julia that r2i installs, and the registered packages; the tables are `julia.toml` and `julia_packages.txt.gz`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from uuid import UUID

from r2i.facts.tables import read_compressed, read_table

#: Where the archives lie unless the machine names a mirror (`JULIAUP_SERVER`).
SERVER = "https://julialang-s3.julialang.org"

#: The machines that there are archives for, as `uname -m` calls them, and the directories of these.
MACHINES = MappingProxyType({"x86_64": "x64", "aarch64": "aarch64"})

#: What the official builds are compiled for, so that one image starts fast on every node of a hub
#: (https://github.com/JuliaCI/julia-buildkite/blob/main/utilities/build_envs.sh). Older ones keep no machine code of packages.
CPU_TARGETS: Mapping[tuple[int, int], Mapping[str, str]] = MappingProxyType(
    {
        (1, 11): {
            "x86_64": "generic;sandybridge,-xsaveopt,clone_all;haswell,-rdrnd,base(1);x86-64-v4,-rdrnd,base(1)",
            "aarch64": "generic;cortex-a57;thunderx2t99;carmel,clone_all;apple-m1,base(3);neoverse-512tvb,base(3)",
        },
        (1, 9): {
            "x86_64": "generic;sandybridge,-xsaveopt,clone_all;haswell,-rdrnd,base(1)",
            "aarch64": "generic;cortex-a57;thunderx2t99;carmel",
        },
    }
)


@dataclass(frozen=True, kw_only=True)
class JuliaArchive:
    """What is downloaded for a machine: the path below the server, and the SHA-256 of its bytes."""

    machine: str
    path: str
    sha256: str


def release_number(version: str) -> tuple[int, int, int]:
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch)


@cache
def releases() -> tuple[str, ...]:
    """All stable versions, the oldest first (`1.10.4`)."""
    return tuple(sorted(_rows(), key=release_number))


def archives(version: str) -> tuple[JuliaArchive, ...]:
    """One for each machine that the release was built for."""
    row = _rows()[version]
    return tuple(
        JuliaArchive(machine=machine, path=archive_path(version, machine), sha256=row[machine])
        for machine in MACHINES
        if machine in row
    )


def archive_path(version: str, machine: str) -> str:
    minor = version.rpartition(".")[0]
    return f"bin/linux/{MACHINES[machine]}/{minor}/julia-{version}-linux-{machine}.tar.gz"


def cpu_targets(version: str) -> Mapping[str, str]:
    """By machine; empty where the release keeps no machine code."""
    minor = release_number(version)[:2]
    return next((targets for since, targets in CPU_TARGETS.items() if minor >= since), {})


@cache
def _rows() -> dict[str, dict[str, str]]:
    return {row["version"]: row for row in read_table("r2i.facts", "julia.toml")["releases"]}


def package_uuid(name: str) -> str | None:
    """The UUID by which a project asks for a package of the General registry; None where the table has none of this name."""
    uuid = _packages().get(name)
    return str(UUID(uuid)) if uuid else None


@cache
def _packages() -> Mapping[str, str]:
    lines = read_compressed("r2i.facts", "julia_packages.txt.gz").splitlines()
    return {name: uuid for name, _, uuid in (line.partition(" ") for line in lines)}
