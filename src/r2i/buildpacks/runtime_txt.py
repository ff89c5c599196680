"""`runtime.txt`: versions of Python, R and Julia, one a line, as Binder reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, NoBuildpackError
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
        python = [entry for entry in entries if entry.language == "python"]
        julia = [entry for entry in entries if entry.language == "julia"]
        unknown = [entry for entry in entries if entry.language not in {"python", "r", "julia", ""}]
        others = [entry for entry in entries if entry.language in {"r", ""}]
        for name, named in (("Python", python), ("Julia", julia)):
            if len(named) > 1:
                raise InvalidRepositoryError(
                    f"`{path}` names {name} twice",
                    file=path,
                    line=named[1].line,
                    hint="Keep one of the two lines",
                )
        if others and not (python or julia):
            raise NoBuildpackError(
                f"`{path}` requires R, which r2i cannot install yet",
                file=path,
                line=others[0].line,
                hint="Install it in a `Dockerfile` in the repository",
            )
        request = _request(python[0], path) if python else None
        return Detection(
            requests=({"python": request} if request else {})
            | ({"julia": _of_julia(julia[0], path)} if julia else {}),
            notices=(
                *(_not_installed(entry, path) for entry in others),
                *(_no_effect(entry, path) for entry in unknown),
                *_details("Python", python, path),
                *_details("Julia", julia, path),
            ),
            alone=_invalid(unknown[0].text, path, unknown[0].line)
            if unknown and not (python or julia)
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
        if match is not None and match["name"].lower() in {"python", "r", "julia"}:
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


def _of_julia(entry: Entry, path: str) -> VersionRequest:
    version = entry.version or ""
    evidence = Evidence(why=f"requires Julia {version}".strip(), file=path, line=entry.line)
    return VersionRequest(version=version, evidence=evidence)


def _details(language: str, entries: list[Entry], path: str) -> tuple[Notice, ...]:
    return tuple(
        Notice(
            level="info",
            message=f"The date {entry.date} has no effect on {language}",
            file=path,
            line=entry.line,
        )
        for entry in entries
        if entry.date is not None
    )


def _not_installed(entry: Entry, path: str) -> Notice:
    return Notice(
        level="warning",
        message="The file requires R, which r2i does not install yet",
        file=path,
        line=entry.line,
    )


def _no_effect(entry: Entry, path: str) -> Notice:
    return Notice(
        level="warning",
        message=f"`{entry.text[:60]}` has no effect: `{path}` can set only the versions of Python, R and Julia",
        file=path,
        line=entry.line,
    )
