"""When files were last changed: the date of a commit, from git's history. Of a fetched repository, that is fetched, too."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from r2i.checkout import Checkout
from r2i.errors import FetchError
from r2i.model import Source
from r2i.process import Completed
from r2i.sources.blob import is_blob
from r2i.sources.git_fetch import EVERYTHING, program, unreachable
from r2i.sources.git_program import GitProgram, looking_git, serving
from r2i.sources.private import private_directory
from r2i.sources.protocol import LastChange, Unknown

#: Commits and directories, but not what is in the files: enough to tell which commit changed which.
WITHOUT_FILES = "--filter=blob:none"

NAME_A_DATE = "Use a date instead, such as `--as-of 2021-06-30`"
DEEPEN = "Fetch the history with `git fetch --unshallow --filter=blob:none`, or use a date"

CUT_OFF = Unknown(reason="the clone is shallow and does not reach back far enough", hint=DEEPEN)

EMPTY = re.compile(r"\s*$")


def last_change_here(
    checkout: Checkout, files: Iterable[str], *, environ: Mapping[str, str]
) -> LastChange | Unknown:
    """Look into the history that a local directory has; nothing is fetched and nothing is written."""
    git = looking_git(environ, checkout.root)
    paths = with_targets(checkout, files)
    listed = git.ask("--literal-pathspecs", "ls-tree", "-r", "-z", "HEAD", "--", *paths, cwd=checkout.root)
    if listed.returncode:
        return _no_history(git, listed)
    committed = dict(_entry(line) for line in listed.stdout.split("\0") if line)
    if missing := next((path for path in paths if path not in committed), None):
        return _never_committed(missing)
    found = _last_change(git, checkout.root, "HEAD", paths)
    if isinstance(found, Unknown):
        return found
    edited = tuple(
        path
        for path in paths
        if committed[path] and not is_blob((checkout.root / path).read_bytes(), committed[path])
    )
    return replace(found, edited=edited)


def last_change_there(
    source: Source,
    checkout: Checkout,
    files: Iterable[str],
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> LastChange | Unknown:
    """Fetch the history of what was fetched: beside it, so that the checkout stays what it is."""
    assert checkout.content_id is not None  # noqa: S101 - git always has one
    prefix = checkout.root.relative_to(checkout.boundary)
    paths = [os.path.normpath(prefix / path) for path in with_targets(checkout, files)]
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
            words = ("fetch", "--quiet", "--no-tags", how, *serving(location), "origin", *what)
            done = git.fetch(*words, cwd=directory)
            if (
                done.returncode == 0
                and git.ask("rev-list", "-n1", commit, "--", cwd=directory).returncode == 0
            ):
                return
            if done.returncode and unreachable(done):
                raise git.failure(done, location)
    raise FetchError(f"`{location}` does not provide the history of `{commit}`", hint=NAME_A_DATE)


def _last_change(git: GitProgram, directory: Path, commit: str, paths: Iterable[str]) -> LastChange | Unknown:
    # Plumbing: `git log` reads more of a configuration, mail maps and signatures among it.
    words = ("--literal-pathspecs", "rev-list", "-1", "--timestamp", commit, "--", *paths)
    done = git.ask(*words, cwd=directory)
    if done.returncode:
        return _no_history(git, done)
    if not (found := re.fullmatch(r"(\d{1,12}) ([0-9a-f]{40,64})\n?", done.stdout)):
        return _never_committed(next(iter(paths)))
    if _is_cut_off(git, directory, found[2]):
        return CUT_OFF
    return LastChange(commit=found[2], moment=datetime.fromtimestamp(int(found[1]), UTC))


def _is_cut_off(git: GitProgram, directory: Path, commit: str) -> bool:
    """Whether a shallow clone ends at this commit: it seems to have made every file that it has."""
    written = git.read("cat-file", "commit", commit, cwd=directory).partition("\n\n")[0]
    known = git.read("rev-list", "-1", "--parents", commit, "--", cwd=directory).split()[1:]
    return len(re.findall(r"^parent ", written, re.MULTILINE)) > len(known)


def with_targets(checkout: Checkout, files: Iterable[str]) -> list[str]:
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


def _never_committed(path: str) -> Unknown:
    return Unknown(reason=f"`{path}` was never committed", hint=f"Commit it. {NAME_A_DATE}")


def _no_history(git: GitProgram, done: Completed) -> Unknown:
    if "not a git repository" in done.stderr:
        return Unknown(reason="the directory is not part of a git repository", hint=NAME_A_DATE)
    if re.search(r"unknown revision|Not a valid object name|does not have any commits", done.stderr):
        return Unknown(reason="the git repository has no commit yet", hint=NAME_A_DATE)
    return Unknown(reason=f"git says: {git.first_reason(done, skip=EMPTY)}", hint=NAME_A_DATE)
