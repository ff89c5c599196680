"""Shell scripts as lists of commands, as far as their words tell: nothing is expanded or run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

HEREDOC = re.compile(r"(?<!<)<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
SEPARATORS = frozenset("();&|")
REDIRECTIONS = frozenset("<>")
SHELLS = re.compile(r"#!\s*\S*\b(?:ba|da|k|z)?sh\b|#!\s*/usr/bin/env\s+(?:-S\s+)?(?:ba|da|k|z)?sh\b")

#: Words before the one that names the program.
BEFORE = frozenset(
    {"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "exec", "command"}
)
ASSIGNMENT = re.compile(r"\w+=")

#: A string that goes on for longer is text.
MOST_JOINED = 50


@dataclass(frozen=True, kw_only=True)
class Line:
    """A logical line: numbers of its first and last line, counted from 1, and the words of its commands.

    `plain` says that the commands are all of it: no variable, pipe, redirection, comment or block.
    """

    first: int
    last: int
    commands: tuple[tuple[str, ...], ...]
    plain: bool


def is_shell(text: str) -> bool:
    """Whether a script is one of a shell: it says so, or nothing."""
    return not text.startswith("#!") or SHELLS.match(text) is not None


def commands(text: str) -> Iterator[Line]:
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        first = at
        raw, at = _joined(lines, at)
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        words = _words(raw)
        while words is None and at < len(lines) and at - first < MOST_JOINED:
            raw, at = f"{raw}\n{lines[at]}", at + 1
            words = _words(raw)
        last = at
        if words is None:
            at = first + 1  # an apostrophe that is none
        elif heredoc := HEREDOC.search(raw):
            at = next((n + 1 for n in range(at, len(lines)) if lines[n].strip() == heredoc[2]), at)
        if found := tuple(_commands(words or ())):
            plain = re.search(r"[$`#<>()|{}\n]", raw) is None and not raw[0].isspace()
            yield Line(first=first + 1, last=last, commands=found, plain=plain)


def without_sudo(command: Sequence[str]) -> Sequence[str]:
    """The command that is to be run as root."""
    if not command or command[0] != "sudo":
        return command
    rest = list(command[1:])
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in ("-u", "-g") else rest[1:]
    return rest


def _joined(lines: Sequence[str], at: int) -> tuple[str, int]:
    """A line with those that it is continued on, and where the next one begins."""
    parts = [lines[at]]
    at += 1
    while parts[-1].endswith("\\") and at < len(lines):
        parts[-1] = parts[-1][:-1]
        parts.append(lines[at])
        at += 1
    return "".join(parts), at


def _words(raw: str) -> list[str] | None:
    """None where a quotation is not closed."""
    lexer = shlex.shlex(raw, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return None


def _commands(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for separates, group in groupby(words, key=lambda word: bool(word) and SEPARATORS.issuperset(word)):
        if separates:
            continue
        command = list(group)
        while command and (command[0] in BEFORE or ASSIGNMENT.match(command[0])):
            command.pop(0)
        redirected = (n for n, word in enumerate(command) if word and REDIRECTIONS.issuperset(word))
        if command[: (end := next(redirected, len(command)))]:
            yield tuple(command[:end])
