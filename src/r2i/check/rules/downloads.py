"""D113: models and corpora that code loads, and that no file fetches."""

from __future__ import annotations

import re
from collections.abc import Iterator

from r2i.check.downloads import Download, undownloaded
from r2i.check.findings import Finding, Rule
from r2i.check.scripts import bytes_of
from r2i.check.subject import Subject
from r2i.edits.applying import appended
from r2i.edits.fixes import Edit, Fix

#: Scripts to which a command can be added.
SHELL = re.compile(rb"#!\s*(?:/usr/bin/env\s+)?\S*\b(?:ba|da)?sh\b")


def _not_downloaded(subject: Subject) -> Iterator[Finding]:
    for one in subject.once(undownloaded):
        path = subject.config("postBuild") or subject.config_path("postBuild")
        yield Finding(
            message=f"{one.by} loads `{one.name}`, which no package contains and no file downloads",
            file=one.path,
            line=subject.line_of(one.notebook, one.cell, one.line) if one.notebook and one.cell else one.line,
            cell=one.cell.number if one.cell else None,
            hint=f"Add `{one.command}` to `{path}`",
            fix=_fix(subject, one, path),
        )


def _fix(subject: Subject, one: Download, path: str) -> Fix | None:
    """A last line of the script, if it is one of a shell."""
    there = bytes_of(subject, path) if subject.config("postBuild") else b""
    if there is None or not (there == b"" or SHELL.match(there)):
        return None
    # Several findings make the file together.
    first = () if there else (Edit(file=path, start=0, end=len(there), text=b"#!/bin/bash\nset -e\n"),)
    return Fix(
        title=f"Add `{one.command}` to `{path}`",
        edits=(*first, appended(subject.checkout, path, f"{one.command}\n")),
        executable=(path,),
    )


RULES = (
    Rule(
        code="D113",
        name="data-not-downloaded",
        severity="error",
        why="The call fails, because the model or corpus is not in the image.",
        find=_not_downloaded,
    ),
)
