"""When files were last changed: the date of a commit, from git's history. Of a fetched repository, that is fetched, too."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha1, sha256
from pathlib import Path

from r2i.checkout import Checkout
from r2i.errors import FetchError
from r2i.model import Source
from r2i.process import Completed
from r2i.sources.git_fetch import EVERYTHING, program, unreachable
from r2i.sources.git_program import GitProgram, looking_git
from r2i.sources.private import private_directory
from r2i.sources.protocol import Change, Unknown

#: Commits and directories, but not what is in the files: enough to tell which commit changed which.
WITHOUT_FILES = "--filter=blob:none"

NAME_A_DATE = "Name a date instead, such as `--as-of 2021-06-30`"
DEEPEN = "Fetch the history with `git fetch --unshallow --filter=blob:none`, or name a date"

CUT_OFF = Unknown(reason="the clone is shallow and does not reach back far enough", hint=DEEPEN)

EMPTY = re.compile(r"\s*$")


def last_change_here(
    checkout: Checkout, files: Iterable[str], *, environ: Mapping[str, str]
) -> Change | Unknown:
    """Look into the history that a local directory has; nothing is fetched and nothing is written."""
    git = looking_git(environ)
    paths = _with_targets(checkout, files)
    listed = git.ask("--literal-pathspecs", "ls-tree", "-r", "-z", "HEAD", "--", *paths, cwd=checkout.root)
    if listed.returncode:
        return _no_history(git, listed)
    committed = dict(_entry(line) for line in listed.stdout.split("\0") if line)
    if missing := next((path for path in paths if path not in committed), None):
        return _never_committed(missing)
    found = _last_change(git, checkout.root, "HEAD", paths)
    if isinstance(found, Unknown):
        return found
    edited = tuple(path for path in paths if _is_edited(checkout.root / path, committed[path]))
    return replace(found, edited=edited)


def last_change_there(
    source: Source,
    checkout: Checkout,
    files: Iterable[str],
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> Change | Unknown:
    """Fetch the history of what was fetched: beside it, so that the checkout stays what it is."""
    assert checkout.content_id is not None  # noqa: S101 - git always has one
    prefix = checkout.root.relative_to(checkout.boundary)
    paths = [os.path.normpath(prefix / path) for path in _with_targets(checkout, files)]
    git = program(source, environ)
    # A server that cannot give a single commit gave everything, and may not know filters: git would ask it without end.
    found = _last_change(git, checkout.boundary, checkout.content_id, paths)
    if found is not CUT_OFF:
        return found
    report(f"Fetching the history of `{source.location}`, without its files")
    with private_directory() as directory:
        _fetch_history(directory, git, location=source.location, commit=checkout.content_id)
        return _last_change(git, directory, checkout.content_id, paths)


def _fetch_history(directory: Path, git: GitProgram, *, location: str, commit: str) -> None:
    """Fetch all that led to a commit; a server that cannot leave out files sends them, too."""
    kind = ["--object-format=sha256"] if len(commit) == 64 else []
    git.read("init", "--quiet", "--bare", "--template=", *kind, ".", cwd=directory)
    git.read("remote", "add", "--", "origin", location, cwd=directory)
    for what in ((commit,), EVERYTHING, ("+refs/*:refs/r2i/all/*",)):
        for how in (WITHOUT_FILES, "--no-filter"):
            done = git.fetch("fetch", "--quiet", "--no-tags", how, "origin", *what, cwd=directory)
            if (
                done.returncode == 0
                and git.ask("rev-list", "-n1", commit, "--", cwd=directory).returncode == 0
            ):
                return
            if done.returncode and unreachable(done):
                raise git.failure(done, location)
    raise FetchError(f"`{location}` does not give the history of `{commit}`", hint=NAME_A_DATE)


def _last_change(git: GitProgram, directory: Path, commit: str, paths: Iterable[str]) -> Change | Unknown:
    form = ("--no-show-signature", "--format=%H %ct")
    words = ("--literal-pathspecs", "log", "-1", *form, commit, "--", *paths)
    done = git.ask(*words, cwd=directory)
    if done.returncode:
        return _no_history(git, done)
    if not (found := re.fullmatch(r"([0-9a-f]{40,64}) (\d{1,12})\n?", done.stdout)):
        return _never_committed(next(iter(paths)))
    if found[1] in _cut_off(git, directory):
        return CUT_OFF
    return Change(commit=found[1], moment=datetime.fromtimestamp(int(found[2]), UTC))


def _cut_off(git: GitProgram, directory: Path) -> set[str]:
    """The commits of a shallow clone whose parents are missing: they seem to have made every file that they have."""
    place = git.read("rev-parse", "--git-path", "shallow", cwd=directory).strip()
    try:
        return set((directory / place).read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError):
        return set()


def _with_targets(checkout: Checkout, files: Iterable[str]) -> list[str]:
    """Where a file is a link, what it leads to is what changes."""
    paths = []
    for path in files:
        target = os.path.relpath((checkout.root / path).resolve(), checkout.root)
        paths += [path, target]
    return list(dict.fromkeys(paths))


def _entry(line: str) -> tuple[str, str]:
    """A line of `git ls-tree`: the path, and the id of the content, empty where it is no file."""
    about, _, path = line.partition("\t")
    mode, _, content = about.split(" ")
    return path, content if mode.startswith("100") else ""


def _is_edited(file: Path, committed: str) -> bool:
    """Compare with the content that was committed, whatever the line ends. Without git, which might run a filter."""
    if not committed:
        return False
    data = file.read_bytes()
    digest = sha1 if len(committed) == 40 else sha256
    return not any(
        digest(b"blob %d\0" % len(text) + text).hexdigest() == committed
        for text in (data, data.replace(b"\r\n", b"\n"))
    )


def _never_committed(path: str) -> Unknown:
    return Unknown(reason=f"`{path}` was never committed", hint=f"Commit it. {NAME_A_DATE}")


def _no_history(git: GitProgram, done: Completed) -> Unknown:
    if "not a git repository" in done.stderr:
        return Unknown(reason="the directory is not part of a git repository", hint=NAME_A_DATE)
    if re.search(r"unknown revision|Not a valid object name|does not have any commits", done.stderr):
        return Unknown(reason="the git repository has no commit yet", hint=NAME_A_DATE)
    return Unknown(reason=f"git says: {git.first_reason(done, skip=EMPTY)}", hint=NAME_A_DATE)
