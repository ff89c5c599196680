"""Strings as a Dockerfile's instructions, a shell and a terminal take them."""

from __future__ import annotations

import shlex

from r2i.errors import InvalidRepositoryError


def quoted(value: str) -> str:
    """A value in double quotes: no variables are expanded in it, line ends become blanks."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + " ".join(escaped.splitlines()) + '"'


def shell_word(value: str) -> str:
    """A value as one word of a shell command in a Dockerfile, where a line end would begin a new instruction."""
    if "\n" in value or "\r" in value:
        raise InvalidRepositoryError(f"`{printable(value)}` cannot be part of a command: it has a line end")
    return shlex.quote(value)


def printable(value: str) -> str:
    """A string of a repository for a terminal: no escape sequences, no line ends, nothing that cannot be encoded."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
