"""Find releases whose metadata uv does not read, and print the entries for `src/r2i/facts/old_releases.toml`.

Called with an interpreter of their time in a virtual environment (`--python`) and names of packages: uv is asked about
every release that has a wheel for that interpreter.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from pathlib import Path

import tomli_w

from r2i.formats.requirements.old_specifiers import modern

UV = str(Path(sys.executable).with_name("uv"))

VERSION = re.compile(r"[0-9][0-9.]*(?:post[0-9]+)?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="an interpreter in a virtual environment")
    parser.add_argument("names", nargs="+")
    given = parser.parse_args()
    with ThreadPoolExecutor(3) as pool:
        for entry in pool.map(lambda one: entry_of(one[0], one[1], given.python), releases(given.names)):
            if entry is not None:
                print(tomli_w.dumps({"metadata": [entry]}), flush=True)


def releases(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        command = [sys.executable, "-m", "pip", "index", "versions", "--ignore-requires-python", name]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        found = re.search(r"^Available versions: (.*)$", listed, re.MULTILINE)
        for version in found[1].split(", ") if found else ():
            if VERSION.fullmatch(version):
                yield name, version


def entry_of(name: str, version: str, python: str) -> dict[str, object] | None:
    """What the release says of itself, in words of today; None where uv reads it as it is."""
    wheel = ["--only-binary=:all:", "--no-config", f"{name}=={version}"]
    said = uv("install", "--dry-run", "--python", python, *wheel).stderr
    if not re.search(rf"`{re.escape(name)}` \(v\S+\) could not be parsed", said):
        return None
    with tempfile.TemporaryDirectory() as directory:
        uv("install", "--no-deps", "--python", python, "--target", directory, *wheel)
        file = next(Path(directory).glob("*.dist-info/METADATA"))
        metadata = HeaderParser().parsestr(file.read_text(encoding="utf-8"))
    wishes = [text.partition(";") for text in metadata.get_all("Requires-Dist", [])]
    entry: dict[str, object] = {"name": name, "version": version}
    entry["requires-dist"] = [modern(wish) + semicolon + marker for wish, semicolon, marker in wishes]
    if extras := metadata.get_all("Provides-Extra", []):
        entry["provides-extra"] = extras
    return entry


def uv(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([UV, "pip", *words], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
