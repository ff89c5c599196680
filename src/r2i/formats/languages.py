"""What notebooks call the language of their cells."""

from __future__ import annotations

import re

PYTHON = re.compile(r"i?python[23]?")


def language_of(name: str) -> str:
    """In lower case; `python` also where the name of a kernel or a lexer stands in its place, such as `ipython3`."""
    lower = name.lower()
    return "python" if PYTHON.fullmatch(lower) else lower
