#!/usr/bin/python3
"""Make the environment in /srv/env of conda packages.

Called with the user's id and the arguments of `conda_fetch.py`, which the fetcher runs; the user then runs the packages' own scripts, and whatever
else starts their Python. Runs on the base image's Python, which may be as old as 3.8.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Sequence

from environment import CLOUD, CONDA_CACHE, compile_bytecode
from separation import (
    ENVIRONMENT,
    FETCHER,
    acting_as,
    hand_over,
    keep_apart,
    make_environment,
    of_fetcher,
    private_settings,
    program,
    run_as,
)

PREFIX = ENVIRONMENT

#: What `conda install` in a notebook or a terminal runs.
COMMAND = """#!/bin/sh
# The commands of conda, for the environment of the repository.
export MAMBA_ROOT_PREFIX="${MAMBA_ROOT_PREFIX:-$HOME/.local/share/mamba}"
exec /srv/env/bin/micromamba "$@"
"""

#: What a package says of itself in the prefix.
Record = Dict[str, Any]


def main(user: int, arguments: Sequence[str]) -> int:
    """Root's part."""
    keep_apart(CONDA_CACHE)
    make_environment()
    with of_fetcher(private_settings()) as environment:
        fetch = [*program("conda_fetch.py"), *arguments]
        status = subprocess.run(acting_as(FETCHER, fetch), env=environment, check=False).returncode
    if status != 0:
        return status
    hand_over(user)
    return run_as(user, [*program("conda_install.py"), "--finish", arguments[0]]).returncode


def run_scripts() -> None:
    """What packages want to be run once they are linked, in the order in which they need one another; as rattler runs it."""
    environment = {**os.environ, "PREFIX": str(PREFIX), "PATH": f"{PREFIX}/bin:{os.environ['PATH']}"}
    for record in in_order(installed_records()):
        script = PREFIX / "bin" / f".{record['name']}-post-link.sh"
        if script.is_file():
            print(f"  {record['name']}: running {script}", flush=True)
            named = {
                "PKG_NAME": record["name"],
                "PKG_VERSION": record["version"],
                "PKG_BUILDNUM": str(record["build_number"]),
            }
            if subprocess.run(
                ["/bin/bash", str(script)], env={**environment, **named}, check=False
            ).returncode:
                print(
                    "r2i: a script of a package failed; the installation continues, as in conda", flush=True
                )


def installed_records() -> dict[str, Record]:
    files = sorted((PREFIX / "conda-meta").glob("*.json"))
    return {
        record["name"]: record for record in (json.loads(file.read_text(encoding="utf-8")) for file in files)
    }


def in_order(records: Mapping[str, Record]) -> Iterator[Record]:
    """What is needed before what needs it; there are circles."""
    seen: set[str] = set()

    def before(name: str) -> Iterator[Record]:
        if name in seen or name not in records:
            return
        seen.add(name)
        for needed in records[name].get("depends", ()):
            yield from before(needed.split()[0])
        yield records[name]

    for name in records:
        yield from before(name)


def finish(document: Path) -> None:
    """What makes the prefix an environment for the commands of conda, and these themselves; by the user."""
    run_scripts()
    started = time.monotonic()
    compile_bytecode(*(one for one in sorted(PREFIX.glob("lib/python[23].*")) if not one.is_symlink()))
    print(f"Compiled bytecode in {time.monotonic() - started:.1f} s", flush=True)
    records = installed_records()
    installed = set(records)
    own = dict.fromkeys(record["channel"].replace(CLOUD, "").rstrip("/") for record in records.values())
    channels = json.loads(document.read_text(encoding="utf-8")).get("channels") or list(own)
    history = PREFIX / "conda-meta/history"
    history.touch()
    activate = PREFIX / "bin/activate"
    if not activate.exists():  # `source activate NAME` would find the server's on the path
        activate.write_text("# The one environment of this image is active already.\n", encoding="utf-8")
    if "micromamba" not in installed or {"conda", "mamba"} & installed:
        return
    listed = "".join(f"  - {json.dumps(channel)}\n" for channel in channels)
    (PREFIX / ".condarc").write_text(f"channels:\n{listed}channel_priority: strict\n", encoding="utf-8")
    for name in ("conda", "mamba"):
        command = PREFIX / "bin" / name
        command.write_text(COMMAND, encoding="utf-8")
        command.chmod(0o755)


if __name__ == "__main__":
    if sys.argv[1] == "--finish":
        finish(Path(sys.argv[2]))
    else:
        sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
