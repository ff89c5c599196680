"""Running git: with nothing of the caller's repository around it, no hook, no prompt, and credentials out of sight.

Every git that r2i runs is run here. `git_program` is for repositories that r2i makes itself, with its own configuration;
`looking_git` is for directories whose configuration, hooks and attributes may be anybody's.

Git is run as a program, through `r2i.process`: a fetch must die with us, children included, and its environment must be ours.
What GitPython is used for, and what not and why, stands in `git_python`.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from r2i import process
from r2i.errors import FetchError, R2iError, TemporaryError
from r2i.facts.minimums import GIT, written
from r2i.model import Credentials
from r2i.process import TOO_LONG, Completed, Limits, Runner
from r2i.sources.git_environment import git_environment, with_settings, without_filters
from r2i.sources.git_failures import (
    ABSENT,
    BOUNDS,
    BROKEN_PACK,
    HOST,
    REFUSALS,
    TEMPORARY,
    UNRESOLVED,
    gist_of,
)
from r2i.sources.typed import shown

#: How long a server may take to list its refs, in seconds.
LIST_TIMEOUT = 120.0
#: How long one fetch may take, and how long git may think about what is on the disk, in seconds.
FETCH_TIMEOUT, LOOK_TIMEOUT = 3600.0, 60.0
#: A configuration in the directory may include a file that never ends, in seconds.
PATIENCE = 5.0
#: How many of the last lines of a fetch are kept to explain a failure.
KEPT_LINES = 40

MIB = 1 << 20
#: The largest file that git may write while it fetches, which is the pack of a repository, in bytes.
LARGEST_FILE = 10 << 30
#: Git keeps all refs of a server in memory before it says one; a million of them take half of this.
LISTING = Limits(memory=512 * MIB, file=MIB, output=64 * MIB)
LOOKING = Limits(memory=1024 * MIB, file=LARGEST_FILE, output=64 * MIB)
FETCHING = Limits(memory=4096 * MIB, file=LARGEST_FILE)
#: Settings of more drivers of filters than anybody has; they are to fit into an environment.
MOST_FILTERS = 400

#: A configuration in a directory may be anybody's: nothing is fetched for it, and so nothing started.
CLOSED = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}

#: Above such a configuration: no repository that lies in another one's files, and no bundle, which no protocol bounds.
CLOSED_SETTINGS = {"fetch.bundleURI": "", "safe.bareRepository": "explicit"}
#: What serves a directory of this machine to `git fetch`: git starts it with the directory's configuration, not with ours.
SERVING = "GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 git-upload-pack"


class Fetcher(Protocol):
    """The seam for what may take long: anything that is called like `run_alone`."""

    def __call__(
        self, argv: list[str], *, env: Mapping[str, str], cwd: Path, limits: Limits
    ) -> Completed: ...


def run_alone(argv: list[str], *, env: Mapping[str, str], cwd: Path, limits: Limits) -> Completed:
    """Run a program in a session of its own, without a terminal, and end it when we are interrupted."""
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    # Git ends on a signal without its helper, which would go on talking to the server: the helper comes first.
    with process.streaming(
        argv, env=env, cwd=cwd, guard="children", timeout=FETCH_TIMEOUT, limits=limits
    ) as (lines, wait):
        kept.extend(lines)
        code = wait()
    if code == TOO_LONG:
        kept.append(f"fatal: no answer in {FETCH_TIMEOUT:g} s")
    return Completed(argv=(*argv,), returncode=code, stdout="", stderr="\n".join(kept))


LOOKER: Runner = partial(process.run, limits=LOOKING)
LISTER: Runner = partial(process.run, limits=LISTING, guarded=True)


@dataclass(frozen=True, kw_only=True)
class GitProgram:
    """Git with a checked environment. `secrets` are what no message may show."""

    environment: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    runner: Runner = LOOKER
    lister: Runner = LISTER
    fetcher: Fetcher = run_alone

    def ask(self, *arguments: str, cwd: Path | None = None, stdin: str = "") -> Completed:
        """Run git for its answer, where no network is involved."""
        return self.runner(
            ["git", *arguments], env=self.environment, cwd=cwd, stdin=stdin, timeout=LOOK_TIMEOUT
        )

    def read(self, *arguments: str, cwd: Path, stdin: str = "") -> str:
        """What git answers; raise `FetchError` where it fails."""
        done = self.ask(*arguments, cwd=cwd, stdin=stdin)
        if done.returncode:
            raise FetchError(
                f"`git {arguments[0]}` failed: {self._plain(gist_of(done.stderr))}",
                hint="Check the free disk space, and check the repository with `git fsck`",
            )
        return done.stdout

    def list(self, location: str, *patterns: str) -> str:
        """`git ls-remote`; outside of any repository, whose configuration could lead it elsewhere."""
        environment = {**self.environment, "GIT_DIR": "/dev/null"}
        argv = ["git", "ls-remote", "--symref", *serving(location), "--", location, *patterns]
        done = self.lister(argv, env=environment, timeout=LIST_TIMEOUT)
        if done.returncode:
            raise self.failure(done, location)
        return done.stdout

    def fetch(self, *arguments: str, cwd: Path, largest: int = LARGEST_FILE) -> Completed:
        """Run git where it may take long: it ends with us. It writes no larger file."""
        limits = replace(FETCHING, file=min(largest, FETCHING.file or largest))
        return self.fetcher(["git", *arguments], env=self.environment, cwd=cwd, limits=limits)

    @contextmanager
    def lines(self, *arguments: str, cwd: Path) -> Iterator[Iterator[str]]:
        """What git answers, line by line, however much that is; raise `FetchError` where it fails."""
        argv = ["git", *arguments]
        with process.streaming(argv, env=self.environment, cwd=cwd, timeout=LOOK_TIMEOUT, limits=LOOKING) as (
            lines,
            wait,
        ):
            yield lines
            if wait():
                raise FetchError(f"`git {arguments[0]}` failed", hint="Check the repository with `git fsck`")

    def failure(self, done: Completed, location: str) -> R2iError:
        """Explain why a repository could not be reached."""
        output = self._plain(done.stderr)
        line = gist_of(output)
        if done.returncode == 127:
            return FetchError("`git` is not installed", hint="Install git: `apt-get install git`")
        if location.startswith("file:") and ABSENT.search(output):
            return _nothing_here(location, line)
        for pattern, hint in REFUSALS:
            if pattern.search(output):
                return FetchError(f"`{location}` cannot be fetched: {line}", hint=hint)
        if done.returncode == 124 or TEMPORARY.search(output):
            return TemporaryError(
                f"`{location}` cannot be reached: {line}",
                hint=_nearly(location, output) or "Check the network, and try again later",
            )
        hint = BOUNDS if BROKEN_PACK.search(output) else "Check that `git clone` can fetch it"
        return FetchError(f"`{location}` cannot be fetched: {line}", hint=hint)

    def first_reason(self, done: Completed, *, skip: re.Pattern[str]) -> str:
        """The first line of a failure that says something."""
        lines = [line.strip() for line in self._plain(done.stderr).splitlines() if not skip.match(line)]
        return lines[0].rstrip(".") if lines else "it gave no reason"

    def _plain(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "…")
        text = re.sub(r"(?<=://)[^/\s'\"]*@", "", text)
        return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def git_program(
    environ: Mapping[str, str],
    *,
    file_allowed: bool,
    credentials: Iterable[tuple[str, Credentials]] = (),
) -> GitProgram:
    """Prepare git. `credentials` are for the servers before them (`https://host:port`)."""
    credentials = tuple(credentials)
    return GitProgram(
        environment=git_environment(
            environ,
            configured=_configuration(environ),
            file_allowed=file_allowed,
            credentials=credentials,
        ),
        # A token may stand where the name does. Longest first: one may be part of another.
        secrets=tuple(
            sorted({s for _, c in credentials if (s := c.password or c.username)}, key=len, reverse=True)
        ),
    )


def looking_git(environ: Mapping[str, str], directory: Path) -> GitProgram:
    """Git for a directory of this machine, whose configuration may be anybody's: nothing of it runs, is fetched or written.

    The repository is the one whose `.git` is the nearest above, and its work tree lies around that. Where there is
    none, git finds none.
    """
    configured = _configuration(environ)
    environment = git_environment(environ, configured=configured, file_allowed=False) | CLOSED
    ignored = configured.get("core.excludesfile", _default_excludes(environ))
    environment = with_settings([*CLOSED_SETTINGS.items(), ("core.excludesFile", ignored)], environment)
    nowhere = GitProgram(environment={**environment, "GIT_DIR": "/dev/null"})
    top = _work_tree(directory)
    if top is None:
        return nowhere
    environment |= {"GIT_CEILING_DIRECTORIES": str(top.parent), "GIT_WORK_TREE": str(top)}
    listed = LOOKER(["git", "config", "--list", "-z"], env=environment, cwd=directory, timeout=PATIENCE)
    filters = without_filters(_configured(listed.stdout))
    if listed.returncode or len(filters) > MOST_FILTERS:
        return nowhere
    return GitProgram(environment=with_settings(filters, environment))


def _nothing_here(location: str, line: str) -> FetchError:
    """A directory of this machine that is not there, or that is no repository: no login helps."""
    path = unquote(location.removeprefix("file://"))
    if not os.path.lexists(path):
        return FetchError(f"The directory `{shown(path)}` does not exist", hint="Check the path")
    return FetchError(
        f"`{location}` cannot be fetched: {line}",
        hint=f"Pass `{shown(path)}` to use the directory as it is, or the top directory of a git repository",
    )


def _nearly(location: str, output: str) -> str | None:
    """What may have been meant, where no server has the name."""
    if not UNRESOLVED.search(output):
        return None
    from r2i.sources.misspelt import near_host

    host = HOST.match(location)
    near = near_host(host[1]) if host else None
    return f"Did you mean `{location.replace(host[1], near, 1)}`?" if host and near else None


def _work_tree(directory: Path) -> Path | None:
    """The nearest directory with `.git` in it, unless another repository lies between, as files of this one could."""
    for place in (directory, *directory.parents):
        names = {name for name in (".git", "HEAD", "refs", "commondir") if os.path.lexists(place / name)}
        if "HEAD" in names and names & {"refs", "commondir"}:
            return None
        if ".git" in names:
            return place
    return None


def _default_excludes(environ: Mapping[str, str]) -> str:
    """Where git looks for what the user ignores everywhere, if the user did not say it."""
    home = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    return f"{home}/git/ignore"


def serving(location: str) -> tuple[str, ...]:
    """How a fetch from this location has it served."""
    return (f"--upload-pack={SERVING}",) if location.startswith("file:") else ()


def _configuration(environ: Mapping[str, str]) -> dict[str, str]:
    """What the user has configured, outside of any repository; raise `FetchError` where git is missing or too old."""
    outside = {**environ, "GIT_DIR": "/dev/null", "LC_ALL": "C"}
    _check_version(LOOKER(["git", "version"], env=outside))
    return _configured(LOOKER(["git", "config", "--list", "-z"], env=outside).stdout)


def _configured(listing: str) -> dict[str, str]:
    """By keys as git prints them: in lower case, but for the part between the dots."""
    return dict(entry.partition("\n")[::2] for entry in listing.split("\0") if entry)


def _check_version(done: Completed) -> None:
    if done.returncode == 127:
        raise FetchError("`git` is not installed", hint="Install git: `apt-get install git`")
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    if found is None or (int(found[1]), int(found[2])) < GIT:
        raise FetchError(
            f"git is too old: `{done.stdout.strip()}`", hint=f"Install git {written(GIT)} or newer"
        )
