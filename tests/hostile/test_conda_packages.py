"""A conda package puts no file outside of the environment, and takes none from there: the fetcher that links it writes shared caches."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest

from r2i.process import Completed, run
from tests.cases import ROOT
from tests.image.test_conda_fetch import serving

PROGRAMS = ROOT / "src" / "r2i" / "image" / "programs"

#: Runs `conda_fetch.py` between a prefix and a cache of the test's.
RUNNER = """
import asyncio, os, pathlib, sys
sys.path.insert(0, sys.argv[1])
import conda_fetch
conda_fetch.PREFIX, conda_fetch.CACHE = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
try:
    asyncio.run(conda_fetch.make({"channels": [sys.argv[4]], "specs": sys.argv[5:], "exclude_newer": None}, [], "3.9"))
except conda_fetch.NotInstalledError as failure:
    print("r2i:", failure, flush=True)
    os._exit(1)
sys.stdout.flush()
os._exit(0)
"""

SECRET = "canary-s3cret"


@dataclass(frozen=True, kw_only=True)
class Package:
    """`links` are in its archive; `paths` is what it says of itself, where that is not the truth."""

    name: str
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    paths: Sequence[tuple[str, str]] | None = None
    old: bool = False

    @property
    def info(self) -> dict[str, object]:
        known: dict[str, object] = {"name": self.name, "version": "1.0", "build": "0", "build_number": 0}
        return {**known, "depends": [], "subdir": "noarch", "noarch": "generic"}

    @cached_property
    def archive(self) -> bytes:
        paths = self.paths
        if paths is None:
            paths = [
                *((path, "hardlink") for path in self.files),
                *((path, "softlink") for path in self.links),
            ]
        listed = [{"_path": path, "path_type": kind} for path, kind in paths]
        texts = {**self.files, "info/index.json": json.dumps(self.info)}
        if self.old:
            texts["info/files"] = "".join(f"{path}\n" for path, _ in paths)
        else:
            texts["info/paths.json"] = json.dumps({"paths": listed, "paths_version": 1})
        result = io.BytesIO()
        with tarfile.open(fileobj=result, mode="w:bz2") as tar:
            for path, text in texts.items():
                member = tarfile.TarInfo(path)
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
            for path, target in self.links.items():
                member = tarfile.TarInfo(path)
                member.type, member.linkname = tarfile.SYMTYPE, target
                tar.addfile(member)
        return result.getvalue()


@dataclass(frozen=True)
class Machine:
    """A cache that repositories share, with the package `good` in it, and an environment to make."""

    top: Path

    @property
    def cached(self) -> Path:
        return self.top / "cache" / "pkgs" / "good-1.0-0" / "lib" / "good.py"

    def install(self, *packages: Package) -> Completed:
        directory = self.top / f"channel-{len(list(self.top.glob('channel-*')))}" / "hostile"
        index = {}
        for subdir in ("noarch", "linux-64", "linux-aarch64"):
            (directory / subdir).mkdir(parents=True)
        for package in (PYTHON, *packages):
            data = package.archive
            file = f"{package.name}-1.0-0.tar.bz2"
            (directory / "noarch" / file).write_bytes(data)
            hashes = {"sha256": sha256(data).hexdigest(), "md5": md5(data).hexdigest()}
            index[file] = {**package.info, **hashes, "size": len(data)}
        for subdir in ("noarch", "linux-64", "linux-aarch64"):
            repodata = {"info": {"subdir": subdir}, "packages": index if subdir == "noarch" else {}}
            (directory / subdir / "repodata.json").write_text(json.dumps(repodata))
        prefix = directory.parent / "prefix"
        names = [package.name for package in packages]
        with serving(directory.parent) as address:
            words = [str(PROGRAMS), str(prefix), str(self.top / "cache"), f"http://{address}/hostile", *names]
            return run(
                [sys.executable, "-c", RUNNER, *words], env={**os.environ, "PASSWORD": SECRET}, timeout=60
            )

    def environments(self) -> Iterator[Path]:
        return self.top.glob("channel-*/prefix")


PYTHON = Package(name="python", files={"bin/python": "#!/bin/sh\n"})
GOOD = Package(name="good", files={"lib/good.py": "good\n"})

KEPT = {"share/x/kept": "\n"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    done = found.install(GOOD)
    assert done.returncode == 0, done.stdout + done.stderr
    assert found.cached.read_text() == "good\n"
    return found


def linked(target: str) -> Package:
    return Package(name="a-link", links={"share/evil": target})


def through(path: str, **more: Any) -> Package:
    files = {"share/evil/good.py": "evil\n", **KEPT, "large": os.urandom(4_000_000).hex()}
    paths = [(path, "hardlink"), ("share/x/kept", "hardlink"), ("large", "hardlink")]
    return Package(name="b-file", files=files, paths=paths, **more)


WRITERS: dict[str, Sequence[Package]] = {
    "through a link, seemingly elsewhere": (linked("TARGET"), through("share/x/../evil/good.py")),
    "through a link, of conda's old form": (linked("TARGET"), through("share/x/../evil/good.py", old=True)),
    "through two links": (
        Package(name="a-link", links={"share/evil": "y", "share/y": "TARGET"}),
        through("share/x/../evil/good.py"),
    ),
    "beside the environment": (through("share/x/../../../b-file-1.0-0/share/evil/good.py"),),
}


@pytest.mark.parametrize("how", WRITERS)
def test_no_package_writes_outside_of_the_environment(machine: Machine, how: str) -> None:
    target = str(machine.cached.parent)
    packages = [at(package, target) for package in WRITERS[how]]
    for _ in range(3):  # rattler links packages at the same time
        machine.install(*packages)

    assert machine.cached.read_text() == "good\n"
    assert {path.name for path in machine.top.glob("channel-*/*")} == {"hostile", "prefix"}


def at(package: Package, target: str) -> Package:
    links = {path: to.replace("TARGET", target) for path, to in package.links.items()}
    paths = package.paths and [(path.replace("TARGET", target), kind) for path, kind in package.paths]
    return replace(package, links=links, paths=paths)


READERS = {
    "a link that is said to be a file": Package(
        name="a", links={"x": "/proc/self/environ"}, paths=[("x", "hardlink")]
    ),
    "a file behind a link": Package(name="a", links={"l": "/proc/self"}, paths=[("l/environ", "hardlink")]),
}


@pytest.mark.parametrize("how", READERS)
def test_no_package_takes_what_the_fetcher_can_read(machine: Machine, how: str) -> None:
    done = machine.install(READERS[how])

    assert done.returncode == 1, done.stdout
    assert "r2i: the package `a` has" in done.stdout
    for environment in machine.environments():
        for path in environment.rglob("*"):
            assert path.is_symlink() or not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_links_inside_of_the_environment_are_followed(machine: Machine) -> None:
    """As `lib64` to `lib`, and those to directories of the system that lead to nothing of a package."""
    links = {"lib64": "lib", "share/mail": "/var/mail", "share/deep/up": "../../lib"}
    first = Package(name="first", files={"lib/first": "1\n"}, links=links)
    second = Package(name="second", files={"share/second": "2\n"}, links={"lib/second": "../share/second"})
    old = Package(name="third", files={"lib/third": "3\n"}, links={"lib/other": "third"}, old=True)
    done = machine.install(first, second, old)

    assert done.returncode == 0, done.stdout + done.stderr
    prefix = machine.top / "channel-1" / "prefix"
    assert [(prefix / path).read_text() for path in ("lib/second", "lib64/first", "lib/other")] == [
        "2\n",
        "1\n",
        "3\n",
    ]
