"""Shell scripts as lists of commands, as far as their words tell: nothing is expanded or run."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
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

#: What comes after so many characters was written by a program, and is not looked at.
LONGEST = 100_000

#: Words that a shell takes as they are.
PLAIN = re.compile(r"[\w $`%+,./:=@^~!?*{}\[\]\t-]*", re.ASCII)

#: What goes on, without a quotation and in one, up to the mark that ends it.
GOES_ON = {
    "": re.compile(r"(?:[^'\"\\#]++|\\.|#[^\n]*+)*+", re.DOTALL),
    "'": re.compile(r"[^']*+"),
    '"': re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL),
}


@dataclass(frozen=True, kw_only=True)
class CommandLine:
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


def commands(text: str) -> Iterator[CommandLine]:
    lines = text[:LONGEST].split("\n")
    ends = _ends(lines)
    at = 0
    while at < len(lines):
        first = at
        raw, at = _joined(lines, at)
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        raw, last, closed = _quoted_to_its_end(raw, lines, at)
        words: list[str] = []
        if closed:
            words, at = _words(raw), last
            if heredoc := HEREDOC.search(raw):
                below = ends.get(heredoc[2], [])
                found = bisect_left(below, at)
                at = below[found] + 1 if found < len(below) else at
        elif at - first < MOST_JOINED:
            at = first + 1  # an apostrophe that is none
        if found_commands := tuple(_commands(words)):
            plain = re.search(r"[$`#<>()|{}\n]", raw) is None and not raw[0].isspace()
            yield CommandLine(first=first + 1, last=last, commands=found_commands, plain=plain)


def _ends(lines: Sequence[str]) -> Mapping[str, list[int]]:
    """Where each word stands alone on a line: here-documents end so."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        found.setdefault(line.strip(), []).append(number)
    return found


def _quoted_to_its_end(raw: str, lines: Sequence[str], at: int) -> tuple[str, int, bool]:
    """A line with those that its quotation goes on in, where the next one begins, and whether the quotation ends."""
    parts, quotation = [raw], _open(raw, "")
    for line in lines[at : at + MOST_JOINED]:
        if not quotation:
            break
        parts.append(line)
        quotation = _open(f"\n{line}", quotation)
    return "\n".join(parts), at + len(parts) - 1, not quotation


def _open(text: str, quotation: str) -> str:
    """The mark of the quotation that is open at the end of a text; `quotation` is that at its beginning."""
    at = 0
    while (goes_on := GOES_ON[quotation].match(text, at)) and (at := goes_on.end()) < len(text):
        if text[at] == "\\":
            return quotation or "'"  # it is the last character
        quotation = "" if quotation else text[at]
        at += 1
    return quotation


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


def _words(raw: str) -> list[str]:
    if PLAIN.fullmatch(raw):
        return raw.split()  # what nearly all lines are, and a hundred times as fast
    lexer = shlex.shlex(raw, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return []


def _commands(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for separates, group in groupby(words, key=lambda word: bool(word) and SEPARATORS.issuperset(word)):
        if separates:
            continue
        command = list(group)
        begin = next(
            (n for n, word in enumerate(command) if word not in BEFORE and not ASSIGNMENT.match(word)),
            len(command),
        )
        command = command[begin:]
        redirected = (n for n, word in enumerate(command) if word and REDIRECTIONS.issuperset(word))
        if command[: (end := next(redirected, len(command)))]:
            yield tuple(command[:end])
