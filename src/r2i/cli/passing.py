"""Sentences that the next one makes obsolete: drawn over on a terminal, and now and then in a log."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field

from r2i.cli.output import for_programs, unguarded
from r2i.quoting import printable

#: In a log, one of them is shown after so many seconds without anything else.
SILENCE = 10.0
CLEAR = "\r\x1b[K"


@dataclass
class PassingLine:
    """The last line of stderr, where it is one that is drawn over."""

    drawn: bool = False
    last: float = field(default_factory=time.monotonic)

    def show(self, message: str) -> bool:
        """Draw it on a terminal; else say whether it is time to write it as any other."""
        if not _moves():
            return time.monotonic() - self.last >= SILENCE
        stream = unguarded(sys.stderr)
        width = shutil.get_terminal_size().columns - 1
        stream.write(f"{CLEAR}{printable(message)[:width]}")
        stream.flush()
        self.drawn = True
        return False

    def settle(self) -> None:
        """Something else is about to be written."""
        self.last = time.monotonic()
        if self.drawn:
            stream = unguarded(sys.stderr)
            stream.write(CLEAR)
            stream.flush()
            self.drawn = False


passing_line = PassingLine()


def _moves() -> bool:
    """Whether stderr is a terminal on which a line can be drawn over, and people read it."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not for_programs.get()
