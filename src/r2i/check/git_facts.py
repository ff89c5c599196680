"""What git knows of a checkout's files. The one module of the static check that starts a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from r2i.checkout import CONFIG_DIRECTORIES, Checkout
from r2i.planning.detect import config_names
from r2i.sources.git_program import GitProgram

EXECUTABLE, SUBMODULE = "100755", "160000"

CONFIGURATION = tuple(
    f"{directory}{name}"
    for directory in ("", *(f"{name}/" for name in CONFIG_DIRECTORIES))
    for name in config_names()
)


@dataclass(frozen=True, kw_only=True)
class GitFacts:
    """Paths are relative to the checkout's root; directories that are ignored as a whole end with a slash.

    `modes` are those of the index (`100644`, `100755`, `120000`, `160000`): what a commit would hold. `remote` is the
    address of `origin` without credentials, None where there is none. `prefix` is the way from the top of the work tree
    to the checkout's root, with a slash at its end, and `above` are the configuration files at that top, by their paths from
    there: none where it is the root itself.
    """

    modes: Mapping[str, str]
    ignored: frozenset[str] = frozenset()
    untracked: frozenset[str] = frozenset()
    prefix: str = ""
    remote: str | None = None
    branch: str | None = None
    submodules: frozenset[str] = field(default=frozenset())
    above: tuple[str, ...] = ()

    def is_ignored(self, path: str) -> bool:
        """Whether git leaves the file out, itself or with a directory above it."""
        parts = path.split("/")
        return path in self.ignored or any(
            "/".join(parts[:end]) + "/" in self.ignored for end in range(1, len(parts))
        )


def git_facts(checkout: Checkout, git: GitProgram) -> GitFacts | None:
    """None where the directory is not in a work tree of git, or git is not installed."""
    inside = git.ask("rev-parse", "--is-inside-work-tree", cwd=checkout.root)
    if inside.returncode or inside.stdout.strip() != "true":
        return None
    modes = {}
    for entry in _paths(git, checkout, "ls-files", "-z", "--stage"):
        facts, _, path = entry.partition("\t")
        modes[path] = facts.partition(" ")[0]
    ignored = _paths(
        git, checkout, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"
    )
    untracked = _paths(git, checkout, "ls-files", "-z", "--others", "--exclude-standard")
    prefix = _line(git, checkout, "rev-parse", "--show-prefix") or ""
    return GitFacts(
        modes=modes,
        ignored=frozenset(ignored),
        untracked=frozenset(untracked),
        prefix=prefix,
        remote=_line(git, checkout, "remote", "get-url", "origin"),
        branch=_line(git, checkout, "symbolic-ref", "--quiet", "--short", "HEAD"),
        submodules=frozenset(path for path, mode in modes.items() if mode == SUBMODULE),
        above=_above(git, checkout) if prefix else (),
    )


def _above(git: GitProgram, checkout: Checkout) -> tuple[str, ...]:
    """The configuration at the top of the work tree, in git or about to be."""
    asked = ("ls-files", "-z", "--full-name", "--cached", "--others", "--exclude-standard", "--")
    found = _paths(git, checkout, *asked, *(f":(top,literal){path}" for path in CONFIGURATION))
    return tuple(path for path in found if path in CONFIGURATION)  # git names what is in a directory, too


def _paths(git: GitProgram, checkout: Checkout, *arguments: str) -> list[str]:
    done = git.ask(*arguments, cwd=checkout.root)
    return [path for path in done.stdout.split("\0") if path] if done.returncode == 0 else []


def _line(git: GitProgram, checkout: Checkout, *arguments: str) -> str | None:
    done = git.ask(*arguments, cwd=checkout.root)
    return done.stdout.strip() or None if done.returncode == 0 else None
