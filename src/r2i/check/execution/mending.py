"""A change that mends a notebook, as an edit of the repository's own files, or in words where it cannot be one."""

from __future__ import annotations

import re

from r2i.check.apt_txt import apt_txt
from r2i.check.requirement_edits import added, altered
from r2i.check.subject import Subject
from r2i.diagnosis.step import lasting
from r2i.edits.applying import line_added
from r2i.edits.configuration import debian_packages, python_version
from r2i.edits.fixes import Edit, Fix
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Change

#: How one asks for one more distribution where a program keeps the file.
COMMANDS = {
    "uv_lock": "uv add",
    "poetry_lock": "poetry add",
    "pdm_lock": "pdm add",
    "pipfile": "pipenv install",
    "pixi": "pixi add --pypi",
}

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def fix_for(subject: Subject, change: Change) -> Fix | None:
    """None where no single file of the repository can hold it."""
    match change.option:
        case "require":
            return _required(subject, change.value)
        case "apt":
            return debian_packages(subject.checkout, apt_txt(subject), change.value.split())
        case "post-build":
            return _after_the_build(subject, change.value)
        case "python":
            return _with_python(subject, change.value)
        case "replace" | "as-of" | "installer":
            return None


def in_words(subject: Subject, change: Change) -> str | None:
    """What to do instead."""
    environment = subject.environment
    if change.option == "require" and environment is not None:
        command = COMMANDS.get(environment.buildpack)
        return (
            f"Run `{command} '{change.value}'`"
            if command
            else f"Add `{change.value}` to `{environment.defined_by}`"
        )
    if change.option == "as-of":
        return "Build with the packages of the date of the environment: `--as-of commit`"
    return lasting(change, subject.config_dir)


def place_of(subject: Subject, fix: Fix) -> tuple[str | None, int | None]:
    """Where the last of its edits goes: a file, and a line counted from 1."""
    if not fix.edits:
        return None, None
    edit = fix.edits[-1]
    before = subject.checkout.read_bytes(edit.file)[: edit.start] if subject.checkout.has(edit.file) else b""
    missing = 1 if before and not before.endswith(b"\n") and edit.start == edit.end else 0
    return edit.file, before.count(b"\n") + 1 + missing


def _required(subject: Subject, requirement: str) -> Fix | None:
    """In the place of what is asked for already, else beside it."""
    found = NAME.match(requirement)
    name = normalised(found[0]) if found else ""
    for one in subject.declared:
        if one.name == name:
            edit = altered(subject, one, requirement)
            title = f"Write `{requirement}` instead of `{one.text}` in `{one.file}`"
            return Fix(title=title, edits=(edit,)) if edit else None
    return added(subject, requirement)


def _after_the_build(subject: Subject, command: str) -> Fix:
    path = subject.config_path("postBuild")
    new = not subject.checkout.has(path)
    # An edit of its own, so that several commands share it.
    begin = (Edit(file=path, start=0, end=0, text=b"#!/bin/bash\nset -e\n"),) if new else ()
    edits = (*begin, *line_added(subject.checkout, path, command))
    return Fix(title=f"Write `{command}` into `{path}`", edits=edits, executable=(path,) if new else ())


def _with_python(subject: Subject, version: str) -> Fix | None:
    """Only where nothing else names the version."""
    environment = subject.environment
    if environment is None or environment.buildpack not in ("requirements", ""):
        return None
    return python_version(subject.checkout, subject.config_path("runtime.txt"), version)
