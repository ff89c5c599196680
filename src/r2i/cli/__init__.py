"""The command line: the only modules that print, exit, or read the environment."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """The `r2i` program. The only place that turns an exception into words and an exit code."""
    if sys.argv[1:] == ["--version"]:
        # Asked by scripts and completions more often than anything else: nothing else need be loaded.
        from r2i import __version__

        print(f"r2i {__version__}")
        return
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # and not ignored, as in the background of a script
        signal.signal(signal.SIGINT, _interrupted_early)
    from r2i.cli.app import run

    try:
        signal.signal(signal.SIGINT, usual)
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # one more, while the first was being answered
        code = INTERRUPTED
    # Python would end itself with the signal, and a script could not tell this from a crash.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _interrupted_early(_signum: int, _frame: FrameType | None) -> None:
    """Modules are still being loaded: an exception would be shown as a traceback of the import."""
    os.write(2, b"Interrupted\n")
    os._exit(INTERRUPTED)
