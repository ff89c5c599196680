"""What stands in an archive, whatever its format: one value a member."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Literal


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member as the archive has it: nothing of it is checked.

    `path` and `target` (of a link) are as they are written there, `mode` are the bits of its permissions, `moment` is when it was changed, in seconds
    since 1970. `read` gives its bytes; members are read in their order.
    """

    path: str
    kind: Literal["file", "directory", "link", "hard link", "other"]
    mode: int = 0o644
    moment: float | None = None
    target: str = ""
    read: Callable[[], IO[bytes]] | None = None


class DamagedError(Exception):
    """An archive that cannot be read: what is wrong with it, in words that follow its name, and what to do, if it is more than to get it again."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
