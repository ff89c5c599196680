"""Lock the Jupyter server and the tools of builds anew: rewrites the locks in `src/r2i/image` from what the package index has today."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

IMAGE = Path(__file__).parents[1] / "src" / "r2i" / "image"

#: The oldest Python of a base image that the server runs on; its environment is locked for this one and all newer.
OLDEST_PYTHON = "3.9"

#: True for every image that r2i builds, so it only makes the lock longer.
ALWAYS = re.compile(r"( and )?(platform_python_implementation == 'CPython'|sys_platform == 'linux')")

HEADER = "# Made by `make pins` from {source}; not to be edited.\n"

#: The kernel lives in the repository's environment, not in the server's: `ipykernel` is left out. So is what checks IRIs
#: in schemas, which no part of the server does: its grammar was half of the time that the server needs to start.
PROJECT = """
[project]
name = "server"
version = "0"
requires-python = ">={python}"
dependencies = {names!r}

[tool.uv]
environments = ["sys_platform == 'linux' and platform_python_implementation == 'CPython'"]
override-dependencies = ["ipykernel ; sys_platform == 'never'", "rfc3987-syntax ; sys_platform == 'never'"]
"""


#: Further locks of the server's environment, each beside those before it.
BESIDE = ("server", "proxy", "rstudio")


def compiled(source: Path, *, locks: Iterable[Path] = ()) -> str:
    command = [
        str(Path(sys.executable).with_name("uv")),
        "pip",
        "compile",
        source.name,
        "--universal",
        "--python-version",
        OLDEST_PYTHON,
    ]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url"]
    command += [f"--constraints={lock}" for lock in locks]
    return subprocess.run(command, cwd=source.parent, check=True, capture_output=True, text=True).stdout


def simplified(lock: str) -> str:
    """The lock without the parts of its markers that are always true."""
    return "".join(f"{_simplified_line(line)}\n" for line in lock.splitlines())


def _simplified_line(line: str) -> str:
    requirement, semicolon, marker = line.partition(" ; ")
    if not semicolon:
        return line
    marker = ALWAYS.sub("", marker.removesuffix("\\").strip()).removeprefix(" and ").strip()
    return requirement + (f" ; {marker}" if marker else "") + (" \\" if line.endswith("\\") else "")


def locked_project(names: list[str], *, locks: Iterable[Path] = ()) -> str:
    """The lock of the server's environment with these distributions."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch, "pyproject.toml")
        project.write_text(PROJECT.format(python=OLDEST_PYTHON, names=names), encoding="utf-8")
        return simplified(compiled(project, locks=locks))


def without(lock: str, others: Iterable[Path]) -> str:
    """The rows of a lock that none of the others has, for the same Pythons."""
    there = {row.partition("\n")[0] for other in others for row in rows(other.read_text(encoding="utf-8"))}
    return "".join(row for row in rows(lock) if row.partition("\n")[0] not in there)


def rows(lock: str) -> list[str]:
    """A distribution each, with its hashes."""
    return [row for row in re.split(r"^(?=\w)", lock, flags=re.MULTILINE) if row[:1].isalnum()]


def main() -> None:
    before: list[Path] = []
    for name in BESIDE:
        source = IMAGE / "jupyter" / f"{name}.in"
        names = [line for line in source.read_text().splitlines() if line and line[0] != "#"]
        text = without(locked_project(names, locks=before), before)
        lock = source.with_suffix(".lock")
        lock.write_text(HEADER.format(source=source.name) + text, encoding="utf-8")
        before.append(lock)
    for tool in sorted((IMAGE / "tools").glob("*.in")):
        lock = simplified(compiled(tool))
        tool.with_suffix(".lock").write_text(HEADER.format(source=tool.name) + lock, encoding="utf-8")


if __name__ == "__main__":
    main()
