"""`runtime.txt`: versions of Python, R and Julia, one a line, as Binder reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.languages import NAMES
from r2i.model import Detection, Evidence, Notice, Options, VersionRequest

LINE = re.compile(
    r"(?P<name>[a-z]+)(?:-(?P<version>\d{1,3}(?:\.\d{1,3}){0,2}))?(?:-(?P<date>\d{4}-\d{2}-\d{2}))?",
    re.ASCII | re.IGNORECASE,
)
#: Other names, of languages and tools: Binder does not read them either.
OTHER = re.compile(r"(?!python|r-|julia-)(?P<name>[a-z][a-z0-9+._]*)-[\w.+-]+", re.ASCII | re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
HINT = "Write `python-3.12`, `r-4.4-2024-10-31` for R, and `julia-1.10` for Julia, each on its own line"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line: a language (`python`, `r`, `julia`, empty for a bare date, or another name), a version, a snapshot date."""

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
        named: dict[str, Entry] = {}
        for entry in entries:
            language = entry.language or "r"  # a bare date is that of the R packages
            if language in named:
                raise InvalidRepositoryError(
                    f"`{path}` names {NAMES[language]} twice",
                    file=path,
                    line=entry.line,
                    hint="Keep one of the two lines",
                )
            if language in NAMES:
                named[language] = entry
        unknown = [entry for entry in entries if (entry.language or "r") not in NAMES]
        requests = {language: _request(language, entry, path) for language, entry in named.items()}
        return Detection(
            requests={language: request for language, request in requests.items() if request},
            notices=(
                *(_no_effect(entry, path) for entry in unknown),
                *_dates(named, path),
            ),
            alone=_invalid(unknown[0].text, path, unknown[0].line)
            if unknown and not named and not options.as_repo2docker
            else None,
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
        if match is not None and match["name"].lower() in NAMES:
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


def _request(language: str, entry: Entry, path: str) -> VersionRequest | None:
    version, day = entry.version or "", entry.date or ""
    if language == "python" and version in {"", "3"}:
        return None
    if language == "python" and version == "2":
        version = "2.7"  # there will be no other
    if language == "python" and "." not in version:
        raise InvalidRepositoryError(
            f"Python {version} is not a complete version", file=path, line=entry.line, hint=HINT
        )
    words = [f"{NAMES[language]} {version}".rstrip()]
    if language == "r" and day:
        words.append(f"packages of {day}")
    evidence = Evidence(why=f"requires {' and '.join(words)}", file=path, line=entry.line)
    return VersionRequest(version=version, evidence=evidence, day=day if language == "r" else "")


def _dates(named: Mapping[str, Entry], path: str) -> Iterator[Notice]:
    for language, entry in named.items():
        if entry.date and language != "r":
            message = f"The date {entry.date} has no effect on {NAMES[language]}"
            yield Notice(level="info", message=message, file=path, line=entry.line)


def _no_effect(entry: Entry, path: str) -> Notice:
    return Notice(
        level="warning",
        message=f"`{entry.text[:60]}` has no effect: `{path}` can set only the versions of Python, R and Julia",
        file=path,
        line=entry.line,
    )
