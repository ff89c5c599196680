"""Find releases whose metadata uv does not read: the candidates for `src/r2i/old_releases.toml`.

Called with names of packages and an interpreter (`--python`), it asks uv about every release that has a wheel for it, and prints what uv says.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

UV = str(Path(sys.executable).with_name("uv"))

#: Nobody asks for what is older: no Python that uv installs into ran it.
VERSION = re.compile(r"[0-9][0-9.]*(?:post[0-9]+)?")

BROKEN = re.compile(r"could not be parsed|invalid metadata|Failed to parse metadata", re.IGNORECASE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="an interpreter in a virtual environment")
    parser.add_argument("names", nargs="+")
    given = parser.parse_args()
    with ThreadPoolExecutor(4) as pool:
        for name, version, said in pool.map(lambda one: asked(*one, given.python), releases(given.names)):
            if BROKEN.search(said):
                print(f"{name}=={version}\n{said}", flush=True)


def releases(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        command = [sys.executable, "-m", "pip", "index", "versions", "--ignore-requires-python", name]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        found = re.search(r"^Available versions: (.*)$", listed, re.MULTILINE)
        for version in found[1].split(", ") if found else ():
            if VERSION.fullmatch(version):
                yield name, version


def asked(name: str, version: str, python: str) -> tuple[str, str, str]:
    words = ["--dry-run", "--only-binary=:all:", "--no-config", f"{name}=={version}"]
    done = subprocess.run(
        [UV, "pip", "install", "-q", "--python", python, *words], capture_output=True, text=True, check=False
    )
    return name, version, done.stderr


if __name__ == "__main__":
    main()
