"""A conda channel of small packages and real Pythons, served where build steps reach it: the real ones need a network.

The host's `CONDA_CHANNEL_ALIAS` names it, so a repository asks for `conda-forge` as any other does.
"""

from __future__ import annotations

import json
import os
import platform
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import md5, sha256
from pathlib import Path

import platformdirs
import pytest

from r2i.process import run
from tests.pythons import SOURCES, pyenv_tree, python_archive
from tests.serving import served
from tests.waiting import alone

#: A word in every address here, so that a test can look for it where it must not be.
MARK = "r2i-tests-conda-channel"

SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}[platform.machine()]

#: The Pythons, and the days from which they are in the channel.
PYTHONS = {
    "2.7": "2018-01-01",
    "3.6": "2019-01-01",
    "3.7": "2019-06-01",
    "3.9": "2020-10-01",
    "3.11": "2022-10-01",
}

KERNEL = {
    "argv": ["shouting-kernel", "-f", "{connection_file}"],
    "display_name": "Shouting",
    "language": "shouting",
}

MICROMAMBA = """#!/bin/sh
echo "micromamba $*"
"""


@dataclass(frozen=True, kw_only=True)
class Package:
    """`files` by their paths below the prefix; of a `python` package, below `site-packages`, too."""

    name: str
    version: str
    day: str = "2021-01-01"
    depends: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    noarch: str = "generic"

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.day).replace(tzinfo=UTC)


def module(name: str, version: str, *, day: str, depends: tuple[str, ...] = ()) -> Package:
    return Package(
        name=name,
        version=version,
        day=day,
        depends=("python", *depends),
        files={
            f"site-packages/{name}.py": f"VERSION = '{version}'\n",
            f"site-packages/{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"site-packages/{name}-{version}.dist-info/INSTALLER": "conda\n",
            f"site-packages/{name}-{version}.dist-info/RECORD": f"{name}.py,,\n{name}-{version}.dist-info/METADATA,,\n"
            f"{name}-{version}.dist-info/INSTALLER,,\n{name}-{version}.dist-info/RECORD,,\n",
        },
        noarch="python",
    )


PACKAGES = (
    module("greet", "1.0", day="2020-01-01"),
    module("greet", "2.0", day="2022-01-01", depends=("greet-data >=2",)),
    Package(name="greet-data", version="2.0", day="2022-01-01", files={"share/greet/words": "hello\n"}),
    module("modern", "1.0", day="2023-01-01", depends=("python >=3.9",)),
    Package(name="old-friend", version="1.0", depends=("greet 1.*",), files={"share/old-friend": "\n"}),
    Package(name="new-friend", version="1.0", depends=("greet 2.*",), files={"share/new-friend": "\n"}),
    Package(name="needs-card", version="1.0", depends=("__cuda >=11",), files={"share/needs-card": "\n"}),
    Package(
        name="loud",
        version="1.0",
        files={
            "bin/.loud-post-link.sh": '#!/bin/bash\necho "linked into $PREFIX" > "$PREFIX/share/loud.txt"\n',
            "share/loud.txt.in": "\n",
            "etc/conda/activate.d/loud.sh": 'export LOUD="very, in $CONDA_PREFIX"\n',
        },
    ),
    Package(
        name="shouting",
        version="1.0",
        depends=("python",),
        files={
            "share/jupyter/kernels/shouting/kernel.json": json.dumps(KERNEL),
            "bin/shouting-kernel": '#!/bin/sh\nexec /srv/env/bin/python -m ipykernel_launcher "$@"\n',
        },
    ),
    Package(name="micromamba", version="2.0", files={"bin/micromamba": MICROMAMBA}),
    *(
        Package(name=f"tiny-{number:02}", version="1.0", files={f"share/tiny/{number:02}": "tiny\n"})
        for number in range(1, 21)
    ),
)


@contextmanager
def conda_channel() -> Iterator[str]:
    """Serve the channel as `conda-forge`; gives what `CONDA_CHANNEL_ALIAS` is to be."""
    with tempfile.TemporaryDirectory() as top, served(Path(top)) as server:
        directory = Path(top) / MARK
        directory.mkdir()
        (directory / "conda-forge").symlink_to(channel())
        yield f"{server}/{MARK}"


def need_python(minor: str) -> None:
    """Skip a test where this Python cannot be had: Debian's archive has the sources of some only."""
    if minor not in pythons():
        pytest.skip(f"neither pyenv nor Debian has Python {minor}")


def pythons() -> list[str]:
    return [minor for minor in PYTHONS if minor in SOURCES or pyenv_tree(minor) is not None]


@cache
def channel() -> Path:
    """The directory of the channel, made once and kept below the user's cache directory."""
    made_of = Path(__file__).read_bytes() + repr([python_archive(m).file for m in pythons()]).encode()
    place = platformdirs.user_cache_path("r2i-tests") / "conda" / sha256(made_of).hexdigest()[:12]
    with alone(place.with_suffix(".lock")):
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
                _make(Path(scratch) / "channel", Path(scratch) / "work")
                (Path(scratch) / "channel").rename(place)
    return place


def _make(target: Path, work: Path) -> None:
    made: dict[str, dict[str, object]] = {SUBDIR: {}, "noarch": {}}
    for number, package in enumerate(PACKAGES):
        tree = work / str(number)
        for name, text in package.files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if name.startswith("bin/") else 0o644)
        _pack(target, made, package, tree)
    for minor in pythons():
        archive = python_archive(minor)
        with tarfile.open(archive.file) as tar:
            tar.extractall(work / minor, filter="tar")
        python = Package(name="python", version=archive.version, day=PYTHONS[minor], noarch="")
        _compile(work / minor / "python", minor, python.moment)
        _pack(target, made, python, work / minor / "python")
        for wheel in work.glob(f"{minor}/python/lib/python*/ensurepip/_bundled/*.whl"):
            _pack_wheel(target, made, minor, wheel)
    for subdir, packages in made.items():
        index = {
            "info": {"subdir": subdir},
            "packages": {},
            "packages.conda": packages,
            "repodata_version": 1,
        }
        (target / subdir / "repodata.json").write_text(json.dumps(index), encoding="utf-8")


def _compile(tree: Path, minor: str, moment: datetime) -> None:
    """The Pythons of conda-forge come with bytecode. One that does not run on this machine is compiled in each build."""
    for path in tree.rglob("*.py"):
        os.utime(path, (moment.timestamp(), moment.timestamp()))  # as it will be in the package
    run(
        [
            str(tree / "bin" / f"python{minor}"),
            "-ES",
            "-m",
            "compileall",
            "-q",
            "-x",
            "/tests?/",
            str(tree / "lib"),
        ]
    )


def _pack_wheel(target: Path, made: dict[str, dict[str, object]], minor: str, wheel: Path) -> None:
    """The pip and setuptools that come with a Python, for this and later ones."""
    name, version = wheel.name.split("-")[:2]
    tree = wheel.parent / name
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tree / "site-packages")
    (tree / f"site-packages/{name}-{version}.dist-info/INSTALLER").write_text("conda\n")
    depends = (f"python >={minor}", *(["setuptools"] if name == "pip" else []))
    package = Package(name=name, version=version, day=PYTHONS[minor], depends=depends, noarch="python")
    _pack(target, made, package, tree)


def _pack(target: Path, made: dict[str, dict[str, object]], package: Package, tree: Path) -> None:
    from rattler_build import assemble_package, collect_files

    subdir = "noarch" if package.noarch else SUBDIR
    (target / subdir).mkdir(parents=True, exist_ok=True)
    file = assemble_package(
        package.name,
        package.version,
        subdir,
        "0",
        target / subdir,
        files=collect_files(tree, include_hidden=True),
        depends=package.depends,
        noarch=package.noarch or None,  # type: ignore[arg-type]
        timestamp=package.moment,
        compression_level=1,
        detect_prefix=False,
    ).path
    if file.parent != target / subdir:
        file = file.replace(target / subdir / file.name)
    data = file.read_bytes()
    made[subdir][file.name] = {
        "name": package.name,
        "version": package.version,
        "build": "0",
        "build_number": 0,
        "depends": list(package.depends),
        "subdir": subdir,
        "timestamp": int(package.moment.timestamp() * 1000),
        "size": len(data),
        "md5": md5(data).hexdigest(),
        "sha256": sha256(data).hexdigest(),
        **({"noarch": package.noarch} if package.noarch else {}),
    }
