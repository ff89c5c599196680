"""Matches of a pattern with the numbers of their lines, at the cost of reading the text once."""

from __future__ import annotations

import re
from collections.abc import Iterator


def numbered(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Each match, with the line on which it begins, counted from 1."""
    line, counted = 1, 0
    for match in pattern.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        yield line, match
