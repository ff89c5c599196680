"""Conda's match specs (`conda-forge::numpy=1.19=py38h1_0`), checked, and written in the one form that is strict."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from r2i.errors import InvalidRepositoryError
from r2i.formats.conda.channels import parse_channel
from r2i.formats.requirements.corrections import PART, corrected
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import LIST

#: Many times the longest real one, in characters.
MAX_SPEC = 1_000

NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
VERSION = r"\d(?:[A-Za-z0-9_.!+-]*[A-Za-z0-9_])?"
BUILD = r"[A-Za-z0-9_.*]+"
OPERATOR = r"==|!=|<=|>=|~=|=|<|>"
CLAUSE = re.compile(rf"(?P<operator>{OPERATOR})?(?P<version>{VERSION})(?P<star>\.?\*)?|(?:==?)?\*", re.ASCII)

SPEC = re.compile(
    rf"(?:(?P<channel>[^\s:]+(?::[^\s:]+)*?)::)?(?P<name>(?>{NAME}))\s*+(?P<rest>[^\[\]]*+)(?:\[(?P<inside>.*)\])?",
    re.ASCII,
)
PAIR = re.compile(r"""\s*(version|build|channel)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"',\]]+))\s*(?:,|$)""")

#: An extra, as requirements of pip have them: conda takes the package without it, where nothing follows.
WITH_EXTRAS = re.compile(r"([A-Za-z0-9][\w.-]*)\[[\w,. -]+\](.*)", re.ASCII)

#: What people write instead, and the way out; `{0}`, `{1}` are the groups.
MISTAKES = (
    (
        re.compile(r"(\S+?) ?(?:=>|=<) ?(\S+)"),
        "has an operator that does not exist",
        "Write `{0}>={1}` or `{0}<={1}`",
    ),
    (
        re.compile(r"https?://\S+\.(?:conda|tar\.bz2)(?:#\S*)?"),
        "is the address of a package",
        "Write its name and version, and its channel below `channels:`",
    ),
    (
        re.compile(r"(?:git\+|https?://|file:|\.{1,2}/)\S*"),
        "is for pip",
        "Put it into a list below `pip:`",
    ),
    (
        re.compile(r"-(?:e|r|c|i|-[a-z-]+)[ =].+"),
        "is an option of pip",
        "Put it into a list below `pip:`",
    ),
    (re.compile(r"\S+ - .+"), "are several items", "Indent all items of the list alike"),
    (re.compile(r"-\S.*"), "begins with a hyphen", "Write one package per line, such as `- numpy=1.26`"),
    (
        re.compile(r"[\w.-]+(?:, ?[\w.-]+)+"),
        "names several packages",
        "Write one package per line, such as `- numpy=1.26`",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """`version` is empty where any will do; so are `build` and `channel`. The name is in lower case, as conda's are.

    `without_extras` says that its author asked for extras, which conda's packages do not have.
    """

    name: str
    version: str = ""
    build: str = ""
    channel: str = ""
    without_extras: bool = False

    def __str__(self) -> str:
        words = [f"{self.channel}::{self.name}" if self.channel else self.name]
        if self.version or self.build:
            words.append(self.version or "*")
        if self.build:
            words.append(self.build)
        return " ".join(words)


def parse_spec(line: Line) -> Spec:
    """Read a spec as conda does; raise `InvalidRepositoryError` for what is none."""
    if LIST.fullmatch(line.text):
        raise line.error(
            f"{quoted(line.text)} is the name of a file, not of a package",
            hint=f"Write `-r {line.text}` into the `pip:` list",
        )
    if len(line.text) > MAX_SPEC:
        raise line.error(
            f"The package {quoted(line.text)} has {len(line.text):,} characters",
            hint="Write one package per line, such as `- numpy=1.26`",
        )
    if extras := WITH_EXTRAS.fullmatch(line.text):
        return _without_extras(line, *extras.groups())
    found = SPEC.fullmatch(line.text)
    if (
        found is None
        or PART.fullmatch(line.text)
        or (found["inside"] is not None and not _pairs(found["inside"]))
    ):
        raise _mistake(line)
    inside = _pairs(found["inside"] or "")
    version, build = _version_and_build(found["rest"].strip(), line)
    version = _constraint(inside["version"], line, exact=False) if "version" in inside else version
    build = inside.get("build", build)
    if build and not re.fullmatch(BUILD, build, re.ASCII):
        raise corrected(line.text, line) or line.error(
            f"{quoted(line.text)} has a build string that is not valid",
            hint="Write `name=version=build`, or omit the build",
        )
    channel = inside.get("channel", found["channel"] or "")
    return Spec(
        name=found["name"].lower(),
        version="" if version == "*" else version,
        build="" if build == "*" else build,
        channel=parse_channel(replace(line, text=channel)) if channel else "",
    )


def _without_extras(line: Line, name: str, rest: str) -> Spec:
    if not rest.strip():
        return Spec(name=name.lower(), without_extras=True)
    raise line.error(
        f"{quoted(line.text)} has an extra, like a pip requirement", hint=f"Write {quoted(name + rest)}"
    )


def _pairs(text: str) -> dict[str, str]:
    """`version='>=1', build=py38*`; empty where there is anything else."""
    pairs = {}
    while text.strip():
        found = PAIR.match(text)
        if found is None:
            return {}
        pairs[found[1]] = found[2] or found[3] or found[4] or ""
        text = text[found.end() :]
    return pairs


def _version_and_build(rest: str, line: Line) -> tuple[str, str]:
    """Part what follows a name: `=1.19=py38`, `1.19 py38`, `>=1.2, <2`, `==1.2`."""
    if not rest:
        return "", ""
    # Blanks beside operators and commas mean nothing, another one parts version and build.
    text = re.sub(r"\s*([=!<>~,|])\s*", r"\1", rest)
    version, blank, build = text.partition(" ")
    if not blank and (found := re.fullmatch(r"(.*?[^=!<>~,|])=([^=!<>~,|]*)", version)):
        version, build = found[1], found[2]
        blank = build
    return _constraint(version, line, exact=bool(blank)), build.strip()


def _constraint(text: str, line: Line, *, exact: bool) -> str:
    """A version as conda means it: `=1.2` is fuzzy where no build follows, `1.2` never is."""
    alternatives = [
        ",".join(_clause(clause, line, exact=exact) for clause in alternative.split(","))
        for alternative in text.split("|")
    ]
    return "|".join(alternatives)


def _clause(text: str, line: Line, *, exact: bool) -> str:
    found = CLAUSE.fullmatch(text.strip())
    if found is None:
        raise _mistake(line)
    version, operator, star = found["version"], found["operator"] or "", found["star"]
    if version is None:
        return "*"
    if operator in ("", "=", "==") and star:
        return f"{version}.*"
    if operator == "=" and not exact:
        return f"{version}.*"
    if operator in ("", "=", "=="):
        return f"=={version}"
    # `>=1.16.*` means what `>=1.16` means.
    return f"{operator}{version}" + (".*" if star and operator == "!=" else "")


def _mistake(line: Line) -> InvalidRepositoryError:
    if error := corrected(line.text, line):
        return error
    for pattern, what, hint in MISTAKES:
        if found := pattern.fullmatch(line.text):
            return line.error(f"{quoted(line.text)} {what}", hint=hint.format(*found.groups()))
    return line.error(
        f"{quoted(line.text)} is not a valid conda package specification",
        hint="Write one package per line, such as `- numpy=1.26` or `- python>=3.11`",
    )
