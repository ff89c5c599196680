"""Which files of a checkout are not for the image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.quoting import printable

#: In this order; the first that exists counts. The one of the configuration directory is Binder's rule.
FILES = (".dockerignore", ".containerignore")

#: What engines take for a pattern (https://pkg.go.dev/path/filepath#Match); with any other they build nothing.
PATTERN = re.compile(r"!?+(?:[^\\\[]|\\.|\[\^?+(?:(?:[^\\\]-]|\\.)(?:-(?:[^\\\]-]|\\.))?)+\])+", re.DOTALL)

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
                return tuple(_patterns(checkout.read(path), path))
    return ()


def _patterns(text: str, path: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), 1):
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        if not PATTERN.fullmatch(pattern):
            raise InvalidRepositoryError(
                f"`{printable(pattern[:80])}` is not a pattern",
                file=path,
                line=number,
                hint="Close the brackets, or write `\\[` for one",
            )
        yield pattern
