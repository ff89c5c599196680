"""`.python-version`: the Python that pyenv or uv use for the repository."""

from __future__ import annotations

import re

from r2i.checkout import Checkout
from r2i.model import Detection, Evidence, Notice, Options, VersionRequest

VERSION = re.compile(r"(?:cpython-|python-?)?(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)", re.ASCII)


class PythonVersion:
    name = "python_version"
    files = (".python-version",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config(".python-version")
        if path is None:
            return None
        for number, line in enumerate(checkout.read(path).splitlines(), 1):
            word = line.partition("#")[0].strip()
            if not word:
                continue
            # pyenv takes the first line; a name may be one of its virtual environments, which only the author has.
            if match := VERSION.fullmatch(word):
                evidence = Evidence(why=f"requires Python {match[1]}", file=path, line=number)
                return Detection(requests={"python": VersionRequest(version=match[1], evidence=evidence)})
            return Detection(notices=(_not_a_version(word, path, number),))
        return None


def _not_a_version(word: str, path: str, line: int) -> Notice:
    return Notice(
        level="warning",
        message=f"`{word[:40]}` is not a CPython version and is ignored",
        file=path,
        line=line,
    )
