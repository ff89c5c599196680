"""What the files of a Python project say of it, in one form for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.local import is_path
from r2i.formats.requirements.specifiers import NAME, named, normalised, specifier_set
from r2i.formats.requirements.urls import is_url
from r2i.model import Evidence, Notice, PythonConstraint

#: `name[extra]` and the rest of a requirement.
HEAD = re.compile(rf"({NAME}) ?(?:\[([^\]]*)\])?(.*)", re.ASCII)
AT = re.compile(rf"{NAME} ?(?:\[[^\]]*\])? ?@ ?(.+)", re.ASCII)

#: How build backends write the directory of the project into a URL.
ROOT = re.compile(r"(?:file://)?(?:/?\$\{PROJECT_ROOT\}|\{root:(?:uri|real)\})/?")


@dataclass(frozen=True, kw_only=True)
class Project:
    """`file` is the one that declares the dependencies, `directory` where it lies (empty for the root).

    Requirements are lines in pip's format. `dependencies` and `extras` are None where only the project's own code can
    tell them. Names of extras and groups are normalised (PEP 685). `uv` are settings in the words of `uv.toml`, and
    `sources` where to take a distribution from, as in `tool.uv.sources`.
    """

    file: str
    directory: str = ""
    name: str | None = None
    dependencies: tuple[Line, ...] | None = ()
    extras: Mapping[str, tuple[Line, ...]] | None = field(default_factory=dict)
    groups: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    default_groups: tuple[str, ...] = ()
    python: PythonConstraint | None = None
    uv: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    notices: tuple[Notice, ...] = ()


def requirement(line: Line) -> Line:
    """Check a requirement by PEP 508; raise where pip's format would take it for something else."""
    text = ROOT.sub("./", line.text)
    at = AT.fullmatch(text)
    if any(word.startswith("-") for word in text.split(" ")):
        raise line.error(
            f"{quoted(text)} has an option, which is allowed only in a requirements file", hint="Remove it"
        )
    if "${" in text:
        raise line.error(
            f"{quoted(text)} has a variable, but build steps do not see your environment variables",
            hint="Write its value into the file",
        )
    if at is None and (is_url(text) or is_path(text.partition(";")[0].strip())):
        raise line.error(
            f"{quoted(line.text)} is not a valid requirement here: it has no name",
            hint=f"Write `name @ {quoted(line.text)[1:-1]}`",
        )
    if at is None:
        named(text, line)
    return Line(file=line.file, number=line.number, text=text)


def distribution(line: Line) -> str | None:
    """The normalised name in a requirement."""
    found = HEAD.fullmatch(line.text)
    return normalised(found[1]) if found else None


def python_constraint(line: Line) -> PythonConstraint:
    """Check a specifier of Python versions."""
    try:
        specifier = str(specifier_set(line.text))
    except ValueError as error:
        raise line.error(
            f"{quoted(line.text)} is not a set of Python versions (PEP 440)", hint="Write it like `>=3.10`"
        ) from error
    return PythonConstraint(specifier=specifier, evidence=line.evidence(f"allows Python {specifier}"))
