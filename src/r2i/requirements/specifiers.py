"""Named requirements (`numpy[extra]>=1.26; marker`, PEP 508), checked, with what pip once took made valid."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from r2i.errors import InvalidRepositoryError
from r2i.model import Notice
from r2i.requirements.lines import Line, quoted
from r2i.requirements.old_specifiers import modern
from r2i.requirements.options import COMMAND, is_a_command

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
VERSION = r"\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?"
CLAUSE = (
    rf"(?:(?:<=|>=|<|>) ?{VERSION}|[!=]= ?(?:{VERSION}(?:\+[a-z0-9]+)?|\d+(?:\.\d+)*\.\*)|~= ?\d+(?:\.\d+)+)"
)
MARKER = (
    r"(?:python_version|python_full_version|sys_platform|platform_system|platform_machine|os_name) ?"
    r"(?:==|!=|<=|>=|<|>) ?(?:\"[\w.-]+\"|'[\w.-]+')"
)

#: What nearly all lines are. Reading these needs no `packaging`, whose import takes longer than all the rest.
SIMPLE = re.compile(
    rf"({NAME}) ?(?:\[{NAME}(?: ?, ?{NAME})*\])? ?((?:{CLAUSE}(?: ?, ?{CLAUSE})*)?)"
    rf"(?: ?; ?({MARKER}(?: (?:and|or) {MARKER})*))?",
    re.ASCII,
)

FREEZE = "Make the file with `pip list --format=freeze > requirements.txt`"

#: What real files have instead of a requirement, the words for it and the way out. `{0}`, `{1}` are the groups.
MISTAKES = (
    (
        re.compile(r"[\w.-]+=[^=\s]+=\S+", re.ASCII),
        "is conda's notation",
        "Put conda's packages into `environment.yml`, or make the file with `pip list --format=freeze`",
    ),
    (
        re.compile(r"Package +Version.*|([\w.-]+) +\(?[\d][\w.]*\)?(?: .*)?", re.ASCII),
        "looks like a line of a table",
        f"Write `name==version`. {FREEZE}",
    ),
    (
        re.compile(r"([\w.-]+)(?:\[.*\])? ?= ?([\w.*+-]+)", re.ASCII),
        "has a single `=`",
        "Write `{0}=={1}`",
    ),
    (
        re.compile(r".*(?:=>|=<).*"),
        "has an operator that does not exist",
        "Write `>=` or `<=`",
    ),
    (
        re.compile(r"[\w.-]+(?:\[.*\])? ?(?:[=!<>~]=|[<>]) ?[^;,\s]+", re.ASCII),
        "has a version that is not valid (PEP 440)",
        "Name a version as the package index shows it, such as `==2004.1`",
    ),
    (
        re.compile(r"[\w.-]+(?:[, ]+[\w.-]+)+", re.ASCII),
        "names several packages",
        "Write one requirement a line, such as `numpy>=1.26`",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Named:
    """A requirement with its name as written; `text` is valid for uv, `specifier` and `marker` are parts of it."""

    text: str
    name: str
    specifier: str = ""
    marker: str = ""
    notices: tuple[Notice, ...] = ()


def normalised(name: str) -> str:
    """A distribution's name by PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(text: str, line: Line) -> Named:
    """Check a requirement; one that pip's older releases understood is rewritten with a notice."""
    if simple := SIMPLE.fullmatch(text):
        return Named(text=text, name=simple[1], specifier=simple[2], marker=simple[3] or "")
    if valid := _valid(text):
        return valid
    before, semicolon, marker = text.partition(";")
    changed = (modern(before) + semicolon + marker).rstrip()
    if changed != text and (valid := _valid(changed)):
        notice = line.warning(f"{quoted(text)} is read as {quoted(changed)}: pip took it until 24.0")
        return replace(valid, notices=(notice,))
    raise _mistake(text, line)


def _valid(text: str) -> Named | None:
    """A requirement by PEP 508, None where it is not valid."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        read = Requirement(text)
    except (InvalidRequirement, RecursionError, ValueError):  # ValueError: more digits than Python reads
        return None
    return Named(text=text, name=read.name, specifier=str(read.specifier), marker=str(read.marker or ""))


def _mistake(text: str, line: Line) -> InvalidRepositoryError:
    if COMMAND.fullmatch(line.text):
        return is_a_command(line)
    for pattern, what, hint in MISTAKES:
        if found := pattern.fullmatch(text):
            return line.error(f"{quoted(text)} {what}", hint=hint.format(*found.groups()))
    before, semicolon, _ = text.partition(";")
    if semicolon and _valid(before):
        return line.error(
            f"{quoted(text)} has an environment marker that is not valid",
            hint='Write it like `; python_version >= "3.9"`',
        )
    return line.error(
        f"{quoted(text)} is not a valid requirement",
        hint="Write one requirement a line, such as `numpy>=1.26`",
    )
