"""`runtime.txt`: versions of Python and R, one a line, as Binder reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, NoBuildpackError
from r2i.model import BaseImage, Detection, Evidence, Notice, PythonRequest

LINE = re.compile(
    r"(?P<name>[a-z]+)(?:-(?P<version>\d{1,3}(?:\.\d{1,3}){0,2}))?(?:-(?P<date>\d{4}-\d{2}-\d{2}))?",
    re.ASCII | re.IGNORECASE,
)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
HINT = "Write `python-3.12`, and for R `r-4.4-2024-10-31`, each on a line of its own"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line: a language (`python`, `r`, or empty for a bare date), a version, a snapshot date."""

    language: str
    version: str | None
    date: str | None
    line: int


class RuntimeTxt:
    name = "runtime_txt"
    files = ("runtime.txt",)

    def detect(self, checkout: Checkout, base: BaseImage) -> Detection | None:
        path = checkout.config("runtime.txt")
        if path is None:
            return None
        entries = parse(checkout.read(path), path)
        python = [entry for entry in entries if entry.language == "python"]
        others = [entry for entry in entries if entry.language != "python"]
        if len(python) > 1:
            raise InvalidRepositoryError(
                f"`{path}` names Python twice",
                file=path,
                line=python[1].line,
                hint="Keep one of the two lines",
            )
        if others and not python:
            raise NoBuildpackError(
                f"`{path}` asks for R, which r2i cannot install yet",
                file=path,
                line=others[0].line,
                hint="Install it in a `Dockerfile` of the repository",
            )
        return Detection(
            python=_request(python[0], path) if python else None,
            notices=(*(_not_installed(entry, path) for entry in others), *_details(python, path)),
        )


def parse(text: str, path: str) -> tuple[Entry, ...]:
    """Read the lines that are neither blank nor a comment; anything unknown is an `InvalidRepositoryError`."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        # Editors and web forms leave characters that nobody sees, such as U+FFFC and zero-width spaces.
        word = "".join(c for c in line.partition("#")[0] if c.isascii() and c.isprintable()).strip()
        if not word:
            continue
        if DATE.fullmatch(word):
            entries.append(Entry(language="", version=None, date=word, line=number))
            continue
        match = LINE.fullmatch(word)
        if match is None or match["name"].lower() not in {"python", "r"}:
            raise InvalidRepositoryError(
                f"`{path}` has a line that r2i does not understand: `{word[:60]}`",
                file=path,
                line=number,
                hint=HINT,
            )
        entries.append(
            Entry(language=match["name"].lower(), version=match["version"], date=match["date"], line=number)
        )
    return tuple(entries)


def _request(entry: Entry, path: str) -> PythonRequest | None:
    if entry.version is None or entry.version == "3":
        return None
    if "." not in entry.version:
        raise InvalidRepositoryError(
            f"Python {entry.version} is not a version to build with", file=path, line=entry.line, hint=HINT
        )
    return PythonRequest(
        version=entry.version,
        evidence=Evidence(why=f"asks for Python {entry.version}", file=path, line=entry.line),
    )


def _details(python: list[Entry], path: str) -> tuple[Notice, ...]:
    return tuple(
        Notice(
            level="info", message=f"The date {entry.date} has no effect on Python", file=path, line=entry.line
        )
        for entry in python
        if entry.date is not None
    )


def _not_installed(entry: Entry, path: str) -> Notice:
    return Notice(
        level="warning", message="R is asked for, which r2i does not install yet", file=path, line=entry.line
    )
