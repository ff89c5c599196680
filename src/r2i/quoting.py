"""Strings as a Dockerfile's instructions read them."""

from __future__ import annotations


def quoted(value: str) -> str:
    """A value in double quotes: no variables are expanded in it, line ends become blanks."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + " ".join(escaped.splitlines()) + '"'
