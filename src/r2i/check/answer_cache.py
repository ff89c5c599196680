"""Answers of package indexes, kept for a day in the user's cache directory."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from time import time
from typing import Any

from r2i.check.facts.answers import Answer

#: Seconds for which an answer counts: releases are made every day.
LASTS = 24 * 3600

LARGEST = 1_000_000


@dataclass(frozen=True)
class AnswerCache:
    """Files that cannot be read or written are as if they were not there; without a directory nothing is kept."""

    directory: Path | None

    def get(self, key: tuple[str, ...]) -> tuple[bool, Answer | None]:
        """Whether an answer is known, and that: None where the index had none."""
        file = self._file(key)
        if file is None:
            return False, None
        try:
            if not 0 <= time() - file.stat().st_mtime < LASTS or file.stat().st_size > LARGEST:
                return False, None
            return True, _answer(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return False, None

    def put(self, key: tuple[str, ...], answer: Answer | None) -> None:
        file = self._file(key)
        if file is None:
            return
        said = answer and asdict(answer)
        with suppress(OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=file.parent, suffix=".new")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(said, stream)
            Path(name).replace(file)

    def sweep(self) -> None:
        """Remove what counts no more."""
        with suppress(OSError):
            for file in self.directory.iterdir() if self.directory else ():
                if not 0 <= time() - file.stat().st_mtime < LASTS:
                    file.unlink(missing_ok=True)

    def _file(self, key: tuple[str, ...]) -> Path | None:
        name = sha256("\0".join(key).encode()).hexdigest()
        return self.directory / f"{name}.json" if self.directory else None


def _answer(said: dict[str, Any] | None) -> Answer | None:
    if said is None:
        return None
    keys = ("requires", "of_extras", "extended", "extended_by_extras", "modules")
    names = {key: _texts(said[key]) for key in keys}
    return Answer(version=str(said["version"]), **names)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError("Not a list of names")
    return tuple(value)
