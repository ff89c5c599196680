"""The badge in a README: below its title, beside the badges that are there."""

from __future__ import annotations

import codecs
import re

from r2i.check.subject import Subject
from r2i.edits.fixes import Edit, Fix
from r2i.ready.badge import FORMATS, Launch

NAME = re.compile(r"readme(?:\.(?P<suffix>md|markdown|rst|txt))?", re.IGNORECASE)

#: A link to some BinderHub, or its badge.
THERE = re.compile(r"/v2/(?:gh|gl|git|gist|zenodo|figshare|hydroshare|dataverse)/|mybinder\.org/badge")

ATX = re.compile(r"[ ]{0,3}#{1,6}(?:[ \t]|$)|.*</h1>\s*$", re.IGNORECASE)
#: What underlines a title: of Markdown the first two, of reStructuredText any.
UNDERLINE = re.compile(r"([=\-`:'\"~^_*+#<>.])\1{2,}\s*")
BADGES = re.compile(r"\s*(?:\[!\[|!\[|\.\. image::|<a |<img )")


def readme_of(subject: Subject) -> str | None:
    """The README that others see first, None where there is none."""
    found = [path for path in subject.files if NAME.fullmatch(path)]
    return min(found, key=lambda path: (not path.lower().endswith((".md", ".rst")), path), default=None)


def badge_fix(subject: Subject, path: str, launch: Launch) -> Fix | None:
    """None where it has a badge of Binder, or is not text."""
    data = subject.checkout.read_bytes(path)
    mark = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    try:
        text = data[mark:].decode()
    except UnicodeDecodeError:
        return None
    if THERE.search(text):
        return None
    badge = FORMATS["rst" if path.lower().endswith(".rst") else "markdown"](launch)
    at, before, after = _place(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    inserted = f"{before}{badge}{after}".replace("\n", newline).encode()
    start = mark + len(text[:at].encode())
    edit = Edit(file=path, start=start, end=start, text=inserted)
    return Fix(title=f"Show the badge (`{path}`)", edits=(edit,))


def _place(text: str) -> tuple[int, str, str]:
    """Where the badge goes, and what has to stand before and after it."""
    lines = text.splitlines(keepends=True)
    first = _after_front_matter(lines)
    title = _after_title(lines, first)
    at = sum(map(len, lines[:title]))
    next_one = next((n for n in range(title, len(lines)) if lines[n].strip()), None)
    if title > first and next_one is not None and BADGES.match(lines[next_one]):
        # One of a row of badges.
        return sum(map(len, lines[:next_one])), "", "\n"
    if title == first:
        return at, "", "\n\n" if text[at:].strip() else "\n"
    begun = lines[title - 1].endswith(("\n", "\r"))
    followed = next_one is None or not lines[title].strip()
    return at, "\n" if begun else "\n\n", "\n" if followed else "\n\n"


def _after_front_matter(lines: list[str]) -> int:
    if not lines or lines[0].strip() != "---":
        return _skip_blank(lines, 0)
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() in {"---", "..."}), None)
    return _skip_blank(lines, 0 if end is None else end + 1)


def _skip_blank(lines: list[str], start: int) -> int:
    return next((n for n in range(start, len(lines)) if lines[n].strip()), len(lines))


def _after_title(lines: list[str], first: int) -> int:
    """The line after the title, `first` where there is none."""
    head = [line.strip("\r\n") for line in lines[first : first + 3]]
    if not head:
        return first
    if ATX.match(head[0]):
        return first + 1
    if len(head) == 3 and UNDERLINE.fullmatch(head[0]) and UNDERLINE.fullmatch(head[2]):
        return first + 3
    return first + 2 if len(head) > 1 and UNDERLINE.fullmatch(head[1]) else first
