"""Changes of the files that declare the Python environment: a line of them altered, removed or added."""

from __future__ import annotations

import re

from r2i.check.declared import Declared
from r2i.check.subject import Subject
from r2i.edits.applying import line_added, line_edit, line_text
from r2i.edits.fixes import Edit, Fix

#: Where requirements go that nothing asks for yet.
NEW_FILE = "requirements.txt"

#: Files that a program writes from another one.
LOCK = re.compile(r"(?:\.lock|lock\.ya?ml|pylock[\w.-]*\.toml)$")


def altered(subject: Subject, one: Declared, text: str) -> Edit | None:
    """What the line says of the requirement becomes `text`; None where that is not found in it as it was read."""
    raw = _line(subject, one)
    return line_edit(subject.checkout, one.file, one.line, raw.replace(one.text, text)) if raw else None


def removed(subject: Subject, one: Declared) -> Edit | None:
    """None where the line says something else, too."""
    alone = re.fullmatch(
        rf"""\s*(?:- +)?(["']?){re.escape(one.text)}\1,?\s*(?:#.*)?""", _line(subject, one) or ""
    )
    return line_edit(subject.checkout, one.file, one.line, None) if alone else None


def added(subject: Subject, text: str, *, title: str = "") -> Fix | None:
    """Ask for one more distribution where the environment is declared; None where that cannot be done by adding a line."""
    environment = subject.environment
    if environment is None or environment.exact:
        return None
    path = environment.defined_by
    if environment.buildpack == "requirements":
        edits = line_added(subject.checkout, path, text)
    elif environment.buildpack == "conda":
        edits = _beside_the_last(subject, text)
    elif not path:
        path = subject.config_path(NEW_FILE)
        edits = line_added(subject.checkout, path, text)
    else:
        edits = ()
    return Fix(title=title or f"Add `{text}` to `{path}`", edits=edits) if edits else None


def where(subject: Subject) -> str:
    """Where one writes what else the environment needs: ``to `requirements.txt` ``."""
    environment = subject.environment
    path = environment.defined_by if environment else ""
    if environment and environment.buildpack == "package":  # `setup.py` may have left it to `setup.cfg`
        path = next((one.file for one in subject.declared), path)
    if LOCK.search(path):
        return f"to the requirements that `{path}` locks, and lock them again"
    return f"to `{path or subject.config_path(NEW_FILE)}`"


def _beside_the_last(subject: Subject, text: str) -> tuple[Edit, ...]:
    """Below the last package of conda's that stands on a line of its own, as far to the right."""
    own = [one for one in subject.declared if one.installer == "conda"]
    last = max(own, key=lambda one: one.line, default=None)
    if last is None or not (found := re.match(r"( *- +)\S", _line(subject, last) or "")):
        return ()
    data = subject.checkout.read_bytes(last.file)
    lines = data.splitlines(keepends=True)
    if not lines[last.line - 1].endswith(b"\n"):
        return ()
    at = sum(map(len, lines[: last.line]))
    newline = b"\r\n" if lines[last.line - 1].endswith(b"\r\n") else b"\n"
    return (Edit(file=last.file, start=at, end=at, text=f"{found[1]}{text}".encode() + newline),)


def _line(subject: Subject, one: Declared) -> str | None:
    """The line as it stands in the file, None where its text is not once in it."""
    raw = line_text(subject.checkout, one.file, one.line)
    return raw if raw is not None and raw.count(one.text) == 1 else None
