"""Write `src/r2i/check/facts/apt_sizes.toml` anew: what packages of Debian's release that images are made from weigh.

`refresh_apt_sizes.py`, on a machine with apt and a mirror of Debian. The packages are those that lists in public
repositories name (`tests/fixtures/apt_lists.toml`), and all that they need.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from check_apt_names import available

from r2i.facts.pins import base_image
from r2i.image import NODE_PACKAGES, SYSTEM_PACKAGES, TOOLCHAIN_PACKAGES, YARN_PACKAGE
from r2i.machine import Machine
from r2i.machine.setup.apt_sources import find_mirror
from r2i.process import run

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "src" / "r2i" / "check" / "facts" / "apt_sizes.toml"
LISTS = ROOT / "tests" / "fixtures" / "apt_lists.toml"

#: Beyond those of the lists.
NAMES = (
    "texlive-full",
    "texlive",
    "texlive-lang-all",
    "texlive-luatex",
    "libreoffice",
    "r-base",
    "octave",
    "paraview",
)

HEADER = """\
# What packages of Debian {release} weigh. A line is `NAME | kB TO DOWNLOAD | kB INSTALLED | WHAT IT NEEDS`; what is in every
# image is left out. Made by `tools/refresh_apt_sizes.py`; not to be edited.

"""


@dataclass(frozen=True, kw_only=True)
class Package:
    name: str
    packed: int
    installed: int
    needs: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]
    required: bool


def main() -> None:
    release = base_image(None).release
    assert release
    here = Machine(environ=os.environ, run=run, user="", uid=os.getuid()).distribution
    mirror, keyring = find_mirror(Path("/"), here.codename)
    packages = {one.name: one for one in parsed(available(release.name, "debian", mirror, keyring))}
    provided: dict[str, str] = {}
    for one in packages.values():
        for name in one.provides:
            provided.setdefault(name, one.name)
    base = [one.name for one in packages.values() if one.required]
    there = closure([*base, "apt", *SYSTEM_PACKAGES], packages, provided)
    lists = tomllib.loads(LISTS.read_text(encoding="utf-8"))
    asked = {name for every in lists.values() for names in every for name in names} | {
        *NAMES,
        *TOOLCHAIN_PACKAGES,
        *NODE_PACKAGES,
        YARN_PACKAGE,
    }
    found = (
        closure([name for name in asked if name in packages or name in provided], packages, provided) - there
    )
    rows = [row(packages[name], found, packages, provided) for name in sorted(found)]
    body = "\n".join([*rows, *(f"{name} | 0 | 0 |" for name in sorted(there))])
    TARGET.write_text(
        HEADER.format(release=release.name) + f"packages = '''\n{body}\n'''\n", encoding="utf-8"
    )


def parsed(text: str) -> list[Package]:
    """The newest of each name comes last."""
    return [
        package(dict(re.findall(r"^([A-Za-z-]+): (.*)$", part, re.MULTILINE)))
        for part in text.split("\n\n")
        if part
    ]


def package(fields: dict[str, str]) -> Package:
    needs = ", ".join(fields[key] for key in ("Pre-Depends", "Depends") if key in fields)
    return Package(
        name=fields["Package"],
        packed=int(fields["Size"]) // 1000,
        installed=int(fields.get("Installed-Size", "0")) * 1024 // 1000,
        needs=tuple(tuple(map(bare, group.split("|"))) for group in needs.split(",") if group.strip()),
        provides=tuple(map(bare, fields["Provides"].split(","))) if "Provides" in fields else (),
        required=fields.get("Essential") == "yes" or fields.get("Priority") == "required",
    )


def bare(name: str) -> str:
    return re.split(r"[ (:\[]", name.strip())[0]


def closure(names: list[str], packages: dict[str, Package], provided: dict[str, str]) -> set[str]:
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = real(pending.pop(), packages, provided)
        if name is not None and name not in found:
            found.add(name)
            pending += [
                needed for group in packages[name].needs if (needed := chosen(group, packages, provided))
            ]
    return found


def chosen(group: tuple[str, ...], packages: dict[str, Package], provided: dict[str, str]) -> str | None:
    """Of alternatives apt takes the first that there is."""
    return next((there for name in group if (there := real(name, packages, provided))), None)


def real(name: str, packages: dict[str, Package], provided: dict[str, str]) -> str | None:
    return name if name in packages else provided.get(name)


def row(one: Package, found: set[str], packages: dict[str, Package], provided: dict[str, str]) -> str:
    needs = {needed for group in one.needs if (needed := chosen(group, packages, provided)) in found}
    return f"{one.name} | {one.packed} | {one.installed} | {' '.join(sorted(filter(None, needs)))}".rstrip()


if __name__ == "__main__":
    main()
