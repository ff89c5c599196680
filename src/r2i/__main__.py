"""`python -m r2i`."""

from __future__ import annotations

from r2i.cli import main

main()
