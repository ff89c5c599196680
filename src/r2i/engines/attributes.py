"""Options such as `type=registry,ref=NAME`, written as buildx takes them: fields of a line of CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from r2i.errors import UsageError


def attributes(option: str, text: str) -> dict[str, str]:
    """The values by name, a word alone under the empty name. No message shows a value: it may be a token."""
    try:
        fields = next(csv.reader([text], strict=True), [])
    except csv.Error:
        fields = []
    if not fields or not all(fields) or "\n" in text:
        raise UsageError(f"`{option}` cannot be read", hint=f"Write it like `{option} type=local,dest=DIR`")
    if len(fields) == 1 and "=" not in fields[0]:
        return {"": fields[0]}
    found: dict[str, str] = {}
    for field in fields:
        name, equals, value = field.partition("=")
        name = name.strip().lower()
        if not equals or not name or not value:
            raise UsageError(f"`{option}` has a field that is not `NAME=VALUE`", hint="Write `NAME=VALUE`")
        if name in found:
            raise UsageError(f"`{option}` has `{name}` twice", hint="Remove one of the two")
        found[name] = value
    return found


def written(values: Mapping[str, str]) -> str:
    """The same as one word again."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(f"{name}={value}" for name, value in values.items())
    return line.getvalue()
