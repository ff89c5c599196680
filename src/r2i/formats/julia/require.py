"""`REQUIRE`, which Julia read before it had projects: names of packages, each with the versions from one up to another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.lines import quoted

LINE = re.compile(
    r"(?:@(?P<system>\w+)\s+)?(?P<name>[A-Za-z]\w{0,80})(?:\s+(?P<lower>v?\d[\w.+-]{0,30}))?(?:\s+(?P<upper>v?\d[\w.+-]{0,30}))?",
    re.ASCII,
)
#: The systems of lines that count on Linux, too.
OURS = (None, "linux", "unix")

CONVERT = "Replace the file with a `Project.toml`: run `julia --project=. -e 'using Pkg; Pkg.add([\"Package\"])'` with the names of the packages"


@dataclass(frozen=True, kw_only=True)
class Required:
    name: str
    lower: str
    line: int


def parse_require(text: str, path: str) -> tuple[Required, ...]:
    """The lines that count on Linux. One that no release of Julia 1 can follow is an `InvalidRepositoryError`."""
    found = dict[str, Required]()
    for required in _lines(text, path):
        found.setdefault(required.name, required)
    return tuple(found.values())


def _lines(text: str, path: str) -> Iterator[Required]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        match = LINE.fullmatch(words)
        if match is None:
            raise InvalidRepositoryError(
                f"`{path}` has an invalid line: {quoted(words)}", file=path, line=number, hint=CONVERT
            )
        if match["system"] not in OURS:
            continue
        name, lower, upper = match["name"], match["lower"] or "", match["upper"] or ""
        if upper and not (name == "julia" and upper.lstrip("v") >= "1"):
            raise InvalidRepositoryError(
                f"`{name}` must be older than {upper}, but Julia 1 does not read the bounds in `{path}`",
                file=path,
                line=number,
                hint=CONVERT,
            )
        yield Required(name=name, lower=lower.removeprefix("v"), line=number)
