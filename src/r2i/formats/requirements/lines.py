"""A requirements file as pip cuts it into lines: continued lines joined, comments and blanks gone."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.model import Evidence, Notice

#: A requirement with its hashes on one line: the longest real ones have some 20 kB.
MAX_LINE = 50_000

#: Lines of one file as an editor counts them: each hash of pip-compile's has its own.
MAX_PHYSICAL = 200_000

#: All lines of all files; pip-compile's largest real outputs have below 2,000 requirements.
MAX_LINES = 10_000

#: How much of a literal a message shows.
MAX_QUOTED = 90

VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")

#: The first `#` that begins the line or follows a blank: `…#egg=name` is no comment.
COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.DOTALL)
#: What pip looks for in the first two lines (PEP 263).
CODING = re.compile(rb"(?:[^\n]*\n)??#[^\n]*?coding[:=]\s*([-\w.]+)")
#: Of the codecs of Python, those of character sets: others, such as `punycode`, take quadratic time.
CHARACTER_SET = re.compile(r"iso8859-\d+|cp\d+|koi8-\w|mac-\w+", re.ASCII)
CREDENTIALS = re.compile(r"//[^/\s]+@")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One logical line; `number` is that of its first physical line. Runs of blanks are one space."""

    file: str
    number: int
    text: str

    def error(
        self, message: str, *, hint: str | None = None, correct: tuple[str, str] | None = None
    ) -> InvalidRepositoryError:
        """`correct` are words of the line, and what is to stand in their place."""
        return InvalidRepositoryError(message, hint=hint, file=self.file, line=self.number, correct=correct)

    def warning(self, message: str) -> Notice:
        return Notice(level="warning", message=message, file=self.file, line=self.number)

    def info(self, message: str) -> Notice:
        return Notice(level="info", message=message, file=self.file, line=self.number)

    def evidence(self, why: str) -> Evidence:
        return Evidence(why=why, file=self.file, line=self.number)


def quoted(text: str) -> str:
    """A literal of the file for a message: in backticks, of bearable length, without a password."""
    text = CREDENTIALS.sub("//…@", text.replace("`", "'"))
    return f"`{text}`" if len(text) <= MAX_QUOTED else f"`{text[:MAX_QUOTED]}…`"


def text_of(checkout: Checkout, path: str) -> str:
    """The text of a file as `Checkout.read` has it, or in the encoding that its first two lines name, as in pip."""
    data = checkout.read_bytes(path)
    if (found := CODING.match(data)) and b"\0" not in data:
        try:
            codec = codecs.lookup(found[1].decode("ascii", "replace"))
            if CHARACTER_SET.fullmatch(codec.name):
                return data.decode(codec.name).replace("\r\n", "\n").replace("\r", "\n")
        except (LookupError, UnicodeDecodeError):
            pass  # it may be UTF-8 none the less
    return checkout.read(path)


def logical_lines(file: str, content: str) -> Iterator[Line]:
    """Give the lines that say something, in the order of the file."""
    # `splitlines` and not `split`: pip, too, ends a line at a form feed or a Unicode line separator.
    physical = content.splitlines() if content.count("\n") <= MAX_PHYSICAL else None
    if physical is None or len(physical) > MAX_PHYSICAL:
        raise Line(file=file, number=MAX_PHYSICAL + 1, text="").error(
            f"`{file}` has more than {MAX_PHYSICAL:,} lines", hint="Keep only what is needed"
        )
    for number, raw in _joined(physical):
        text = " ".join(COMMENT.sub("", raw).split())
        if not text:
            continue
        line = Line(file=file, number=number, text=text)
        if len(text) > MAX_LINE:
            raise line.error(f"The line has {len(text):,} characters", hint="Write one requirement per line")
        if variable := VARIABLE.search(text):
            raise line.error(
                f"The variable `{variable[0]}` has no value: build steps do not see your environment variables",
                hint="Write the value into the file unless it is a password or token: for those, set "
                "`PIP_EXTRA_INDEX_URL` or `netrc` on the build machine",
            )
        yield line


def _joined(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Join lines that end with a backslash; a line that is only a comment ends such a run, as in pip."""
    parts: list[str] = []
    first = 0
    for number, text in enumerate(lines, 1):
        first = first if parts else number
        comment = text.lstrip().startswith("#")
        if text.endswith("\\") and not comment:
            parts.append(text.strip("\\"))  # on both sides, as pip
            continue
        parts.append(f" {text}" if comment else text)
        yield first, "".join(parts)
        parts = []
    if parts:
        yield first, "".join(parts)
