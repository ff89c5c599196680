"""Large files that git keeps elsewhere (git-lfs.com): fetched where git-lfs is there, and named where it is not."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from r2i.errors import FetchError, TemporaryError
from r2i.sources.git_program import TEMPORARY, GitProgram

POINTER = b"version https://git-lfs.github.com/spec/v1\n"
#: By its specification a pointer is smaller than this.
POINTER_SIZE = 1024
#: Without them `git lfs checkout` believes that it is not installed, and does nothing.
FILTERS = (
    *("-c", "filter.lfs.clean=git-lfs clean -- %f"),
    *("-c", "filter.lfs.smudge=git-lfs smudge -- %f"),
    *("-c", "filter.lfs.process=git-lfs filter-process"),
)
#: What git-lfs says at every fetch, and at the end of every one that failed.
NOT_A_REASON = re.compile(
    r"fetch: |Downloading LFS|(error: )?failed to fetch some objects|\s*$", re.IGNORECASE
)
#: How many files a message names.
NAMED = 3
#: Where `.lfsconfig` may send git-lfs to; `file:` would be the host's own disk.
REMOTE = re.compile(r"(https?|ssh)://|[\w.+-]+@[\w.-]+:", re.IGNORECASE)


def pointers(directory: Path, git: GitProgram) -> list[str]:
    """The files of a checkout that are but pointers to their content."""
    listed = git.read("ls-files", "-z", "--", ":(top,attr:filter=lfs)", cwd=directory)
    return [path for path in listed.split("\0") if path and _is_pointer(directory / path)]


def fetch_large_files(
    directory: Path,
    git: GitProgram,
    *,
    commit: str,
    location: str,
    report: Callable[[str], None],
) -> bool:
    """Replace the pointers by the files; where that is not possible for lack of git-lfs, say which ones stay.

    True where none stays.
    """
    waiting = pointers(directory, git)
    if not waiting:
        return True
    if git.ask("lfs", "version", cwd=directory).returncode:
        report(
            f"Warning: {_named(waiting)} only {_pointer(waiting)} to content that git LFS keeps; "
            "install `git-lfs` to have the content"
        )
        return False
    if not location.startswith("file:") and not _stays_remote(directory, git):
        raise FetchError(
            "`.lfsconfig` sends git LFS to a place that is not on the network",
            hint="Name an `https://` address in `lfs.url`",
            file=".lfsconfig",
        )
    report(f"Fetching {_count(waiting)} that git LFS keeps")
    done = git.fetch("lfs", "fetch", "origin", commit, cwd=directory)
    if done.returncode == 0:
        done = git.fetch(*FILTERS, "lfs", "checkout", cwd=directory)
    left = pointers(directory, git)
    if left or done.returncode:
        reason = git.first_reason(done, skip=NOT_A_REASON)
        kind = TemporaryError if TEMPORARY.search(done.stderr) else FetchError
        raise kind(
            f"git LFS did not deliver {_listed(left or waiting)}: {reason}",
            hint="Check that the files were pushed, and the LFS quota of the repository",
        )
    return True


def _stays_remote(directory: Path, git: GitProgram) -> bool:
    """Whether every URL in `.lfsconfig` leads over the network. Read from the commit: no link is followed."""
    listed = git.ask(
        "config", "-z", "--blob=HEAD:.lfsconfig", "--get-regexp", r"url$|^include", cwd=directory
    )
    values = [entry.partition("\n")[2] for entry in listed.stdout.split("\0") if entry]
    return all(REMOTE.match(value) for value in values) and not (directory / ".lfsconfig").is_symlink()


def _is_pointer(path: Path) -> bool:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size >= POINTER_SIZE:
            return False
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(len(POINTER)) == POINTER
    except OSError:
        return False


def _count(paths: list[str]) -> str:
    return "1 file" if len(paths) == 1 else f"{len(paths)} files"


def _listed(paths: list[str]) -> str:
    shown = ["".join(c if c.isprintable() else "?" for c in path) for path in paths[:NAMED]]
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(f"`{path}`" for path in shown) + more


def _named(paths: list[str]) -> str:
    return f"{_count(paths)} ({_listed(paths)}) {'is' if len(paths) == 1 else 'are'}"


def _pointer(paths: list[str]) -> str:
    return "a pointer" if len(paths) == 1 else "pointers"
