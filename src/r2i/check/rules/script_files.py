"""F320: files that a script of the configuration names, and that the repository does not have."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator

from r2i.check.findings import Finding, Rule
from r2i.check.nearest import nearest
from r2i.check.script_files import OF_INSTALLERS, PROJECT_FILES, LackingFile, lacking_in_scripts
from r2i.check.subject import Subject


def _missing(subject: Subject) -> Iterator[Finding]:
    for one in lacking_in_scripts(subject):
        yield Finding(
            message=f"`{one.command}` {one.verb} `{one.said}`, which {_why(one)}",
            file=one.script.path,
            line=one.line,
            hint=_hint(subject, one),
        )


def _why(one: LackingFile) -> str:
    return (
        "contains neither `pyproject.toml` nor `setup.py`"
        if one.verb == "installs"
        else "only its installer creates"
        if OF_INSTALLERS.fullmatch(one.said)
        else "is not in the repository"
    )


def _hint(subject: Subject, one: LackingFile) -> str:
    if one.verb == "installs":
        project = next((path for name in PROJECT_FILES if (path := nearest(subject, name))), "")
        where = posixpath.dirname(project)
        return (
            f"Write `./{where}`, which contains `{posixpath.basename(project)}`"
            if where
            else "Remove the line"
        )
    if OF_INSTALLERS.fullmatch(one.said):
        return "Run the installer above this line, or remove it"
    beside = posixpath.join(posixpath.dirname(one.script.path), one.said)
    if subject.checkout.has(beside):
        return f"Write `{beside}`: the script runs in the root of the repository"
    found = nearest(subject, one.path)
    if found and found.casefold() == one.path.casefold():
        return f"Write `{found}`: file names are case-sensitive in the image"
    if found:
        return f"Write `{found}`, which the repository contains, or commit the file"
    return f"Commit `{shlex.quote(one.path)}`, or remove the line"


RULES = (
    Rule(
        code="F320",
        name="script-file-missing",
        severity="error",
        why="The command fails, and what it should install or copy is not in the image.",
        find=_missing,
    ),
)
