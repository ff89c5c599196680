"""When the commit was made that a directory stands on. Reads one object of git and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from r2i.process import Runner
from r2i.sources.git_environment import git_environment
from r2i.sources.git_program import CLOSED, LOOKER, PATIENCE, GitProgram

COMMITTER = re.compile(r"^committer .*> (\d{1,12}) [+-]\d{4}$", re.MULTILINE)


def date_here(
    directory: Path,
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
    runner: Runner = LOOKER,
) -> str | None:
    """The date of `HEAD` where the directory is the top of a git work tree, None elsewhere."""
    if not os.path.lexists(directory / ".git"):
        return None
    environment = git_environment(environ, configured=(), file_allowed=False) | CLOSED
    # Named, so that git does not look further up. `cat-file` starts no hook, pager, filter or signature check.
    command = ["git", "--git-dir=.git", "cat-file", "commit", "HEAD"]
    done = runner(command, env=environment, cwd=directory, timeout=PATIENCE)
    if done.returncode == 127:
        report("Warning: `git` is not installed: the date of the last commit is unknown and has no influence")
    return committed_on(done.stdout) if done.returncode == 0 else None


def date_of(commit: str, directory: Path, git: GitProgram) -> str | None:
    """The date of a commit that was fetched."""
    done = git.ask("cat-file", "commit", commit, cwd=directory)
    return committed_on(done.stdout) if done.returncode == 0 else None


def committed_on(commit: str) -> str | None:
    """The committer's date in UTC (RFC 3339), of a commit as git keeps it."""
    found = COMMITTER.search(commit.partition("\n\n")[0])
    if found is None:
        return None
    try:
        return datetime.fromtimestamp(int(found[1]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return None  # a date beyond the year 9999
