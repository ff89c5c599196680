"""Requirements that lie in the repository: directories with a Python project, wheels and other archives."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import unquote

from r2i.checkout import Checkout
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import FREEZE, check_no_file
from r2i.formats.requirements.urls import archive_name, is_archive
from r2i.model import Notice

EXTRAS = re.compile(r"\s*\[\s*[A-Za-z0-9._-]+(?:\s*,\s*[A-Za-z0-9._-]+)*\s*\]", re.ASCII)

#: What a path may consist of to become a word of a command line.
PATH = re.compile(r"[\w.+@~ /-]+")

#: Either makes a directory a Python project for pip; `setup.cfg` alone does not.
PROJECT_FILES = ("pyproject.toml", "setup.py")


@dataclass(frozen=True, kw_only=True)
class LocalRequirement:
    """`argument` is for `uv pip install` in the repository's root: `./pkg[extra]`."""

    argument: str
    name: str | None
    notices: tuple[Notice, ...] = ()


def is_path(text: str) -> bool:
    """Whether pip takes a word for a path: it has a slash, begins with a dot or ends like an archive."""
    path = without_extras(text)[0]
    return path.startswith((".", "file:")) or "/" in path or "\\" in path or is_archive(path)


def without_extras(text: str) -> tuple[str, str]:
    """Part `./pkg[a, b]` into `./pkg` and `[a,b]`."""
    if text.endswith("]"):
        at = text.rfind("[")
        if EXTRAS.fullmatch(text, at):
            return text[:at].rstrip(), "".join(text[at:].split())
    return text, ""


def local(text: str, checkout: Checkout, line: Line, *, editable: bool = False) -> LocalRequirement:
    """Find the directory or archive that a requirement names; raise where it cannot be installed."""
    text, _, fragment = text.partition("#")
    path, extras = without_extras(text)
    check_no_file(path, line)
    egg = re.fullmatch(r"egg=([A-Za-z0-9._-]+)(\[[A-Za-z0-9._,-]+\])?", fragment)
    if egg and egg[2] and not extras:
        extras = egg[2]
    where, notices = locate(path, checkout, line)
    if not checkout.is_dir(where):
        if editable or not is_archive(where):
            raise line.error(
                f"{quoted(path)} is not a directory with a Python project",
                hint="Use the directory that contains its `pyproject.toml`",
            )
    elif not any(checkout.has(posixpath.join(where, file)) for file in PROJECT_FILES):
        raise line.error(
            f"The directory {quoted(path)} has neither a `pyproject.toml` nor a `setup.py`",
            hint="Use the directory of a Python project, or remove the line",
        )
    name = egg[1] if egg else archive_name(where) if is_archive(where) else None
    return LocalRequirement(argument=argument(where) + extras, name=name, notices=notices)


def argument(path: str) -> str:
    """A path below the root as a word that no program takes for an option or a name."""
    return path if path == "." else f"./{path}"


def locate(path: str, checkout: Checkout, line: Line) -> tuple[str, tuple[Notice, ...]]:
    """Find what a line names, from the root as pip does there, else from the directory of the file.

    Give its path below the root; raise where it does not exist, or where no build could see it.
    """
    plain = _plain(path, line)
    if not PATH.fullmatch(plain):
        raise line.error(f"The path {quoted(path)} has special characters", hint="Rename it")
    from_root = checkout.inside(plain)
    if from_root is not None and checkout.has(from_root):
        return from_root, ()
    from_file = checkout.inside(plain, relative_to=line.file)
    if from_file is not None and checkout.has(from_file):
        return from_file, (line.info(f"{quoted(path)} is read as `{argument(from_file)}`"),)
    if from_root is None:
        raise line.error(
            f"{quoted(path)} is not inside the repository", hint="Use a path inside the repository"
        )
    raise line.error(f"{quoted(path)} does not exist", hint="Commit it, or correct the path")


def _plain(path: str, line: Line) -> str:
    """A path without `file:`; raise for those of the author's own machine."""
    plain = unquote(re.sub(r"^file:(?://(?:localhost)?(?=[/.]))?", "", path))
    if plain.startswith(("/", "~")) or "\\" in plain or re.match(r"[A-Za-z]:", plain):
        raise line.error(
            f"{quoted(line.text)} names a path on the machine where the file was written",
            hint=FREEZE if "@" in line.text else "Use a path inside the repository, relative to its root",
        )
    return plain
