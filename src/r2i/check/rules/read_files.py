"""N302-N306: files that notebooks read, and that others do not have."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from r2i.check.code.credentials import FILE_OF_SECRETS, NEVER_COMMIT
from r2i.check.code.pointers import pointer_of
from r2i.check.findings import Finding, Rule
from r2i.check.nearest import nearest
from r2i.check.reads import HOME, Read, ReadState, lacking
from r2i.check.subject import Subject
from r2i.check.wording import from_notebook

#: Larger files do not belong into git, in bytes.
HUGE = 50_000_000


def _read(subject: Subject, *states: ReadState) -> Iterator[Finding]:
    yield from _findings(
        subject, [one for one in subject.once(lacking) if one.state in states and not one.picture]
    )


def _pictures(subject: Subject) -> Iterator[Finding]:
    yield from _findings(subject, [one for one in subject.once(lacking) if one.picture])


def _findings(subject: Subject, found: list[Read]) -> Iterator[Finding]:
    for read in found:
        message, hint = _said(subject, read)
        yield Finding(
            message=message,
            file=read.notebook.path,
            line=subject.line_of(read.notebook, read.cell, read.line),
            cell=read.cell.number,
            hint=hint,
            severity="info" if read.shown else None,
        )


def _said(subject: Subject, read: Read) -> tuple[str, str]:
    """Message and hint."""
    verb = "shows" if read.picture else "reads"
    path = read.path or read.said
    match read.state:
        case "missing" if read.path is None:
            of_home = read.said.startswith(HOME)
            where = "in the home directory of its author" if of_home else "outside the repository"
            instead = _instead(subject, read)
            return (
                f"The cell {verb} `{read.said}`, which is {where}",
                instead or "Move the file into the repository",
            )
        case "missing":
            message = f"The cell {verb} `{read.said}`, which is not in the repository"
            other = (
                "Commit the file"
                if read.picture
                else "Commit the file, or download it in a cell or in `postBuild`"
            )
            return message, _instead(subject, read) or other
        case "ignored" | "untracked":
            why = "which git ignores" if read.state == "ignored" else "which is not in git"
            return f"The cell {verb} `{read.said}`, {why}", _published(
                subject, path, ignored=read.state == "ignored"
            )
        case "pointer":
            pointer = pointer_of(subject.checkout.read_bytes(path))
            assert pointer is not None  # noqa: S101 - this is what the state says
            message = f"The cell {verb} `{read.said}`, which is only a {pointer.program} pointer without its content"
            return message, f"Run `{pointer.command.format(path=shlex.quote(path))}`"
        case "submodule":
            message = f"The cell {verb} `{read.said}`, which is in a submodule that was not fetched"
            return message, "Run `git submodule update --init`"


def _published(subject: Subject, path: str, *, ignored: bool) -> str:
    if FILE_OF_SECRETS.fullmatch(path):
        return NEVER_COMMIT
    if (subject.checkout.root / path).stat().st_size > HUGE:
        return "Publish the file (Zenodo, OSF), and download it in `postBuild`"
    return f"Run `git add {'-f ' if ignored else ''}{shlex.quote(path)}`"


def _instead(subject: Subject, read: Read) -> str:
    """Names the file that is there under another case, or in another directory; empty where none is."""
    if FILE_OF_SECRETS.fullmatch(read.said):
        return NEVER_COMMIT
    found = nearest(subject, read.path or read.said)
    if found is None:
        return ""
    is_alike = found.casefold() == (read.path or "").casefold()
    why = ": file names are case-sensitive in the image" if is_alike else ", which the repository contains"
    return f"Write `{from_notebook(found, read.notebook.path)}`{why}"


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
        why="The cell fails, unless other code creates the file first.",
        find=_missing,
    ),
    Rule(
        code="N303",
        name="file-not-in-git",
        severity="warning",
        why="The cell works only where this file exists, not in a clone.",
        find=_not_committed,
    ),
    Rule(
        code="N304",
        name="lfs-pointer",
        severity="warning",
        why="The cell reads three lines of text instead of the data.",
        find=_pointer,
    ),
    Rule(
        code="N305",
        name="submodule-not-fetched",
        severity="warning",
        why="The directory of a submodule is empty until git fetches it.",
        find=_submodule,
    ),
    Rule(
        code="N306",
        name="missing-picture",
        severity="warning",
        why="Readers of the notebook see a broken image.",
        find=_pictures,
    ),
)
