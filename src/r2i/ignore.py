"""Which files of a checkout are not for the image."""

from __future__ import annotations

from r2i.checkout import Checkout

#: In this order; the first that exists counts. The one of the configuration directory is Binder's rule.
FILES = (".dockerignore", ".containerignore")

#: Git's own files that may hold credentials (URLs with tokens in `config`, `FETCH_HEAD` and the logs), or programs.
GIT_PRIVATE = ("config", "hooks", "logs", "FETCH_HEAD", "credentials")

ALWAYS = tuple(
    f"{place}/{name}"
    for place in ("**/.git", "**/.git/modules/**", "**/.git/worktrees/**")
    for name in GIT_PRIVATE
)


def dockerignore(checkout: Checkout) -> str:
    """The ignore file for the build: the repository's own, then what r2i never lets into an image."""
    return "\n".join((*own_patterns(checkout), *ALWAYS)) + "\n"


def own_patterns(checkout: Checkout) -> tuple[str, ...]:
    """The lines of the repository's ignore file, without comments."""
    for directory in dict.fromkeys((checkout.config_dir, "")):
        for name in FILES:
            path = f"{directory}/{name}" if directory else name
            if checkout.has(path):
                lines = (line.strip() for line in checkout.read(path).split("\n"))
                return tuple(line for line in lines if line and not line.startswith("#"))
    return ()
