"""What is typed as a DOI, in every way in which people write one. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote

#: What people write before a DOI: `doi:`, `DOI 10.…`, the address of the resolver with or without its scheme.
BEFORE = re.compile(
    r"(?:(?:https?://)?(?:www\.|dx\.)?doi\.org/+(?:doi:)?|(?:info:|urn:)?doi(?::\s*|/|\s+))(?=10(?:\.|%2E))",
    re.IGNORECASE,
)
#: https://www.doi.org/the-identifier/resources/handbook; a registrant may have parts of its own (`10.1000.10`).
DOI = re.compile(r"10\.\d{4,9}(?:\.\d{1,9}){0,3}/\S+", re.ASCII)

#: How DOIs begin that these archives give out, always in lower case. A DOI means the same in either case.
ARCHIVES = {
    "10.5281/zenodo.": "zenodo",
    "10.6084/m9.figshare.": "figshare",
    "10.4211/hs.": "hydroshare",
}

#: What stands around an address in a sentence or in a list of references.
QUOTES = {"<": ">", "(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`"}
AFTER = ".,;:!?\"'`>/"
PAIRS = {")": "(", "]": "[", "}": "{"}


def read_doi(text: str) -> str | None:
    """The DOI that was typed (`10.5281/zenodo.1234`), None where it is none.

    In the case in which it was typed, or in lower case where its archive writes it so.
    """
    text = _unquoted(text.strip())
    before = BEFORE.match(text)
    if before:
        text = text[before.end() :]
        if "doi.org" in before[0].lower():
            text = re.split(r"[?#]", text, maxsplit=1)[0]
    text = _without_punctuation(unquote(text))
    if not DOI.fullmatch(text) or not text.isprintable():
        return None
    folded = text.lower()
    return folded if folded.startswith(tuple(ARCHIVES)) else text


def archive_of(doi: str) -> str | None:
    """The provider that gives out DOIs that begin so, None where only the resolver knows."""
    folded = doi.lower()
    return next((name for start, name in ARCHIVES.items() if folded.startswith(start)), None)


def _unquoted(text: str) -> str:
    while len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def _without_punctuation(text: str) -> str:
    """Without the end of a sentence, and without a bracket that was opened before the DOI."""
    while text:
        last = text[-1]
        if last not in AFTER and not (last in PAIRS and text.count(last) > text.count(PAIRS[last])):
            break
        text = text[:-1]
    return text
