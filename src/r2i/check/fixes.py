"""Fixes of several findings as one change of a directory: what it would do as a diff, and doing it."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from r2i.check.findings import Edit, Fix
from r2i.checkout import Checkout
from r2i.errors import R2iError


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What several fixes make of a checkout: new contents of files, files that become executable, and new names."""

    contents: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    executable: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    applied: tuple[Fix, ...] = ()


def line_edit(checkout: Checkout, file: str, line: int, text: str | None) -> Edit:
    """Replace what line `line` of a file says, and keep how it ends; None removes the whole line."""
    lines = checkout.read_bytes(file).splitlines(keepends=True)
    start = sum(map(len, lines[: line - 1]))
    whole = lines[line - 1]
    said = whole.rstrip(b"\r\n")
    if text is None:
        return Edit(file=file, start=start, end=start + len(whole), text=b"")
    return Edit(file=file, start=start, end=start + len(said), text=text.encode())


def appended(checkout: Checkout, file: str, text: str) -> Edit:
    """Lines at the end of a file, which is made where it is not there."""
    if not checkout.has(file):
        return Edit(file=file, start=0, end=0, text=text.encode())
    data = checkout.read_bytes(file)
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    before = b"" if not data or data.endswith(b"\n") else newline
    return Edit(
        file=file, start=len(data), end=len(data), text=before + text.encode().replace(b"\n", newline)
    )


def combined(checkout: Checkout, fixes: Iterable[Fix]) -> Changes:
    """All fixes that can be made at once: one that touches what another one changes has to wait for the next time."""
    taken: dict[str, list[Edit]] = defaultdict(list)
    applied: list[Fix] = []
    for fix in dict.fromkeys(fixes):
        if all(not _clashes(edit, taken[edit.file]) for edit in fix.edits) and _possible(
            checkout, fix, applied
        ):
            applied.append(fix)
            for edit in fix.edits:
                if edit not in taken[edit.file]:
                    taken[edit.file].append(edit)
    contents = {}
    for file, edits in taken.items():
        if edits:
            before = checkout.read_bytes(file) if checkout.has(file) else b""
            contents[file] = (before, _edited(before, edits))
    return Changes(
        contents=contents,
        executable=tuple(dict.fromkeys(file for fix in applied for file in fix.executable)),
        renamed=tuple(pair for fix in applied for pair in fix.renamed),
        applied=tuple(applied),
    )


def diff(changes: Changes) -> Iterator[str]:
    """As `git diff` shows it, without line ends."""
    for file, (before, after) in changes.contents.items():
        old, new = (data.decode(errors="replace").splitlines() for data in (before, after))
        if old == new:
            yield f"{file}: line ends"
            continue
        yield from difflib.unified_diff(
            old, new, f"a/{file}" if before else "/dev/null", f"b/{file}", lineterm=""
        )
    for file in changes.executable:
        yield f"{file}: executable"
    for old_name, new_name in changes.renamed:
        yield f"{old_name} → {new_name}"


def write(checkout: Checkout, changes: Changes) -> None:
    """Change the files; each is whole at every moment. Raise `R2iError` where one cannot be written."""
    for file, (_, after) in changes.contents.items():
        with _refused(file):
            _replace(checkout.root / file, after)
    for file in changes.executable:
        with _refused(file):
            path = checkout.root / file
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o444) >> 2)
    for old, new in changes.renamed:
        with _refused(old):
            (checkout.root / old).rename(checkout.root / new)


@contextmanager
def _refused(file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise R2iError(
            f"`{file}` cannot be changed: {error.strerror}", hint="Check the permissions of its directory"
        ) from error


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.resolve()  # a link stays one
    new = path.with_name(f".{path.name}.r2i")
    try:
        new.write_bytes(data)
        if path.exists():
            new.chmod(path.stat().st_mode)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _clashes(edit: Edit, others: Iterable[Edit]) -> bool:
    return any(edit != other and edit.start < other.end and other.start < edit.end for other in others)


def _possible(checkout: Checkout, fix: Fix, applied: Iterable[Fix]) -> bool:
    """A new name must be free, and inside: nothing is overwritten."""
    names = {new for other in applied for _, new in other.renamed}
    new_names = [*(new for _, new in fix.renamed), *(edit.file for edit in fix.edits)]
    if any(checkout.inside(name) is None for name in new_names):
        return False
    return not any(checkout.has(new) or new in names for _, new in fix.renamed)


def _edited(before: bytes, edits: Iterable[Edit]) -> bytes:
    parts, at = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [before[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, before[at:]])
