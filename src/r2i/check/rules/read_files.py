"""N302-N306: files that notebooks read, and that others do not have."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from r2i.check.findings import Finding, Rule
from r2i.check.reads import Read, State
from r2i.check.subject import Subject
from r2i.check.wording import from_notebook

#: Larger files do not belong into git, in bytes.
HUGE = 50_000_000


def _read(subject: Subject, *states: State) -> Iterator[Finding]:
    yield from _findings(subject, [one for one in subject.lacking if one.state in states and not one.picture])


def _pictures(subject: Subject) -> Iterator[Finding]:
    yield from _findings(subject, [one for one in subject.lacking if one.picture])


def _findings(subject: Subject, found: list[Read]) -> Iterator[Finding]:
    paths = {path.lower(): path for path in subject.files} if found else {}
    names = {PurePosixPath(path).name: path for path in subject.files} if found else {}
    for read in found:
        like = paths.get((read.path or "").lower())
        message, hint = _said(subject, read, like=like, named=names.get(PurePosixPath(read.said).name))
        yield Finding(
            message=message,
            file=read.notebook.path,
            line=subject.line_of(read.notebook, read.cell, read.line),
            cell=read.cell.number,
            hint=hint,
        )


def _said(subject: Subject, read: Read, *, like: str | None, named: str | None) -> tuple[str, str]:
    """Message and hint; `like` is a file that is the same but for its case, `named` one of the same name elsewhere."""
    verb = "shown" if read.picture else "read"
    path = read.path or read.said
    match read.state:
        case "missing" if read.path is None:
            message = f"`{read.said}` is {verb} here, and lies outside of the repository"
            return message, "Move the file into the repository"
        case "missing":
            message = f"`{read.said}` is {verb} here, and not in the repository"
            return message, _instead(read, like=like, named=named)
        case "ignored" | "untracked":
            why = "git ignores it" if read.state == "ignored" else "it was never added to git"
            force = "-f " if read.state == "ignored" else ""
            message = f"`{read.said}` is {verb} here, and a clone does not have it: {why}"
            if (subject.checkout.root / path).stat().st_size > HUGE:
                return message, "Publish the file (Zenodo, OSF), and have `postBuild` download it"
            return message, f"Run `git add {force}{shlex.quote(path)}`"
        case "pointer":
            message = (
                f"`{read.said}` is {verb} here, and only a pointer of git LFS: its content was not fetched"
            )
            return message, "Run `git lfs pull`"
        case "submodule":
            message = f"`{read.said}` is {verb} here, and lies in a submodule that was not fetched"
            return message, "Run `git submodule update --init`"


def _instead(read: Read, *, like: str | None, named: str | None) -> str:
    if like:
        return f"The repository has `{like}`: upper and lower case differ in the image"
    if named:
        return f"Write `{from_notebook(named, read.notebook.path)}`, which is in the repository"
    return "Commit the file" if read.picture else "Commit the file, or have a cell or `postBuild` download it"


def _missing(subject: Subject) -> Iterator[Finding]:
    return _read(subject, "missing")


def _not_committed(subject: Subject) -> Iterator[Finding]:
    return _read(subject, "ignored", "untracked")


def _pointer(subject: Subject) -> Iterator[Finding]:
    return _read(subject, "pointer")


def _submodule(subject: Subject) -> Iterator[Finding]:
    return _read(subject, "submodule")


RULES = (
    Rule(
        code="N302",
        name="missing-file",
        severity="warning",
        why="A cell that reads what is not there fails, unless something makes the file first.",
        find=_missing,
    ),
    Rule(
        code="N303",
        name="file-not-in-git",
        severity="warning",
        why="It works where the file lies about, and nowhere else.",
        find=_not_committed,
    ),
    Rule(
        code="N304",
        name="lfs-pointer",
        severity="warning",
        why="Three lines of text come out in place of the data.",
        find=_pointer,
    ),
    Rule(
        code="N305",
        name="submodule-not-fetched",
        severity="warning",
        why="The directory of a submodule is empty until git is asked for it.",
        find=_submodule,
    ),
    Rule(
        code="N306",
        name="missing-picture",
        severity="warning",
        why="Readers of the notebook see a broken picture.",
        find=_pictures,
    ),
)
