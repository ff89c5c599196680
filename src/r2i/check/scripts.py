"""`postBuild` and `start` as the rules see them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from r2i.check.code.shell_script import LONGEST, CommandLine, commands, is_shell
from r2i.check.subject import Subject
from r2i.edits.fixes import Edit
from r2i.errors import R2iError

NAMES = ("postBuild", "start")

#: Where a byte order mark is a part of the first word.
MARKED = (*NAMES, "apt.txt", "runtime.txt", "Pipfile", "Pipfile.lock")

#: What Binder reads as UTF-8 alone; pip finds out how a requirements file is encoded.
READ_AS_UTF8 = (*MARKED, "Dockerfile", "environment.yml", "pyproject.toml", "setup.cfg")

#: The longer marks first: one begins like another.
WIDE = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


@dataclass(frozen=True)
class BinderScript:
    path: str
    data: bytes

    @cached_property
    def text(self) -> str:
        """Lines are numbered as in the file."""
        data = self.data.removeprefix(codecs.BOM_UTF8)
        return data.decode(errors="replace").replace("\r\n", "\n")

    @cached_property
    def beginning(self) -> str:
        """What a person can have written of it."""
        return self.text[:LONGEST]

    @cached_property
    def raw(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def lines(self) -> tuple[CommandLine, ...]:
        return tuple(commands(self.text)) if is_shell(self.text) else ()

    @cached_property
    def _starts(self) -> list[int]:
        """Where each line begins, and one more would."""
        return [*accumulate((len(line) + 1 for line in self.data.split(b"\n")), initial=0)]

    def edit(self, first: int, last: int, text: str | None) -> Edit:
        """Replace what lines say and keep how the last one ends; None removes them."""
        start, end = self._starts[first - 1], self._starts[last]
        if text is None:
            return Edit(file=self.path, start=start, end=min(end, len(self.data)), text=b"")
        end -= 2 if self.data.endswith(b"\r", 0, end - 1) else 1
        return Edit(file=self.path, start=start, end=end, text=text.encode())


def scripts(subject: Subject) -> tuple[BinderScript, ...]:
    """What counts and is text; beside a `Dockerfile` nothing does."""
    return tuple(_scripts(subject))


def _scripts(subject: Subject) -> Iterator[BinderScript]:
    if subject.config("Dockerfile"):
        return
    for name in NAMES:
        path = subject.config(name)
        data = bytes_of(subject, path) if path else None
        if path and data and data.strip() and b"\0" not in data:
            yield BinderScript(path, data)


def wide(data: bytes) -> str | None:
    """The encoding of two or four bytes a character that a text's mark names."""
    return next((encoding for mark, encoding in WIDE if data.startswith(mark)), None)


def bytes_of(subject: Subject, path: str) -> bytes | None:
    try:
        return subject.checkout.read_bytes(path)
    except R2iError:
        return None
