"""R packages as files name them."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: https://cran.r-project.org/doc/manuals/r-release/R-exts.html: letters, digits and dots, two at least.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class RPackage:
    """A package that a file asks for, and in which line."""

    name: str
    line: int
