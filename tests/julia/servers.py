"""A real Julia and a registry of small packages, on servers of the official layout: the official ones need a network."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

import platformdirs
import pytest

from r2i.facts.julia import archive_path
from r2i.process import run
from tests.real_engines import BASE
from tests.serving import served
from tests.waiting import alone

HERE = Path(__file__).parent
VERSION = "1.5.3"

#: Pkg downloads the registry with this UUID first.
GENERAL = "23338594-aafe-5451-b93e-139f81909106"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package of the registry; `needs` are UUIDs by name, `julia` what it allows."""

    name: str
    uuid: str
    version: str
    files: Mapping[str, str]
    needs: Mapping[str, str] = field(default_factory=dict)
    julia: str = "1"


GREET = "0d3a9e0e-4a52-4a1e-9a57-6f3d1c2b7a01"
MODERN = "0d3a9e0e-4a52-4a1e-9a57-6f3d1c2b7a03"
TIDES = "0d3a9e0e-4a52-4a1e-9a57-6f3d1c2b7a02"

PACKAGES = (
    Package(
        name="IJulia",
        uuid="7073ff75-c697-5162-941a-fcdaad2a7d2a",
        version="1.0.0",
        files={
            "src/IJulia.jl": (HERE / "stand_in.jl").read_text(),
            "src/kernel.py": (HERE / "stand_in_kernel").read_text(),
        },
    ),
    Package(
        name="Greet",
        uuid=GREET,
        version="1.0.0",
        files={"src/Greet.jl": 'module Greet\nhello() = "hello from Greet 1.0.0"\nend\n'},
    ),
    Package(
        name="Greet",
        uuid=GREET,
        version="2.0.0",
        files={"src/Greet.jl": 'module Greet\nhello() = "hello from Greet 2.0.0"\nend\n'},
    ),
    Package(
        name="Tides",
        uuid=TIDES,
        version="0.3.0",
        files={"src/Tides.jl": "module Tides\nusing Greet\nhigh() = Greet.hello()\nend\n"},
        needs={"Greet": GREET},
    ),
    Package(
        name="Modern",
        uuid=MODERN,
        version="1.0.0",
        files={"src/Modern.jl": "module Modern\nend\n"},
        julia="1.9",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Servers:
    """`environ` names both servers, `archives` is what the plan's layer is to download from the first; `trees` are the hashes of packages by
    name and version, `registry` is that of what the second has."""

    environ: Mapping[str, str]
    archives: tuple[tuple[str, str, str], ...]
    trees: Mapping[tuple[str, str], str]
    registry: str


@contextmanager
def julia_servers() -> Iterator[Servers]:
    machine = platform.machine()
    archive = packed()
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch)) as address:
        place = Path(scratch, archive_path(VERSION, machine))
        place.parent.mkdir(parents=True)
        place.symlink_to(archive)
        registry, trees = _make_registry(Path(scratch))
        environ = {"JULIAUP_SERVER": address, "JULIA_PKG_SERVER": address}
        digest = sha256(archive.read_bytes()).hexdigest()
        archives = ((machine, archive_path(VERSION, machine), digest),)
        yield Servers(environ=environ, archives=archives, trees=trees, registry=registry)


@cache
def packed() -> Path:
    """The archive of Julia, made once and kept below the user's cache directory."""
    script = HERE / "pack.sh"
    digest = sha256(script.read_bytes()).hexdigest()[:12]
    place = platformdirs.user_cache_path("r2i-tests") / "julia" / f"{digest}.tar.gz"
    with alone(place.with_suffix(".lock")):
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
                mounts = ("--volume", f"{script}:/pack.sh:ro", "--volume", f"{scratch}:/made")
                done = run(
                    ["docker", "run", "--rm", *mounts, BASE, "bash", "/pack.sh", "/made/julia.tar.gz"],
                    timeout=600,
                )
                if done.returncode:
                    pytest.skip(f"the Julia of Debian bullseye cannot be packed: {done.stderr[-500:]}")
                shutil.copy(Path(scratch, "julia.tar.gz"), place)
    return place


def _make_registry(server: Path) -> tuple[str, dict[tuple[str, str], str]]:
    """What a server of packages answers to Pkg (https://pkgdocs.julialang.org/v1/registries/)."""
    trees = {}
    with tempfile.TemporaryDirectory() as scratch:
        registry = Path(scratch, "registry")
        table = "\n".join(f'{p.uuid} = {{ name = "{p.name}", path = "{p.name}" }}' for p in _newest())
        _write(
            registry / "Registry.toml",
            f'name = "General"\nuuid = "{GENERAL}"\nrepo = ""\n\n[packages]\n{table}\n',
        )
        for package in PACKAGES:
            tree = _packed_tree(server, package, Path(scratch, f"{package.name}-{package.version}"))
            trees[package.name, package.version] = tree
            directory = registry / package.name
            _write(
                directory / "Package.toml", f'name = "{package.name}"\nuuid = "{package.uuid}"\nrepo = ""\n'
            )
            _append(directory / "Versions.toml", f'["{package.version}"]\ngit-tree-sha1 = "{tree}"\n')
            _append(directory / "Compat.toml", f'["{package.version}"]\njulia = "{package.julia}"\n')
            _append(directory / "Deps.toml", f'["{package.version}"]\n{_table(package.needs)}')
        tree = _archived(registry, server / "registry" / GENERAL)
    _write(server / "registries", f"/registry/{GENERAL}/{tree}\n")
    return tree, trees


def _newest() -> list[Package]:
    return list({package.name: package for package in PACKAGES}.values())


def _packed_tree(server: Path, package: Package, directory: Path) -> str:
    project = f'name = "{package.name}"\nuuid = "{package.uuid}"\nversion = "{package.version}"\n'
    _write(directory / "Project.toml", f"{project}\n[deps]\n{_table(package.needs)}")
    for path, text in package.files.items():
        _write(directory / path, text)
    return _archived(directory, server / "package" / package.uuid)


def _archived(directory: Path, target: Path) -> str:
    """The hash that git has for the tree, under which the archive lies in the target."""
    git = ["git", "-C", str(directory)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    tree = subprocess.run([*git, "write-tree"], check=True, capture_output=True, text=True).stdout.strip()
    shutil.rmtree(directory / ".git")
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target / tree, "w:gz") as archive:
        for path in sorted(directory.iterdir()):
            archive.add(path, arcname=path.name)
    return tree


def _table(values: Mapping[str, str]) -> str:
    return "".join(f'{name} = "{value}"\n' for name, value in values.items())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)
