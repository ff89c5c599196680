"""Fixes of several findings as one change of a directory: what it would do as a diff, and doing it."""

from __future__ import annotations

import codecs
import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from r2i.checkout import Checkout
from r2i.edits.fixes import Edit, Fix
from r2i.edits.writing import Rewrite, rewrite, where_it_lies


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What several fixes make of a checkout: new contents of files, files that become executable, and new names.

    `behind` says of what is a link where the file lies that is changed.
    """

    contents: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    behind: Mapping[str, str] = field(default_factory=dict)
    executable: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    applied: tuple[Fix, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """The new contents as text, by the names of the files."""
        return {file: after.decode(errors="replace") for file, (_, after) in self.contents.items()}


def line_text(checkout: Checkout, file: str, line: int) -> str | None:
    """What a line of a file says; None where there is no such line, or where it is no UTF-8."""
    lines = checkout.read_bytes(file).splitlines()
    if line > len(lines):
        return None
    try:
        text = lines[line - 1][_mark(lines[0]) if line == 1 else 0 :].decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def line_edit(checkout: Checkout, file: str, line: int, text: str | None) -> Edit:
    """Replace what line `line` of a file says, and keep how it ends; None removes the whole line."""
    lines = checkout.read_bytes(file).splitlines(keepends=True)
    start, whole = sum(map(len, lines[: line - 1])), lines[line - 1]
    end = start + len(whole if text is None else whole.rstrip(b"\r\n"))
    start += _mark(whole) if line == 1 else 0
    return Edit(file=file, start=start, end=end, text=(text or "").encode())


def first_line(checkout: Checkout, file: str, text: str) -> Edit:
    """A line before all others; the file is made where it is not there."""
    data = checkout.read_bytes(file) if checkout.has(file) else b""
    return Edit(file=file, start=_mark(data), end=_mark(data), text=text.encode() + _newline(data))


def appended(checkout: Checkout, file: str, text: str) -> Edit:
    """Lines at the end of a file, which is made where it is not there."""
    if not checkout.has(file):
        return Edit(file=file, start=0, end=0, text=text.encode())
    data = checkout.read_bytes(file)
    newline = _newline(data)
    before = b"" if not data or data.endswith(b"\n") else newline
    return Edit(
        file=file, start=len(data), end=len(data), text=before + text.encode().replace(b"\n", newline)
    )


def line_added(checkout: Checkout, file: str, text: str) -> tuple[Edit, ...]:
    """A line at the end. The end of the last line is an edit of its own, so that several of these make it once."""
    data = checkout.read_bytes(file) if checkout.has(file) else b""
    newline = _newline(data)
    if b"\0" in data:
        return ()  # UTF-16
    end = len(data)
    ending = () if not data or data.endswith(b"\n") else (Edit(file=file, start=end, end=end, text=newline),)
    return (*ending, Edit(file=file, start=end, end=end, text=text.encode() + newline))


def combined(checkout: Checkout, fixes: Iterable[Fix]) -> Changes:
    """All fixes that can be made at once: one that touches what another one changes has to wait for the next time."""
    taken: dict[str, list[Edit]] = defaultdict(list)
    behind: dict[str, str] = {}
    applied: list[Fix] = []
    for fix in dict.fromkeys(fixes):
        places = _places(checkout, fix, behind)
        if (
            places is not None
            and all(not _clashes(edit, taken[edit.file]) for edit in fix.edits)
            and _possible(checkout, fix, applied)
        ):
            applied.append(fix)
            behind |= places
            for edit in fix.edits:
                if edit not in taken[edit.file]:
                    taken[edit.file].append(edit)
    links = {file: place for file, place in behind.items() if file != place}
    return replace(changed(checkout, applied), behind=links)


def changed(checkout: Checkout, fixes: Iterable[Fix]) -> Changes:
    """What fixes that do not touch each other make of the files of these names: where one is a link, `write` refuses."""
    fixes = tuple(fixes)
    edits: dict[str, list[Edit]] = defaultdict(list)
    for edit in dict.fromkeys(edit for fix in fixes for edit in fix.edits):
        edits[edit.file].append(edit)
    contents = {}
    for file, wanted in edits.items():
        before = checkout.read_bytes(file) if checkout.has(file) else b""
        contents[file] = (before, _edited(before, wanted))
    return Changes(
        contents=contents,
        executable=tuple(dict.fromkeys(file for fix in fixes for file in fix.executable)),
        renamed=tuple(pair for fix in fixes for pair in fix.renamed),
        applied=fixes,
    )


def diff(changes: Changes, *, context: int = 3) -> Iterator[str]:
    """As `git diff` shows it, without line ends."""
    for link, file in changes.behind.items():
        yield f"{link}: a link to {file}, which changes"
    for file, (before, after) in changes.contents.items():
        old, new = (data.decode(errors="replace").splitlines() for data in (before, after))
        if old == new:
            yield f"{file}: line endings"
            continue
        there = f"a/{file}" if before else "/dev/null"
        yield from difflib.unified_diff(old, new, there, f"b/{file}", n=context, lineterm="")
    for file in changes.executable:
        yield f"{file}: executable"
    for old_name, new_name in changes.renamed:
        yield f"{old_name} → {new_name}"


def write(checkout: Checkout, changes: Changes) -> None:
    """Change the files, all of them or none. Raise `R2iError` where one cannot be written."""
    contents = dict(changes.contents)
    for file in changes.executable:
        if file not in contents:
            data = checkout.read_bytes(file)
            contents[file] = (data, data)
    files = (
        Rewrite(
            file=changes.behind.get(file, file),
            before=before,
            after=after,
            executable=file in changes.executable,
        )
        for file, (before, after) in contents.items()
    )
    renamed = [(_real_name(checkout, old), _real_name(checkout, new)) for old, new in changes.renamed]
    rewrite(checkout, files, renamed)


def _real_name(checkout: Checkout, path: str) -> str:
    """A link that is renamed stays one, in a directory without any."""
    name = PurePosixPath(path)
    directory = where_it_lies(checkout, str(name.parent))
    return path if directory is None else str(PurePosixPath(directory, name.name))


def _places(checkout: Checkout, fix: Fix, behind: Mapping[str, str]) -> dict[str, str] | None:
    """Where the files of a fix lie; None where one is outside, or is being changed under another name."""
    places = {}
    for file in dict.fromkeys((*(edit.file for edit in fix.edits), *fix.executable)):
        place = where_it_lies(checkout, file)
        if place is None or any(other == place and name != file for name, other in behind.items()):
            return None
        places[file] = place
    return places if len({*places.values()}) == len(places) else None


def _mark(data: bytes) -> int:
    """How many bytes a byte order mark takes."""
    return len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0


def _newline(data: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in data else b"\n"


def _clashes(edit: Edit, others: Iterable[Edit]) -> bool:
    return any(edit != other and edit.start < other.end and other.start < edit.end for other in others)


def _possible(checkout: Checkout, fix: Fix, applied: Iterable[Fix]) -> bool:
    """A new name must be free, and inside: nothing is overwritten."""
    names = {new for other in applied for _, new in other.renamed}
    if any(checkout.inside(new) is None for _, new in fix.renamed):
        return False
    return not any(checkout.has(new) or new in names for _, new in fix.renamed)


def _edited(before: bytes, edits: Iterable[Edit]) -> bytes:
    parts, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [before[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, before[at:]])
