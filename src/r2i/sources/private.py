"""A directory that only we see, and that is gone afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

#: How often and how patiently a directory is removed: a child of a git that we ended may still be writing.
ATTEMPTS, PAUSE = 20, 0.1


@contextmanager
def private_directory() -> Iterator[Path]:
    directory = TemporaryDirectory(prefix="r2i-")
    try:
        yield Path(directory.name).resolve()
    finally:
        for attempt in range(ATTEMPTS):
            try:
                directory.cleanup()
                break
            except OSError:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE)
