"""Models and corpora that code loads, and that nothing fetches: `facts/downloads.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Facts
from r2i.check.imports import uses
from r2i.check.optional_uses import is_older
from r2i.check.reads import TOLERANT
from r2i.check.script_installs import brought_by_scripts
from r2i.check.subject import Subject
from r2i.facts.tables import read_table

#: What installs or fetches something, by name or ending.
CONFIGURATION = re.compile(
    r"(?:^|/)(?:postBuild|start|Dockerfile|Makefile|Pipfile(?:\.lock)?|pyproject\.toml|setup\.(?:py|cfg)|[^/]*requirements[^/]*\.(?:txt|in)"
    r"|environment[^/]*\.ya?ml|[^/]*\.lock|[^/]*\.sh)$"
)
LARGEST = 2_000_000

#: Fetches what no constant names, or a collection of NLTK's.
ANYTHING = re.compile(
    r"\bdownload\(\s*(?![\s\"'\[(]|info_or_id)|download_corpora|[\"' ](?:all|all-corpora|all-nltk|popular|book)\b"
)

#: One of these is in all code that loads any: the last is part of the names of models.
WORDS = ("spacy", "nltk", "_core_")

STRING = re.compile(r"[\"']([\w.-]+)[\"']")

#: The release of NLTK that took new names.
RENAMED = "3.8.2"


@dataclass(frozen=True, kw_only=True)
class Download:
    """A model or corpus that a line of code loads, and the command that fetches it; `old` is how it was called before."""

    name: str
    by: str
    command: str
    path: str
    line: int
    notebook: Notebook | None = None
    cell: Cell | None = None
    old: str = ""


@dataclass(frozen=True)
class Piece:
    """A cell of a notebook, or a module, with the names that its program gives to modules."""

    facts: Facts
    names: Mapping[str, str]
    path: str
    notebook: Notebook | None = None
    cell: Cell | None = None


def undownloaded(subject: Subject) -> tuple[Download, ...]:
    """Each once, at the first line that loads it; nothing where nobody knows what is installed."""
    if subject.environment is None or subject.once(brought_by_scripts).anything:
        return ()
    found: dict[str, Download] = {}
    for piece in _pieces(subject):
        for one in (*_models(piece), *_corpora(subject, piece)):
            found.setdefault(one.name, one)
    said = "\n".join(_configuration(subject)) if found else ""
    return tuple(one for one in found.values() if not _is_fetched(subject, one, said))


def model_name(module: str) -> bool:
    """Whether a module is a model of spaCy, which is imported as a package."""
    return re.fullmatch(_table("spacy")["argument"], module) is not None


def _pieces(subject: Subject) -> Iterator[Piece]:
    for notebook in (*subject.notebooks, *subject.text_notebooks):
        cells = subject.code_of.get(notebook.path, ())
        if not any(word in cell.source for cell, _ in cells for word in WORDS):
            continue
        names = {own: known for _, facts in cells for one in facts.imports for own, known in one.bound}
        for cell, facts in cells:
            if not cell.tags & TOLERANT:
                yield Piece(facts, names, notebook.path, notebook, cell)
    for path in sorted(subject.once(uses).modules):
        facts = subject.modules[path]
        if any(word in facts.source for word in WORDS):
            names = {own: known for one in facts.imports for own, known in one.bound}
            yield Piece(facts, names, path)


def _models(piece: Piece) -> Iterator[Download]:
    table = _table("spacy")
    for call in piece.facts.calls if "load" in piece.facts.source else ():
        argument = call.arguments[0] if call.arguments else None
        is_load = _full(piece, call.name) in table["functions"] and not call.optional
        if is_load and isinstance(argument, str) and model_name(argument):
            yield _download(piece, argument, f"`{call.name}`", call.line)
    for one in piece.facts.imports:
        if model_name(one.module) and not (one.optional or one.level):
            yield _download(piece, one.module, f"`import {one.module}`", one.line)


def _corpora(subject: Subject, piece: Piece) -> Iterator[Download]:
    if not any(known.partition(".")[0] == "nltk" for known in piece.names.values()):
        return
    functions = _table("nltk")["functions"]
    for call in piece.facts.calls:
        full = _full(piece, call.name)
        if call.optional:
            continue
        if name := functions.get(full) or _corpus(full):
            new, old = _of_release(subject, name)
            command = _table("nltk")["command"].format(new)
            yield replace(_download(piece, new, f"`{call.name}`", call.line), command=command, old=old)


def _corpus(called: str) -> str:
    """That of a method: `nltk.corpus.stopwords.words`."""
    parts = called.split(".")
    known = parts[:2] == ["nltk", "corpus"] and len(parts) > 3 and parts[2] in _table("nltk")["corpora"]
    return parts[2] if known else ""


def _of_release(subject: Subject, name: str) -> tuple[str, str]:
    """What the release that is installed calls a resource, and another name of it that may be right, too."""
    environment, renamed = subject.environment, _table("nltk")["renamed"].get(name, "")
    if environment is None or not renamed or is_older(environment, "nltk", RENAMED):
        return name, ""
    # A lock names a release that may be any.
    return renamed, name if environment.exact else ""


def _full(piece: Piece, name: str) -> str:
    first, dot, rest = name.partition(".")
    return f"{piece.names.get(first, first)}{dot}{rest}"


def _download(piece: Piece, name: str, by: str, line: int) -> Download:
    """Of a model of spaCy."""
    return Download(
        name=name,
        by=by,
        command=_table("spacy")["command"].format(name),
        path=piece.path,
        line=line,
        notebook=piece.notebook,
        cell=piece.cell,
    )


def _is_fetched(subject: Subject, one: Download, said: str) -> bool:
    """Whether a file of the configuration, or code, names it where it installs or fetches."""
    if "nltk" not in one.command:
        words = {one.name, one.name.replace("_", "-")}
        return any(word in said for word in words) or any("spacy" in text for text in _fetching(subject))
    environment = subject.environment
    names = environment.names if environment else ()
    if {"nltk-data", "textblob"} & set(names) or any("nltk_data" in path for path in subject.files):
        return True
    texts = [*_fetching(subject), *(text for text in [said] if "nltk" in text and "download" in text)]
    if any(ANYTHING.search(text) for text in texts):
        return True
    fetched = {name for text in _fetching(subject) for name in STRING.findall(text)}
    fetched |= set(re.findall(r"[\w-]+", said)) if "nltk" in said else set()
    return not fetched.isdisjoint({one.name, one.old} - {""})


def _fetching(subject: Subject) -> list[str]:
    return subject.once(_that_fetch)


def _that_fetch(subject: Subject) -> list[str]:
    """The code that downloads with one of the two libraries."""
    texts = [cell.source for _, cell, _ in subject.code]
    texts += [facts.source for facts in subject.modules.values()]
    return [text for text in texts if "download" in text and ("nltk" in text or "spacy" in text)]


def _configuration(subject: Subject) -> Iterator[str]:
    """Without the comments of scripts."""
    for path, size in subject.files.items():
        if size <= LARGEST and CONFIGURATION.search(path):
            yield re.sub(r"(?m)^\s*#(?!!).*$", "", subject.text(path) or "")


def _table(name: str) -> Any:
    return read_table("r2i.check.facts", "downloads.toml")[name]
