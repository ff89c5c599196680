"""The command line: the only modules that print, exit, or read the environment."""

from __future__ import annotations

import sys


def main() -> None:
    """The `r2i` program. The only place that turns an exception into words and an exit code."""
    if sys.argv[1:] == ["--version"]:
        # Asked by scripts and completions more often than anything else: nothing else need be loaded.
        from r2i import __version__

        print(f"r2i {__version__}")
        return
    from r2i.cli.app import run

    sys.exit(run(sys.argv[1:]))
