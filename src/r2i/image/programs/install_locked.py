#!/usr/bin/python3
"""Install exactly what a lock holds, and then what every environment has without moving any of it.

Called with options of `install_packages.py`, the format, arguments of its own, `--`, and the packages with options of `uv pip install`. Runs on
the base image's Python, which may be as old as 3.8.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator, Sequence

from separation import ENVIRONMENT, run_as

LOCK = Path("/tmp/lock")  # noqa: S108 - mounted for this step
SCRATCH = Path("/tmp/locked")  # noqa: S108 - mounted for this step
EXPORTED = SCRATCH / "exported"
INSTALL = Path(__file__).resolve().with_name("install_packages.py")

REFUSED = "r2i: Poetry cannot read this `poetry.lock`: run `poetry lock`, and commit the file"

#: What lies in the repository is not there yet.
EXPECTED = re.compile(r"Path /tmp/lock/.* does not exist$")


def main(arguments: Sequence[str]) -> int:
    end = arguments.index("--")
    own = [word for word in arguments[:end] if word.startswith(("--user=", "--python="))]
    options = dict(word.lstrip("-").split("=", 1) for word in own)
    kind, *given = arguments[len(own) : end]
    kernel = arguments[end + 1 :]
    uid = int(options["user"])
    EXPORTED.mkdir()
    for directory in (SCRATCH, EXPORTED):
        os.chown(directory, uid, uid)
    # What is locked is meant, whenever it was published.
    more = [word for word in kernel if word.startswith("-") and not word.startswith("--exclude-newer=")]
    locked = PREPARE[kind](given, uid, options.get("python", str(ENVIRONMENT / "bin/python")))
    if locked is None:
        return 1
    status = install(*own, "--no-deps", *locked, *more)
    if status != 0:
        return status
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("".join(f"{name}=={version}\n" for name, version in installed()))
        constraints.flush()
        Path(constraints.name).chmod(0o644)
        return install(f"--user={uid}", "-c", constraints.name, *kernel)


def install(*arguments: str) -> int:
    """Beside the manifest, where the settings of its project lie."""
    return subprocess.run([str(INSTALL), *arguments], cwd=LOCK, check=False).returncode


def installed() -> Iterator[tuple[str, str]]:
    """What lies in the environment, read without running any of it (https://packaging.python.org/en/latest/specifications/recording-installed-packages/)."""
    for record in sorted(ENVIRONMENT.glob("lib/python*/site-packages/*-info")):
        found = re.fullmatch(
            r"([A-Za-z0-9][\w.-]*?)-(\d[\w.!+]*)(?:-py[\d.]+)?\.(?:dist|egg)-info", record.name, re.ASCII
        )
        if found:
            yield found[1], found[2]


def requirements(given: Sequence[str], _uid: int, _python: str) -> list[str]:
    return ["-r", str(LOCK / "requirements.txt"), *given]


def pylock(given: Sequence[str], _uid: int, _python: str) -> list[str]:
    return ["--preview-features", "pylock", "-r", str(LOCK / "pylock.toml"), *given]


# A lock is read by the user: that takes neither credentials nor anything that others share.
def exported_by_uv(given: Sequence[str], uid: int, python: str) -> list[str] | None:
    """From the places that the lock names, as `uv sync`; where this machine has an index of its own, from there."""
    elsewhere = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
    file = EXPORTED / ("requirements.txt" if elsewhere else "pylock.toml")
    more = ["--emit-index-url"] if elsewhere else []
    form = ["--format", file.name, "--output-file", str(file)]
    command = [
        "/usr/local/bin/uv",
        "export",
        "-q",
        "--frozen",
        "--no-emit-local",
        "--no-header",
        *more,
        *form,
        *given,
    ]
    settings = {
        "UV_CACHE_DIR": str(SCRATCH / "cache"),
        "UV_PYTHON": python,
        "UV_PYTHON_INSTALL_DIR": "/srv/python",
    }
    return (
        None
        if run_as(uid, command, settings, cwd=LOCK).returncode
        else ["--preview-features", "pylock", "-r", str(file)]
    )


def exported_by_poetry(given: Sequence[str], uid: int, _python: str) -> list[str] | None:
    settings = {
        "PYTHONPATH": "/opt/poetry",
        "POETRY_CACHE_DIR": str(SCRATCH / "cache"),
        "POETRY_CONFIG_DIR": str(SCRATCH / "config"),
    }
    command = ["/usr/bin/python3", "-m", "poetry", "export", "--no-interaction", *given]
    done = run_as(uid, command, settings, cwd=LOCK, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = [line for line in done.stderr.splitlines() if not EXPECTED.match(line)]
    print("\n".join([*said, *([REFUSED] if done.returncode else [])]), flush=True)
    if done.returncode:
        return None
    file = EXPORTED / "requirements.txt"
    file.write_text("".join(remote(done.stdout.splitlines(keepends=True))), encoding="utf-8")
    return ["--index-strategy=unsafe-best-match", "-r", str(file)]


def remote(lines: Sequence[str]) -> Iterator[str]:
    """Leave out what lies in the repository: it is installed once that is there."""
    return (line for line in lines if not line.startswith("-e ") and " @ file://" not in line)


PREPARE: dict[str, Callable[[Sequence[str], int, str], list[str] | None]] = {
    "requirements": requirements,
    "pylock": pylock,
    "uv": exported_by_uv,
    "poetry": exported_by_poetry,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
