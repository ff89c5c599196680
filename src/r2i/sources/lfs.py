"""Large files that git keeps elsewhere (git-lfs.com): fetched where git-lfs is there, and named where it is not."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from r2i.errors import FetchError, R2iError, TemporaryError
from r2i.sources.blob import is_blob
from r2i.sources.git_environment import with_settings
from r2i.sources.git_failures import TEMPORARY
from r2i.sources.git_program import GitProgram
from r2i.sources.parse import remote_location
from r2i.sources.tree_size import Room

POINTER = b"version https://git-lfs.github.com/spec/v1\n"
SIZE = re.compile(rb"^size (\d{1,18})$", re.MULTILINE)
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
#: How many files git-lfs downloads at a time, and what else it writes into one, in bytes.
TRANSFERS, SLACK = 8, 1 << 20
#: How many files a message names.
NAMED = 3
#: The largest `.lfsconfig` that is read.
LARGEST = 1 << 16
CONFIG = ".lfsconfig"


def pointers(directory: Path, git: GitProgram) -> dict[str, int]:
    """The files of a checkout that are but pointers to their content, and how large that is."""
    listed = git.read("ls-files", "-z", "--", ":(top,attr:filter=lfs)", cwd=directory)
    sizes = {path: _size(directory / path) for path in listed.split("\0") if path}
    return {path: size for path, size in sizes.items() if size is not None}


def fetch_large_files(
    directory: Path,
    git: GitProgram,
    *,
    commit: str,
    location: str,
    room: Room,
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
            f"Warning: {_named(waiting)} only {_pointer(waiting)} to content in Git LFS; "
            "install `git-lfs` to fetch the content"
        )
        return False
    git = _sent_where_the_commit_says(directory, git, commit=commit, location=location)
    room.take_large(directory, sum(waiting.values()), location=location)
    report(f"Fetching {_count(waiting)} from Git LFS")
    # A server may send more than a pointer says: git-lfs notices that only at the end.
    largest = max(waiting.values()) + SLACK
    at_once = max(1, min(TRANSFERS, room.space // largest))
    transfers = ("-c", f"lfs.concurrentTransfers={at_once}")
    done = git.fetch(*transfers, "lfs", "fetch", "origin", commit, cwd=directory, largest=largest)
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


def _sent_where_the_commit_says(
    directory: Path, git: GitProgram, *, commit: str, location: str
) -> GitProgram:
    """Git with the server of LFS in its environment, if the repository names one.

    `.lfsconfig` is read from the commit: in the work tree it may be a link, or another text by an attribute.
    """
    found = git.ask("rev-parse", "--verify", "--quiet", f"{commit}:{CONFIG}", cwd=directory).stdout.strip()
    if not _is_committed(directory / CONFIG, found):
        raise FetchError(
            f"`{CONFIG}` differs between the checkout and the commit",
            hint=f"Commit it as a regular file, and disable conversions in `.gitattributes`: `{CONFIG} -text`",
            file=CONFIG,
        )
    if not found:
        return git
    listed = git.read("config", "-z", "--no-includes", f"--blob={found}", "--list", cwd=directory)
    values = dict(entry.partition("\n")[::2] for entry in listed.split("\0") if entry)
    for key, value in values.items():
        if key.startswith("include") or (key.endswith("url") and not _is_allowed(value, location)):
            raise FetchError(
                f"`{CONFIG}` sets a Git LFS URL that is not on the network",
                hint="Set `lfs.url` to an `https://` URL",
                file=CONFIG,
            )
    url = values.get("lfs.url") or values.get("remote.origin.lfsurl")
    settings = [("lfs.url", url)] if url else []
    return replace(git, environment=with_settings(settings, git.environment))


def _is_committed(file: Path, blob: str) -> bool:
    """Whether git-lfs would read what was committed; where the file is missing, it reads that itself."""
    try:
        status = file.lstat()
        if not blob or not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            return False
        return is_blob(file.read_bytes(), blob)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _is_allowed(url: str, location: str) -> bool:
    """Whether a URL leads over the network, or to this machine where the repository is there, too."""
    try:
        there, _ = remote_location(url, parent=location)
    except R2iError:
        return False
    return not there.startswith("file:") or location.startswith("file:")


def _size(path: Path) -> int | None:
    """How large the content is that a pointer stands for; None where the file is none."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size >= POINTER_SIZE:
            return None
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            text = file.read(POINTER_SIZE)
    except OSError:
        return None
    if not text.startswith(POINTER):
        return None
    size = SIZE.search(text)
    return int(size[1]) if size else 0


def _count(paths: Collection[str]) -> str:
    return "1 file" if len(paths) == 1 else f"{len(paths)} files"


def _listed(paths: Collection[str]) -> str:
    shown = ["".join(c if c.isprintable() else "?" for c in path) for path in list(paths)[:NAMED]]
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(f"`{path}`" for path in shown) + more


def _named(paths: Collection[str]) -> str:
    return f"{_count(paths)} ({_listed(paths)}) {'is' if len(paths) == 1 else 'are'}"


def _pointer(paths: Collection[str]) -> str:
    return "a pointer" if len(paths) == 1 else "pointers"
