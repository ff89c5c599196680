"""What git knows here of what others see: where the repository is published, and what of it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.quoting import printable
from r2i.ready.badge import NEWEST
from r2i.sources.git_program import GitProgram


@dataclass(frozen=True, kw_only=True)
class Published:
    """`remote` may hold credentials: it is not to be shown. `prefix` is the directory's path from the top, with a slash.

    `unpushed` counts commits, None where nothing was ever pushed or fetched; `pushed` and `here` say whether the ref that
    was asked for is a branch of the remote, or anything here. `default` is the remote's main branch, where that is known.
    """

    remote: str | None
    prefix: str = ""
    branch: str | None = None
    default: str | None = None
    changed: int = 0
    unpushed: int | None = None
    here: bool = True
    pushed: bool = True


def published(checkout: Checkout, program: GitProgram, ref: str) -> Published | None:
    """None where the directory is in no work tree of git."""
    from r2i.sources.git_python import GuardedGit

    git = GuardedGit(program, checkout.root)
    if _said(lambda: git.rev_parse("--is-inside-work-tree")) != "true":
        return None
    names = _said(git.remote).splitlines()
    # A submodule's own changes would be asked of a git with the submodule's own configuration.
    changed = _said(lambda: git.status("--porcelain", "-z", "--no-renames", "--ignore-submodules=dirty"))
    name = "origin" if "origin" in names or not names else names[0]
    known = _said(lambda: git.for_each_ref("--count=1", "--format=%(refname)", f"refs/remotes/{name}/"))
    unpushed = _said(lambda: git.rev_list("--count", "HEAD", "--not", f"--remotes={name}")) if known else ""
    main = _said(lambda: git.symbolic_ref("--quiet", "--short", f"refs/remotes/{name}/HEAD"))
    return Published(
        remote=_said(lambda: git.remote("get-url", name)) or None,
        prefix=_said(lambda: git.rev_parse("--show-prefix")),
        branch=_said(lambda: git.symbolic_ref("--quiet", "--short", "HEAD")) or None,
        default=main.removeprefix(f"{name}/") or None,
        changed=changed.count("\0"),
        unpushed=int(unpushed) if unpushed.isdecimal() else None,
        here=ref == NEWEST or bool(_said(lambda: git.rev_parse("--verify", "--quiet", f"{ref}^{{commit}}"))),
        pushed=bool(_said(lambda: git.rev_parse("--verify", "--quiet", f"refs/remotes/{name}/{ref}"))),
    )


def _said(ask: Callable[[], str]) -> str:
    """What git says, nothing where it fails."""
    from git import GitCommandError

    try:
        return ask()
    except GitCommandError:
        return ""


def on_this_machine(remote: str) -> bool:
    """Whether git takes a remote for a directory, there or not: it has no host."""
    host, colon, _ = remote.partition(":")
    return not colon or "/" in host or host == "file" or re.match(r"[A-Za-z]:[\\/]", remote) is not None


def cautions(found: Published, ref: str) -> Iterator[str]:
    """Why a hub would not show what one sees here, in sentences."""
    if ref != NEWEST and not found.here and not found.pushed:
        yield f"the local git repository has no `{printable(ref)}`: the badge works once the remote has it"
        return
    if found.changed:
        yield f"{_count(found.changed, 'file')} {_are(found.changed)} changed and not committed: a hub does not see the changes"
    if ref not in {NEWEST, found.branch}:
        return
    if found.unpushed is None:
        yield "according to the local git repository, nothing was pushed to the remote yet"
    elif found.unpushed:
        yield f"{_count(found.unpushed, 'commit')} {_are(found.unpushed)} not pushed: a hub does not see the changes"
    if ref == NEWEST and found.default and found.branch not in {found.default, None}:
        yield (
            f"the badge opens the main branch `{printable(found.default)}`, and this is "
            f"`{printable(found.branch or '')}`: `--ref {printable(found.branch or '')}` opens it"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
