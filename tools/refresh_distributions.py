# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging", "pypi-simple", "remotezip"]
# ///
"""Write `src/r2i/check/facts/distributions.toml` anew: what the newest wheel of a distribution holds, needs and weighs.

`uv run tools/refresh_distributions.py [--wheels DIRECTORY …] [NAME …]`: distributions of which there is a wheel in a
directory are read there, those that are named (all that the table has, where nothing is said) from the package index;
only the ends of the files are downloaded. Other rows stay as they are.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

TARGET = Path(__file__).parents[1] / "src" / "r2i" / "check" / "facts" / "distributions.toml"

HEADER = """\
# What the newest wheel of a distribution (Linux, x86-64) holds, needs and weighs. A line is
# `NAME VERSION | kB TO DOWNLOAD | kB UNPACKED | kB OF THAT PYTHON CODE WITHOUT TESTS | MODULES | WHAT IT ALWAYS NEEDS`.
# Made by `tools/refresh_distributions.py`; not to be edited.

"""

#: What markers are asked for.
PLACE = {
    **default_environment(),
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.7",
    "python_version": "3.13",
    "sys_platform": "linux",
}

#: Directories at the top of a wheel that nobody imports from.
NO_MODULES = frozenset(
    [
        "benchmarks",
        "bin",
        "ci",
        "doc",
        "docs",
        "etc",
        "example",
        "examples",
        "include",
        "lib",
        "lib64",
        "licenses",
        "scripts",
        "share",
        "src",
        "test",
        "testing",
        "tests",
        "tools",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Distribution:
    name: str
    version: str
    packed: int
    unpacked: int
    python: int
    modules: tuple[str, ...]
    requires: tuple[Requirement, ...]
    under_extras: dict[str, tuple[Requirement, ...]] = field(default_factory=dict)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wheels", action="append", type=Path, default=[])
    parser.add_argument("names", nargs="*")
    given = parser.parse_args(arguments)
    old = tomllib.loads(TARGET.read_text(encoding="utf-8"))["distributions"] if TARGET.exists() else ""
    rows = {line.partition(" ")[0]: line for line in old.splitlines()}
    found = {one.name: one for one in in_directories(given.wheels)}
    pending = given.names or ([] if given.wheels else [*rows])
    while pending:
        name = canonicalize_name(pending.pop())
        if name not in found and (one := in_index(name)):
            found[name] = one
            pending += [requirement.name for requirement in one.requires if requirement.extras]
    rows |= {name: row(one, found) for name, one in found.items()}
    body = "\n".join(rows[name].rstrip() for name in sorted(rows))
    TARGET.write_text(f"{HEADER}distributions = '''\n{body}\n'''\n", encoding="utf-8")
    missing = {name for line in rows.values() for name in line.split("|")[5].split()} - rows.keys()
    print("Needed by others, and not there:", *sorted(missing))


def in_directories(directories: Iterable[Path]) -> Iterator[Distribution]:
    """The newest wheel of each distribution."""
    newest: dict[str, tuple[Version, Path]] = {}
    for path in (path for directory in directories for path in directory.glob("*.whl")):
        name, version, _, tags = parse_wheel_filename(path.name)
        if any(map(fits, tags)) and not version.is_prerelease:
            newest[name] = max(newest.get(name, (Version("0"), path)), (version, path))
    for version, path in newest.values():
        with zipfile.ZipFile(path) as wheel:
            yield read(wheel, version=str(version))


def in_index(name: str) -> Distribution | None:
    from pypi_simple import PyPISimple
    from remotezip import RemoteZip

    with PyPISimple() as index:
        packages = index.get_project_page(name).packages
    wheels = [
        (version, package.url)
        for package in packages
        if package.package_type == "wheel" and not package.is_yanked
        for _, version, _, tags in [parse_wheel_filename(package.filename)]
        if any(map(fits, tags)) and not version.is_prerelease
    ]
    if not wheels:
        print(f"{name}: no wheel", file=sys.stderr)
        return None
    version, url = max(wheels)
    with RemoteZip(url) as wheel:
        return read(wheel, version=str(version))


def fits(tag: Tag) -> bool:
    """The Python does not matter: wheels of one release are about of one size."""
    return tag.platform == "any" or re.fullmatch(r"(manylinux\w+|linux)_x86_64", tag.platform) is not None


def read(wheel: zipfile.ZipFile, *, version: str) -> Distribution:
    entries = [entry for entry in wheel.infolist() if not entry.is_dir()]
    metadata = next(entry for entry in entries if re.fullmatch(r"[^/]+\.dist-info/METADATA", entry.filename))
    headers = HeaderParser().parsestr(wheel.read(metadata).decode())
    requirements = [Requirement(line) for line in headers.get_all("Requires-Dist", [])]
    extras = headers.get_all("Provides-Extra", [])
    always = tuple(one for one in requirements if holds(one, ""))
    return Distribution(
        name=canonicalize_name(headers["Name"]),
        version=version,
        packed=sum(entry.compress_size for entry in entries),
        unpacked=sum(entry.file_size for entry in entries),
        python=sum(entry.file_size for entry in entries if is_compiled(entry.filename)),
        modules=tuple(modules([entry.filename for entry in entries])),
        requires=always,
        under_extras={
            extra: tuple(one for one in requirements if holds(one, extra) and one not in always)
            for extra in extras
        },
    )


def is_compiled(file: str) -> bool:
    """Whether an image has the bytecode of a file: `r2i/image/programs/environment.py` leaves tests out."""
    return file.endswith(".py") and re.search(r"/tests?/", file) is None


def holds(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**PLACE, "extra": extra})


def modules(files: Iterable[str]) -> list[str]:
    """What can be imported, as short as it is unambiguous: namespaces (`google`) with what is below them."""
    paths = [PurePosixPath(re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", file)) for file in files]
    code = [
        path
        for path in paths
        if path.suffix in (".py", ".so")
        and "__mypyc" not in path.name
        and not path.parts[0].endswith((".dist-info", ".data"))
        and path.parts[0] not in NO_MODULES
    ]
    packages = {str(path.parent) for path in code if stem(path) == "__init__"}
    return sorted({name for path in code if (name := top(path, packages))})


def top(path: PurePosixPath, packages: set[str]) -> str | None:
    directories = path.parts[:-1]
    if (stem(path).startswith("_") and not directories) or not all(map(is_public, directories)):
        return None
    for end in range(1, len(directories) + 1):
        if "/".join(directories[:end]) in packages:
            return ".".join(directories[:end])
    return ".".join(directories) or stem(path)


def stem(path: PurePosixPath) -> str:
    return path.name.partition(".")[0]


def is_public(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_")


def row(one: Distribution, found: dict[str, Distribution]) -> str:
    needs = sorted({canonicalize_name(requirement.name) for requirement in needed(one, found)} - {one.name})
    sizes = " | ".join(str(round(size / 1000)) for size in (one.packed, one.unpacked, one.python))
    return f"{one.name} {one.version} | {sizes} | {' '.join(one.modules)} | {' '.join(needs)}"


def needed(one: Distribution, found: dict[str, Distribution]) -> Iterator[Requirement]:
    """With what is needed for an extra of another (`cuda-toolkit[cublas]`), which no row tells of."""
    pending, seen = [*one.requires], set()
    while pending:
        requirement = pending.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        yield requirement
        other = found.get(canonicalize_name(requirement.name))
        for extra in requirement.extras if other else ():
            pending += other.under_extras.get(extra, ()) if other else ()


if __name__ == "__main__":
    main(sys.argv[1:])
