"""Programs that a test talks to while they run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def started(*argv: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """It ends with the block: `Popen` alone would wait for it, be it for ever, also where the test has failed."""
    with subprocess.Popen(argv, text=True, **more) as child:
        try:
            yield child
        finally:
            child.kill()
