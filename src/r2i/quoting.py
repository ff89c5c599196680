"""Strings as a Dockerfile's instructions, a shell, a terminal and a page of Markdown take them."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable

from r2i.errors import InvalidRepositoryError

ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, links
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # sequences: colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)

#: Colours: all that a text may do to a terminal.
COLOUR = r"\x1b\[[0-9;:]{0,64}m"

#: What a terminal obeys or hides: controls but for tabs and line ends, marks that turn the direction of text or have no
#: width, halves of characters, other line ends.
UNSEEN = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
COLOURS_AND_UNSEEN = re.compile(f"({COLOUR})|{UNSEEN}")

#: How commands to a CI service begin, up to the character that makes it one. GitHub's `::error::` stands at the beginning
#: of a line; `##[error]`, Azure's `##vso[` and TeamCity's `##teamcity[` anywhere; GitLab's are `section_start:`.
COMMAND = re.compile(r"^[^\S\n]*:(?=:)|##\w{0,30}(?=\[)|section_(?:start|end)(?=:)", re.MULTILINE)

#: How much of an unfinished line tells whether a command begins in it.
BEGINNING = 64


def quoted(value: str) -> str:
    """A value in double quotes: no variables are expanded in it, line ends become blanks."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + " ".join(escaped.splitlines()) + '"'


def shell_word(value: str) -> str:
    """A value as one word of a shell command in a Dockerfile, where a line end would begin a new instruction."""
    if "\n" in value or "\r" in value:
        raise InvalidRepositoryError(f"`{printable(value)}` cannot be part of a command: it has a line end")
    return shlex.quote(value)


def printable(value: str) -> str:
    """A string of a repository for a terminal: no escape sequences, no line ends, nothing that cannot be encoded."""
    return "".join(c if c.isprintable() else _escaped(c) for c in value)


def without_escapes(value: str) -> str:
    """A text of several lines as a terminal would show it, without what moves the cursor or colours; valid Unicode."""
    return ESCAPES.sub("", value.encode("utf-8", "replace").decode())


def shown(text: str) -> str:
    """A text of several lines for a terminal or a log: colours stay, whatever else it would obey is shown."""
    return COLOURS_AND_UNSEEN.sub(lambda found: found[1] or _escaped(found[0]), text)


def without_commands(text: str) -> str:
    """A text that no CI service takes for a command: a blank breaks what begins one, and everybody sees it."""
    return COMMAND.sub(r"\g<0> ", text)


class Harmless:
    """Texts of others that come in pieces, as `shown` and `without_commands` give them, also where a command is cut in two."""

    def __init__(self) -> None:
        self._line = ""

    def __call__(self, text: str) -> str:
        before = self._line
        whole = without_commands(before + shown(text))
        line = whole.rpartition("\n")[2]
        # Blanks tell only that the line has not begun.
        line = line.lstrip() or line[:1]
        self._line = line if len(line) <= BEGINNING else f".{line[-BEGINNING:]}"
        return whole[len(before) :]


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


#: What others write is cut here, in characters of a line.
MAX_LINE = 2000


def clean(text: str) -> str:
    """Make text of a repository harmless to a terminal: one line without control characters."""
    text = ESCAPES.sub("", text[: 4 * MAX_LINE])
    # What a progress bar wrote last on its line is what a terminal would show.
    text = text.rstrip("\r\n").rpartition("\r")[2].expandtabs(4)
    # Cf holds the marks that turn the direction of text, Zl and Zp break lines.
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}…"


LITERAL = re.compile(r"`([^`]+)`")

#: What Markdown may read as more than a character, within a line.
MARKUP = re.compile(r"[\\`*_\[\]<>&!@#$%~^|{}]|:(?=//)|(?<=www)\.", re.IGNORECASE)

#: What GitHub and GitLab make links and mentions of, which they look for in the text that the Markdown leaves.
REFERENCE = re.compile(r"[@#!$%~&^*:.](?=\S)")

#: A character without width, where nothing else keeps two characters apart.
APART = "&#8203;"

#: Other links that they make: `GH-1`, and the name of a commit, of which GitLab takes seven digits.
LINKED = re.compile(r"(?<=[a-z])-(?=\d)|(?<![a-z0-9])[0-9a-f]{7,}(?![a-z0-9])", re.IGNORECASE)
PIECE = re.compile(".{1,6}")

SPECIAL = re.compile(f"{MARKUP.pattern}|(?P<linked>{LINKED.pattern})", re.IGNORECASE)


def markdown(text: str) -> str:
    """A message as Markdown, on one line: literals in backticks become code, and the rest is nothing but characters, which
    link nowhere and mention nobody. It must not be the beginning of a line, where GitLab takes `/close` for a command."""
    prose, *pieces = LITERAL.split(printable(text))
    result = _characters(prose)
    for number in range(0, len(pieces), 2):
        literal, prose = pieces[number : number + 2]
        apart = APART if not prose and number + 2 < len(pieces) else ""
        result += markdown_code(literal) + _characters(prose) + apart
    return result


def markdown_code(text: str) -> str:
    """Any text as code in a line of Markdown."""
    text = printable(text)
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (max(map(len, re.findall("`+", text))) + 1)
    return f"{fence} {text} {fence}"


def markdown_block(lines: Iterable[str]) -> str:
    """Any lines as a block of code in Markdown, below an empty line."""
    return "".join(f"    {printable(line)}\n" for line in lines)


def _characters(text: str) -> str:
    def escaped(found: re.Match[str]) -> str:
        if found["linked"] is None:
            return f"\\{found[0]}{APART if REFERENCE.match(text, found.start()) else ''}"
        return f"-{APART}" if found[0] == "-" else APART.join(PIECE.findall(found[0]))

    return SPECIAL.sub(escaped, text)
