"""Edits of `Project.toml` that ask for more packages of Julia."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from r2i.check.language_pins import has_manifest
from r2i.check.subject import Subject
from r2i.check.wording import named
from r2i.edits.applying import appended
from r2i.edits.fixes import Edit, Fix
from r2i.facts.julia import package_uuid
from r2i.formats.julia.files import PROJECTS

HEADER = re.compile(rb"^[ \t]*\[[ \t]*deps[ \t]*\][ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z)", re.MULTILINE)
OTHER_TABLE = re.compile(rb"^[ \t]*(?:deps|\"deps\")[ \t]*[=.]", re.MULTILINE)


def asked_of_julia(subject: Subject, names: Sequence[str]) -> Fix | None:
    """None where a name is not registered, or where Pkg itself has to resolve: a manifest has to have all that a project asks for."""
    uuids = {name: uuid for name in names if (uuid := package_uuid(name))}
    if len(uuids) < len(names) or has_manifest(subject):
        return None
    path = next((path for name in PROJECTS if (path := subject.config(name))), None)
    path = path or subject.config_path(PROJECTS[-1])
    lines = [f'{name} = "{uuid}"\n' for name, uuid in uuids.items()]
    edits = tuple(_edits(subject, path, lines))
    return Fix(title=f"Write {named(uuids)} into `{path}`", edits=edits) if edits else None


def _edits(subject: Subject, path: str, lines: Sequence[str]) -> Iterator[Edit]:
    """The header is an edit of its own, so that several fixes share it. None where the table is written in another way."""
    data = subject.checkout.read_bytes(path) if subject.checkout.has(path) else b""
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    at = len(data)
    if header := HEADER.search(data):
        at = header.end()
        missing = not header[0].endswith(b"\n")
    elif OTHER_TABLE.search(data):
        return
    else:
        missing = False
        yield appended(subject.checkout, path, "\n[deps]\n" if data.strip() else "[deps]\n")
    if missing:
        yield Edit(file=path, start=at, end=at, text=newline)
    for line in lines:
        yield Edit(file=path, start=at, end=at, text=line.encode().replace(b"\n", newline))
