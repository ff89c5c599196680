"""`runtime.txt` as repo2docker reads it: the whole file is one word of two, four or five parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from r2i.binder.files import BinderFiles
from r2i.binder.values import RefusedByBinder

DATE = re.compile(r"\d\d\d\d-\d\d-\d\d")


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """`name` is None where there is no file; nothing of it is checked but that it is not empty."""

    path: str | None = None
    name: str | None = None
    version: str | None = None
    day: date | None = None


def read_runtime(files: BinderFiles) -> Runtime:
    path = files.config("runtime.txt")
    if path is None:
        return Runtime()
    text = files.text(path).strip()
    parts = text.split("-")
    if len(parts) not in {2, 4, 5} or not all(parts):
        raise RefusedByBinder(
            f"`{path}` is not of the form `NAME-VERSION`, `NAME-DATE` or `NAME-VERSION-DATE`", file=path
        )
    day = _day("-".join(parts[-3:]), path) if len(parts) > 2 else None
    return Runtime(path=path, name=parts[0], version=parts[1] if len(parts) != 4 else None, day=day)


def _day(text: str, path: str) -> date:
    try:
        if DATE.match(text):
            return datetime.fromisoformat(text).date()
    except ValueError:
        pass
    raise RefusedByBinder(f"`{text[:60]}` is not a date", file=path)
