"""`*.ipynb`: nothing to install, but a notebook may compile."""

from __future__ import annotations

import re

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.model import BaseImage, Detection, Evidence

#: Cell magics and shell commands, as they stand in a notebook's JSON: at the beginning of a source line.
COMPILES = re.compile(
    rb'"\s*(%%(?:cython|cpp|fortran|f90|pybind11|cffi)\b|%load_ext\s+(?:[Cc]ython|fortranmagic)'
    rb"|!\s*(?:gcc|g\+\+|cc|gfortran|make|cmake|f2py)\s)"
)

#: Larger notebooks are large by their outputs; more than this altogether is not read, in bytes.
LARGEST = 4_000_000
ALTOGETHER = 64_000_000


class Notebooks:
    name = "notebooks"
    files = ()

    def detect(self, checkout: Checkout, base: BaseImage) -> Detection | None:
        evidence = []
        left = ALTOGETHER
        for path in checkout.glob(".ipynb"):
            if left <= 0:
                break
            try:
                data = checkout.read_bytes(path, limit=LARGEST)
            except InvalidRepositoryError:
                continue  # too large or unreadable: no concern of a build
            left -= len(data)
            if match := COMPILES.search(data):
                word = match[1].decode(errors="replace").strip()
                line = data[: match.start()].count(b"\n") + 1
                evidence.append(Evidence(why=f"a notebook compiles: `{word}`", file=path, line=line))
        return Detection(compiles=tuple(evidence)) if evidence else None
