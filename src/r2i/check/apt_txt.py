"""What `apt.txt` asks for, and asking for more in it."""

from __future__ import annotations

from collections.abc import Iterable

from r2i.check.subject import Subject
from r2i.edits.applying import appended
from r2i.edits.fixes import Edit


def apt_txt(subject: Subject) -> str:
    """Where it is, or would be."""
    return subject.config_path("apt.txt")


def not_listed(subject: Subject, packages: Iterable[str]) -> list[str]:
    there = (subject.text(apt_txt(subject)) or "").split()
    return [package for package in dict.fromkeys(packages) if package not in there]


def adding(subject: Subject, packages: Iterable[str]) -> Edit:
    """Each on a line of its own, at the end."""
    return appended(subject.checkout, apt_txt(subject), "".join(f"{package}\n" for package in packages))
