"""Make repositories whose files are to take the time and memory of whatever reads them, and read each with `r2i plan` and `r2i check`.

    python benchmarks/hostile.py                # needs no engine and no network
    python benchmarks/hostile.py --only locks   # a kind, or a part of a name

The repositories are those of `tests/hostile/inputs.py`. Seconds are those of the processor, so that what else the machine does counts for nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.hostile.inputs import KINDS, TREES
from tests.writing import remove_deep, write

R2I = str(Path(sys.executable).with_name("r2i"))
SECONDS, MEGABYTES = 2.0, 300.0

#: What is stopped is far from both.
MOST_SECONDS, MOST_BYTES = 60, 4_000_000_000

#: Done, nothing to build, wrong files, not ready.
EXPECTED = (0, 4, 5, 8)


def make(kind: str, only: str, directory: Path) -> None:
    """Write those of a kind, in a process of its own: what a process is started from counts as its memory, too."""
    for name, files in KINDS[kind]():
        if only in kind or only in name:
            write(directory / name, files)


def repositories(only: str, scratch: Path) -> Iterator[tuple[str, Path]]:
    for kind in KINDS:
        directory = scratch / kind
        directory.mkdir()
        maker = multiprocessing.Process(target=make, args=(kind, only, directory))
        maker.start()
        maker.join()
        yield from ((kind, top) for top in sorted(directory.iterdir()))
        shutil.rmtree(directory)
    for name, tree in TREES.items():
        if only in name:
            top = scratch / name
            top.mkdir()
            tree(top)
            yield "trees", top
            remove_deep(top)
            shutil.rmtree(top)


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def measured(command: str, top: Path) -> tuple[float, float, int]:
    """Seconds of the processor, the largest resident size in MB, and the exit code."""
    child = subprocess.Popen(
        [R2I, command, str(top)],
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=limited,  # noqa: PLW1509 - no thread but this one
    )
    _, status, usage = os.wait4(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="WORD", help="those of a kind, or with this in the name"
    )
    parser.add_argument("--all", action="store_true", help="list also those that meet the target")
    chosen = parser.parse_args()
    missed = count = 0
    worst = {"plan": [0.0, 0.0], "check": [0.0, 0.0]}
    with tempfile.TemporaryDirectory() as scratch:
        measured("check", Path(scratch))  # an installed r2i is compiled
        for kind, top in repositories(chosen.only, Path(scratch)):
            for command, most in worst.items():
                seconds, megabytes, code = measured(command, top)
                most[:] = max(most[0], seconds), max(most[1], megabytes)
                met = seconds <= SECONDS and megabytes <= MEGABYTES and code in EXPECTED
                missed += not met
                count += 1
                if chosen.all or not met:
                    words = f"{seconds:.2f} s · {megabytes:.0f} MB · status {code}"
                    print(
                        f"{kind} · {top.name} · `r2i {command}` · {words} · {'met' if met else 'NOT MET'}",
                        flush=True,
                    )
    for command, (seconds, megabytes) in worst.items():
        print(
            f"`r2i {command}` at worst · ≤ {SECONDS:g} s, ≤ {MEGABYTES:g} MB · {seconds:.2f} s, {megabytes:.0f} MB"
        )
    print(f"{count - missed} of {count} within the target")


if __name__ == "__main__":
    main()
