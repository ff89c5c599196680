"""Scripts of the repository that the image runs: what is wrong with them, and how the image's copy is repaired."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.model import Evidence, Notice

#: What comes after so many characters was written by a program, and is not looked at.
LONGEST = 200_000


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script, its text (None for a binary program), and the shell commands that make the image's copy run."""

    path: str
    text: str | None
    commands: tuple[str, ...]
    notices: tuple[Notice, ...]

    def lines(self, *, why: str, matches: Callable[[str], object]) -> tuple[Evidence, ...]:
        """The lines whose commands match: `why` is what the script does there."""
        return tuple(
            Evidence(
                why=f"`{self.path}` {why}: `{line.strip()[:80]}`",
                file=self.path,
                line=number,
            )
            for number, line in enumerate((self.text or "")[:LONGEST].split("\n"), 1)
            if matches(line.partition("#")[0])
        )


def repaired(data: bytes) -> bytes:
    """What the commands of `inspect` make of a script's bytes."""
    if data.startswith(b"\x7fELF"):
        return data
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\r\n" in data and b"\0" not in data:
        data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    return data if data.startswith(b"#!") else b"#!/bin/bash\n" + data


def inspect(checkout: Checkout, path: str) -> Script:
    """Look for what keeps a script from being run by the kernel: its first two bytes decide how."""
    data = checkout.read_bytes(path)
    make_executable = f"chmod +x {path}"
    if data.startswith(b"\x7fELF"):
        return Script(path=path, text=None, commands=(make_executable,), notices=())
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidRepositoryError(
            f"`{path}` is UTF-16 text, which shells cannot read",
            file=path,
            line=1,
            hint="Save the file as UTF-8",
        )
    commands, notices = [], []

    def repair(expression: str, what: str) -> None:
        commands.append(f"sed -i '{expression}' {path}")
        notices.append(Notice(level="info", message=f"`{path}` {what} in the image", file=path, line=1))

    if data.startswith(codecs.BOM_UTF8):
        data = data.removeprefix(codecs.BOM_UTF8)
        repair(r"1s/^\xEF\xBB\xBF//", "has a byte order mark, which is removed")
    if b"\r\n" in data and b"\0" not in data:  # an archive behind a script must stay as it is
        repair(r"s/\r$//", "has Windows line endings, which are converted")
    if not data.startswith(b"#!"):
        repair("1i #!/bin/bash", "does not name its interpreter (`#!`), so bash runs it")
    if not checkout.is_executable(path):
        notices.append(
            Notice(
                level="info",
                message=f"`{path}` is not executable; r2i makes it executable in the image",
                file=path,
            )
        )
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return Script(path=path, text=text, commands=(*commands, make_executable), notices=tuple(notices))
