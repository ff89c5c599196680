"""What is said of names that a library took out, and what is written in their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from r2i.check.code.name_uses import NameUse
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Facts
from r2i.check.facts.removed import PYTHON, Removed
from r2i.check.findings import Finding
from r2i.check.on_binder import python_of_binder
from r2i.check.subject import Subject
from r2i.check.targets import Targets
from r2i.check.wording import named
from r2i.edits.applying import line_edit, line_text
from r2i.edits.fixes import Edit, Fix
from r2i.facts.python_wheels import pythons_of
from r2i.image import version_tuple

#: Each edit reads its file.
MOST_MENDED = 50

BUILT_IN = frozenset({"complex", "filter", "float", "int", "map", "object", "str", "zip"})

#: Names whose successors do not do the same with every argument.
SIMILAR = frozenset({"DataFrame.ix", "pandas:DataFrame.append", "pandas:DataFrame.as_matrix"})


@dataclass(frozen=True, kw_only=True)
class RemovedUse:
    """A use of a removed name in a file."""

    removed: Removed
    use: NameUse
    path: str
    facts: Facts
    notebook: Notebook | None = None
    cell: Cell | None = None

    @property
    def said(self) -> str:
        return self.use.string or self.use.name

    def line(self, subject: Subject) -> int:
        if self.notebook and self.cell:
            return subject.line_of(self.notebook, self.cell, self.use.line)
        return self.use.line


def finding_of(subject: Subject, places: Sequence[RemovedUse], targets: Targets) -> Finding:
    """One for all names that one release took out."""
    first, removed = places[0], places[0].removed
    them = "it" if len({place.said for place in places}) == 1 else "them"
    if removed.distribution == PYTHON:
        who = (
            f"Python 3 removed {them}"
            if removed.before == "2.7"
            else f"Python removed {them} after {removed.before}"
        )
    else:
        who = f"{removed.distribution} {removed.before} removed {them}"
    more = f", {len(places)} uses" if places[1:] else ""
    fix = _fix(subject, places)
    return Finding(
        message=f"{named(place.said for place in places)}: {who}{more}",
        file=first.path,
        line=first.line(subject),
        cell=first.cell.number if first.cell else None,
        hint=_hint(subject, places),
        fix=fix,
        targets=targets,
    )


def _hint(subject: Subject, places: Sequence[RemovedUse]) -> str:
    removed = places[0].removed
    pairs = {place.said: new for place in places if (new := written(place) or place.removed.instead)}
    instead = ", ".join(f"`{new}` instead of `{old}`" for old, new in [*pairs.items()][:3])
    if removed.distribution == PYTHON:
        return f"Write {instead}" if instead else f"Use its replacement, or Python {removed.before}"
    require = f"require `{removed.row}`{_with_python(subject, removed)}"
    return f"Write {instead}, or {require}" if instead else f"Use its replacement, or {require}"


def _with_python(subject: Subject, removed: Removed) -> str:
    """The newest Python that such a release has wheels for, where Binder takes another one."""
    minors = pythons_of(removed.distribution, f"<{removed.before}")
    python = python_of_binder(subject)
    if not minors or python in minors:
        return ""
    return f" and Python {max(minors, key=version_tuple)}"


def _fix(subject: Subject, places: Sequence[RemovedUse]) -> Fix | None:
    """Only where every use has a replacement, and no other text of its line looks the same."""
    lines: dict[int, list[tuple[str, str]]] = {}
    for place in places if len(places) <= MOST_MENDED else ():
        new = written(place)
        if new is None:
            return None
        lines.setdefault(place.line(subject), []).append((place.said, new))
    edits = [edit for line, pairs in lines.items() if (edit := _edited(subject, places[0].path, line, pairs))]
    if len(edits) < len(lines):
        return None
    if not edits:
        return None
    names = dict.fromkeys(new for pairs in lines.values() for _, new in pairs)
    return Fix(title=f"Write {named(names)} in `{places[0].path}`", edits=tuple(edits))


def written(place: RemovedUse) -> str | None:
    """What is written in place of a use, in the words of its code; None where that takes more."""
    new, name = place.removed.instead, place.use.name
    first, _, rest = name.partition(".")
    old = place.removed.name
    if not new or old in SIMILAR or (name == old and name not in place.facts.source):
        return None
    if place.use.string:
        return new
    if new in BUILT_IN:
        return None if new in place.facts.defined else new
    if new.startswith("DataFrame."):
        return f"{first}.{new.removeprefix('DataFrame.')}"
    if old.startswith("dict."):
        return f"{first}.{new.removeprefix('dict.')}" if new != "in" else None
    top = old.rpartition(".")[0]
    same = new.rpartition(".")[0] == top and old == f"{top}.{rest}" and new.isascii()
    return f"{first}.{new.rpartition('.')[2]}" if same and not new.startswith("-") else None


def _edited(subject: Subject, path: str, line: int, pairs: Iterable[tuple[str, str]]) -> Edit | None:
    raw = line_text(subject.checkout, path, line)
    counted: dict[tuple[str, str], int] = {}
    for pair in pairs:
        counted[pair] = counted.get(pair, 0) + 1
    for (old, new), count in counted.items():
        word = re.compile(rf"(?<![\w.-]){re.escape(old)}(?![\w-])")
        if raw is None or len(word.findall(raw)) != count:
            return None
        raw = word.sub(new, raw)  # names have no backslash
    return line_edit(subject.checkout, path, line, raw) if raw is not None else None
