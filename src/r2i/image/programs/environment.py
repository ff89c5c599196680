"""The repository's environment, and what more than one of the programs knows of it.

Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from separation import ENVIRONMENT

#: Packages of conda that were fetched, for all repositories.
CONDA_CACHE = Path("/var/cache/conda")

#: Directories of tests, which nearly nobody imports: of numpy, pandas and scipy half of all code. Python compiles them where somebody does.
TESTS = r"/tests?/"

#: Where the conda channels are that have only a name.
CLOUD = "https://conda.anaconda.org/"


def has_library(*names: str) -> bool:
    """Whether the environment's Python has one of these standard libraries."""
    return any((ENVIRONMENT / "lib" / name).is_dir() for name in names)


def compile_bytecode(*libraries: Path) -> None:
    """Compile all modules that are not compiled yet, but for tests. Some packages hold files that are not for this Python: these stay as they are."""
    workers = [] if has_library("python2.7", "python3.4") else ["-j", "0"]
    options = ["-q", "-q", "-x", TESTS, *workers]
    command = [str(ENVIRONMENT / "bin/python"), "-W", "ignore", "-m", "compileall", *options]
    for library in libraries:
        subprocess.run(
            [*command, str(library)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
