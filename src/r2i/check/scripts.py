"""`postBuild` and `start` as the rules see them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from r2i.check.findings import Edit
from r2i.check.shell_script import Line, commands, is_shell
from r2i.check.subject import Subject
from r2i.errors import R2iError

NAMES = ("postBuild", "start")


@dataclass(frozen=True)
class Script:
    path: str
    data: bytes

    @cached_property
    def text(self) -> str:
        """Lines are numbered as in the file."""
        data = self.data.removeprefix(codecs.BOM_UTF8)
        return data.decode(errors="replace").replace("\r\n", "\n")

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        return tuple(commands(self.text)) if is_shell(self.text) else ()

    def edit(self, first: int, last: int, text: str | None) -> Edit:
        """Replace what lines say and keep how the last one ends; None removes them."""
        lines = self.data.split(b"\n")
        start = sum(len(line) + 1 for line in lines[: first - 1])
        end = start + sum(len(line) + 1 for line in lines[first - 1 : last])
        if text is None:
            return Edit(file=self.path, start=start, end=min(end, len(self.data)), text=b"")
        end -= 2 if lines[last - 1].endswith(b"\r") else 1
        return Edit(file=self.path, start=start, end=end, text=text.encode())


def scripts(subject: Subject) -> Iterator[Script]:
    """What counts and is text; beside a `Dockerfile` nothing does."""
    if subject.config("Dockerfile"):
        return
    for name in NAMES:
        path = subject.config(name)
        data = bytes_of(subject, path) if path else None
        if path and data and data.strip() and b"\0" not in data:
            yield Script(path, data)


def bytes_of(subject: Subject, path: str) -> bytes | None:
    try:
        return subject.checkout.read_bytes(path)
    except R2iError:
        return None
