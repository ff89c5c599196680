"""A change of a user's own files, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Edit:
    """The bytes `start` to `end` of a file, counted from 0, become `text`; a file that is not there is made."""

    file: str
    start: int
    end: int
    text: bytes


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A change of the user's own files that mends a finding, and keeps all that it does not name.

    `title` is an imperative. Files in `executable` get the bit, `renamed` are old and new paths; renaming comes last.
    """

    title: str
    edits: tuple[Edit, ...] = ()
    executable: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
