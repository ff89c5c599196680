"""The languages that r2i installs, and what notebooks call them."""

from __future__ import annotations

import re

#: As files and as people write them.
NAMES = {"python": "Python", "r": "R", "julia": "Julia"}

PYTHON = re.compile(r"i?python[23]?")


def language_of(name: str) -> str:
    """In lower case; `python` also where the name of a kernel or a lexer stands in its place, such as `ipython3`."""
    lower = name.lower()
    return "python" if PYTHON.fullmatch(lower) else lower
