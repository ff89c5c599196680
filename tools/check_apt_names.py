"""Hold `src/r2i/buildpacks/apt_names.toml` against what the releases have today, and print what is not true any more.

`check_apt_names.py [DISTRIBUTION=MIRROR …]`: the releases of this machine's own distribution are taken from where its apt
takes them, those of another from the mirror that is named.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from r2i.buildpacks.apt_names import TIME64, look_up, names
from r2i.facts.pins import pins
from r2i.machine import Machine
from r2i.machine.setup.apt_sources import find_mirror
from r2i.process import run

COMPONENTS = {"debian": "main contrib non-free", "ubuntu": "main restricted universe multiverse"}


def main(arguments: list[str]) -> int:
    here = Machine(environ=os.environ, run=run, user="", uid=os.getuid()).distribution
    mirrors = {here.family: find_mirror(Path("/"), here.codename)}
    mirrors |= {name: (mirror, "") for name, _, mirror in (word.partition("=") for word in arguments)}
    wrong = 0
    for release in pins()["releases"]:
        name, distribution = release["name"], release["distribution"]
        if distribution not in mirrors:
            print(f"{name}: not looked at; name a mirror: {distribution}=URL")
            continue
        for complaint in complaints(name, index(name, distribution, *mirrors[distribution])):
            print(f"{name}: {complaint}")
            wrong += 1
    return 1 if wrong else 0


@dataclass(frozen=True, kw_only=True)
class Index:
    """The names of a release: of packages, and of what they stand in for, which can be installed, too."""

    packages: set[str]
    provided: set[str]

    def has(self, name: str) -> bool:
        return name in self.packages or name in self.provided


def index(release: str, distribution: str, mirror: str, keyring: str) -> Index:
    known = available(release, distribution, mirror, keyring)
    provides = " ".join(re.findall(r"^Provides: (.*)", known, re.MULTILINE))
    return Index(
        packages={*re.findall(r"^Package: (\S+)", known, re.MULTILINE)},
        provided={*re.findall(r"(?:^|[ ,])([a-z0-9][a-z0-9.+-]+)(?=$|[ ,:])", provides)},
    )


def available(release: str, distribution: str, mirror: str, keyring: str) -> str:
    """What apt knows of a release, asked with lists of its own."""
    trust = f"[signed-by={keyring}] " if keyring else ""
    security = f"{mirror.rstrip('/')}-security" if distribution == "debian" else mirror
    suites = [(mirror, release), (mirror, f"{release}-updates"), (security, f"{release}-security")]
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch, "sources.list")
        lines = [f"deb {trust}{where} {suite} {COMPONENTS[distribution]}\n" for where, suite in suites]
        sources.write_text("".join(lines), encoding="utf-8")
        settings = {
            "Dir::State": f"{scratch}/state",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": f"{scratch}/cache",
            "Dir::Etc::SourceList": str(sources),
            "Dir::Etc::SourceParts": "/dev/null",
            "Acquire::Languages": "none",
        }
        options = [f"-o{key}={value}" for key, value in settings.items()]
        for directory in ("state/lists/partial", "cache/archives/partial"):
            Path(scratch, directory).mkdir(parents=True)
        done = run(["apt-get", "update", "-q", *options])
        if done.returncode:
            raise SystemExit(f"{release}: {done.stderr}")
        return run(["apt-cache", "dumpavail", *options]).stdout


def complaints(release: str, there: Index) -> Iterator[str]:
    for name, to, releases in rows("renamed"):
        new = [package for package in to.split() if there.has(package)]
        if release not in releases:
            if new and not there.has(name) and look_up(name, release) is None:
                yield f"`{name}` is no package, and nothing says that `{to}` is"
        elif name in there.packages:
            yield f"`{name}` is said to be `{to}`, but is a package"
        elif new != to.split():
            yield f"`{name}` is said to be `{to}`, which is no package"
    for name, releases, _ in rows("gone"):
        if (name in there.packages) != (release in releases):
            yield f"`{name}` is {'a' if name in there.packages else 'no'} package"
    plain = {name.removesuffix(TIME64) for name in there.packages}
    for family in names()["families"]:
        found = {match["version"] for name in plain if (match := re.fullmatch(family["pattern"], name))}
        said = {*family.get(release, "").split()}
        if found != said:
            yield f"`{family['pattern']}` has {listed(found)}, not {listed(said)}"


def listed(versions: set[str]) -> str:
    return " ".join(sorted(versions)) or "none"


def rows(table: str) -> Iterator[list[str]]:
    for line in names()[table].strip().splitlines():
        yield [value.strip() for value in f"{line}||".split("|")][:3]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
