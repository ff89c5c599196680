"""What servers answer, read with care: a part that is missing or of another kind is an error with words for the user."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from r2i.errors import FetchError

Kind = TypeVar("Kind", str, int, list[Any], dict[str, Any])


def part(answer: Any, *path: str, kind: type[Kind], place: str) -> Kind:
    """What stands at a path in an answer; raise `FetchError`, which names `place`, where nothing of this kind does."""
    found = answer
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, kind):
        raise FetchError(
            f"The answer of `{place}` has no `{'.'.join(path)}`",
            hint="Try again later, or download the files yourself and build the directory",
        )
    return found


def moment(text: object) -> datetime | None:
    """A date with a time (ISO 8601), in UTC where it names no zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
