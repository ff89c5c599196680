"""Strings as a Dockerfile's instructions, a shell and a terminal take them."""

from __future__ import annotations

import re
import shlex

from r2i.errors import InvalidRepositoryError

ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, links
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # sequences: colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)


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


def without_escapes(value: str) -> str:
    """A text of several lines as a terminal would show it, without what moves the cursor or colours; valid Unicode."""
    return ESCAPES.sub("", value.encode("utf-8", "replace").decode())
