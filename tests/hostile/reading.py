"""A program of its own that plans and checks hostile repositories: `python -m tests.hostile.reading KIND DIRECTORY`.

Its memory and its time of the processor are limited, so that the system refuses what would take more. One line of standard output for each repository.
"""

from __future__ import annotations

import resource
import shutil
import sys
from pathlib import Path

from r2i.check.checking import check
from r2i.check.rules import CODES
from r2i.check.settings import settings_of
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.errors import R2iError
from tests.hostile.inputs import KINDS, TREES, Files
from tests.writing import planned, remove_deep, write

#: Beside what the interpreter and the texts take, in bytes: twice what the benchmark allows, as this is address space.
MEMORY = 600_000_000

#: Of the processor, whatever else the machine does, for one repository: the system ends what takes longer.
SECONDS = 10


def main(kind: str, directory: Path) -> None:
    for name, files in KINDS[kind]() if kind in KINDS else [(kind, None)]:
        top = directory / name
        top.mkdir()
        make(kind, top, files)
        with_memory(MEMORY)
        with_seconds(SECONDS)
        print(name, *outcomes(top), sep="\t", flush=True)
        with_memory(resource.RLIM_INFINITY)
        with_seconds(None)
        if files is None:
            remove_deep(top)
        shutil.rmtree(top)


def make(kind: str, top: Path, files: Files | None) -> None:
    if files is None:
        TREES[kind](top)
    else:
        write(top, files)


def with_memory(more: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft = more if more == resource.RLIM_INFINITY else pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def with_seconds(more: int | None) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = resource.RLIM_INFINITY if more is None else int(used.ru_utime + used.ru_stime) + more
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def outcomes(top: Path) -> tuple[str, str]:
    """Of the plan and of the check: `done`, or the words of the error and of its hint."""
    checkout = Checkout.open(top)
    try:
        planned(checkout)
        plan = "done"
    except R2iError as error:
        plan = f"{type(error).__name__} {error.message} {error.hint}"
    try:
        check(Subject(checkout=checkout, settings=settings_of(checkout, codes=CODES)))
    except R2iError as error:
        return plan, f"{type(error).__name__} {error.message} {error.hint}"
    return plan, "done"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
