"""What uv, pip, build tools and servers say when something fails: reads `words.ini`.

Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Iterator


def _read() -> dict[str, list[re.Pattern[str]]]:
    table = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    table.read_string(Path(__file__).with_name("words.ini").read_text(encoding="utf-8"))
    entries = (entry for section in table.sections() for entry in table[section].items())
    return {
        name: [re.compile(line, re.MULTILINE) for line in lines.split("\n") if line]
        for name, lines in entries
    }


WORDS = _read()


def says(text: str, *names: str) -> re.Match[str] | None:
    """The first match of the first of these entries that fits."""
    return next((found for name in names for found in all_that_say(text, name)), None)


def all_that_say(text: str, name: str) -> Iterator[re.Match[str]]:
    for pattern in WORDS[name]:
        yield from pattern.finditer(text)
