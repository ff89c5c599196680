"""`runtime.txt`: versions of Python and R, one a line, as Binder reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.model import Detection, Evidence, Notice, Options, VersionRequest

LINE = re.compile(
    r"(?P<name>[a-z]+)(?:-(?P<version>\d{1,3}(?:\.\d{1,3}){0,2}))?(?:-(?P<date>\d{4}-\d{2}-\d{2}))?",
    re.ASCII | re.IGNORECASE,
)
#: Other names, of languages and tools: Binder does not read them either.
OTHER = re.compile(r"(?!python|r-)(?P<name>[a-z][a-z0-9+._]*)-[\w.+-]+", re.ASCII | re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
HINT = "Write `python-3.12`, and `r-4.4-2024-10-31` for R, each on its own line"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line: a language (`python`, `r`, empty for a bare date, or another name), a version, a snapshot date."""

    text: str
    language: str
    version: str | None
    date: str | None
    line: int


class RuntimeTxt:
    name = "runtime_txt"
    files = ("runtime.txt",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config("runtime.txt")
        if path is None:
            return None
        entries = parse(checkout.read(path), path)
        python = [entry for entry in entries if entry.language == "python"]
        unknown = [entry for entry in entries if entry.language not in {"python", "r", ""}]
        r = [entry for entry in entries if entry.language in {"r", ""}]
        for name, named in (("Python", python), ("R", r)):
            if len(named) > 1:
                raise InvalidRepositoryError(
                    f"`{path}` names {name} twice",
                    file=path,
                    line=named[1].line,
                    hint="Keep one of the two lines",
                )
        request = _request(python[0], path) if python else None
        return Detection(
            requests=({"python": request} if request else {}) | ({"r": _of_r(r[0], path)} if r else {}),
            notices=(*(_no_effect(entry, path) for entry in unknown), *_details(python, path)),
            alone=_invalid(unknown[0].text, path, unknown[0].line) if unknown and not (python or r) else None,
        )


def parse(text: str, path: str) -> tuple[Entry, ...]:
    """Read the lines that are neither blank nor a comment; anything unknown is an `InvalidRepositoryError`."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line:
            continue
        # Editors and web forms leave characters that nobody sees, such as U+FFFC and zero-width spaces.
        word = "".join(c for c in line.partition("#")[0] if c.isascii() and c.isprintable()).strip()
        if not word:
            continue
        if DATE.fullmatch(word):
            entries.append(Entry(text=word, language="", version=None, date=word, line=number))
            continue
        match = LINE.fullmatch(word)
        if match is not None and match["name"].lower() in {"python", "r"}:
            version, date = match["version"], match["date"]
        elif match := OTHER.fullmatch(word):
            version = date = None
        else:
            wrong = _invalid(word, path, number)
            raise InvalidRepositoryError(wrong.why, file=path, line=number, hint=HINT)
        language = match["name"].lower()
        entries.append(Entry(text=word, language=language, version=version, date=date, line=number))
    return tuple(entries)


def _invalid(word: str, path: str, line: int) -> Evidence:
    return Evidence(why=f"`{path}` has an invalid line: `{word[:60]}`", file=path, line=line)


def _request(entry: Entry, path: str) -> VersionRequest | None:
    if entry.version is None or entry.version == "3":
        return None
    if "." not in entry.version:
        raise InvalidRepositoryError(
            f"Python {entry.version} is not a complete version", file=path, line=entry.line, hint=HINT
        )
    return VersionRequest(
        version=entry.version,
        evidence=Evidence(why=f"requires Python {entry.version}", file=path, line=entry.line),
    )


def _of_r(entry: Entry, path: str) -> VersionRequest:
    version, day = entry.version or "", entry.date or ""
    words = [f"R {version}".rstrip(), *([f"packages of {day}"] if day else [])]
    evidence = Evidence(why=f"requires {' and '.join(words)}", file=path, line=entry.line)
    return VersionRequest(version=version, day=day, evidence=evidence)


def _details(python: list[Entry], path: str) -> tuple[Notice, ...]:
    return tuple(
        Notice(
            level="info", message=f"The date {entry.date} has no effect on Python", file=path, line=entry.line
        )
        for entry in python
        if entry.date is not None
    )


def _no_effect(entry: Entry, path: str) -> Notice:
    return Notice(
        level="warning",
        message=f"`{entry.text[:60]}` has no effect: `{path}` can set only the versions of Python and R",
        file=path,
        line=entry.line,
    )
