"""Named requirements (`numpy[extra]>=1.26; marker`, PEP 508), checked, with what pip once took made valid."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.corrections import corrected, parsed
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.old_specifiers import modern
from r2i.formats.requirements.options import COMMAND, is_a_command
from r2i.model import Notice

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

#: Far more than real requirements and sets of versions have, without hashes: to compare long ones takes minutes.
MAX_REQUIREMENT = 5_000
MAX_SPECIFIER = 1_000

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
VERSION = r"\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?"
CLAUSE = (
    rf"(?:(?:<=|>=|<|>) ?{VERSION}|[!=]= ?(?:{VERSION}(?:\+[a-z0-9]+)?|\d+(?:\.\d+)*\.\*)|~= ?\d+(?:\.\d+)+)"
)
MARKER = (
    r"(?:python_version|python_full_version|sys_platform|platform_system|platform_machine|os_name) ?"
    r"(?:==|!=|<=|>=|<|>) ?(?:\"[\w.-]+\"|'[\w.-]+')"
)

#: Versions without a wildcard that a set of versions names.
EXACTLY = re.compile(r"(?<![=!<>~])== ?([^\s,*=]+)(?![^,]*\*)", re.ASCII)

SEPARATORS = re.compile(r"[-_.]+")

#: What nearly all lines are. Reading these needs no `packaging`, whose import takes longer than all the rest.
SIMPLE = re.compile(
    rf"({NAME}) ?(?:\[{NAME}(?: ?, ?{NAME})*\])? ?((?:{CLAUSE}(?: ?, ?{CLAUSE})*)?)"
    rf"(?: ?; ?({MARKER}(?: (?:and|or) {MARKER})*))?",
    re.ASCII,
)

#: No distribution is called so: a list of requirements, a project, and what defines another environment.
LIST = re.compile(
    r"(?:file:)?(?:[\w.-]*/)*(?:[\w.-]+\.txt|[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:in|pip))",
    re.ASCII | re.IGNORECASE,
)
PROJECT = re.compile(r"(?:[\w.-]*/)*(?:setup\.(?:py|cfg)|pyproject\.toml)", re.ASCII)
ENVIRONMENT = re.compile(
    r"(?:[\w.-]*/)*(?:environment[\w.-]*\.ya?ml|Pipfile(?:\.lock)?|(?:uv|poetry|pdm|pixi)\.lock)", re.ASCII
)

FREEZE = "Generate the file with `pip list --format=freeze > requirements.txt`"

#: What real files have instead of a requirement, the words for it and the way out, where `corrections` knows none.
MISTAKES = (
    (
        re.compile(r"[\w.-]+=[^=\s]+=\S+", re.ASCII),
        "is conda notation",
        "Put conda packages into `environment.yml`, or generate the file with `pip list --format=freeze`",
    ),
    (
        re.compile(r"Package +Version.*|([\w.-]+) +\(?[\d][\w.]*\)?(?: .*)?", re.ASCII),
        "looks like a line of a table",
        f"Write `name==version`. {FREEZE}",
    ),
    (
        re.compile(r".*(?:=>|=<).*"),
        "has an operator that does not exist",
        "Write `>=` or `<=`",
    ),
    (
        re.compile(r"[\w.-]+(?:\[.*\])? ?(?:[=!<>~]=|[<>]) ?[^;,\s]+", re.ASCII),
        "has a version that is not valid (PEP 440)",
        "Use a version from the package index, such as `==2004.1`",
    ),
    (
        re.compile(r"[\w.-]+(?:[, ]+[\w.-]+)+", re.ASCII),
        "names several packages",
        "Write one requirement per line, such as `numpy>=1.26`",
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
    return SEPARATORS.sub("-", name).lower()


def named(text: str, line: Line) -> Named:
    """Check a requirement; one that pip's older releases understood is rewritten with a notice."""
    if len(text) > MAX_REQUIREMENT:
        raise line.error(
            f"The requirement {quoted(text)} has {len(text):,} characters",
            hint="Write one requirement per line, such as `numpy>=1.26`",
        )
    check_no_file(text, line)
    if (simple := SIMPLE.fullmatch(text)) and simple[2].count("==") < 2:
        return Named(text=text, name=simple[1], specifier=simple[2], marker=simple[3] or "")
    if valid := _valid(text):
        if len(exact := {*EXACTLY.findall(valid.specifier)}) > 1 and _differ(exact):
            raise line.error(f"{quoted(text)} requires several versions at once", hint="Keep one of them")
        return valid
    before, semicolon, marker = text.partition(";")
    changed = (modern(before) + semicolon + marker).rstrip()
    if changed != text and (valid := _valid(changed)):
        notice = line.warning(f"{quoted(text)} is read as {quoted(changed)}: pip accepted it up to 24.0")
        return replace(valid, notices=(notice,))
    raise _mistake(text, line)


def _differ(versions: Iterable[str]) -> bool:
    from packaging.version import Version

    return len({Version(version) for version in versions}) > 1


def check_no_file(text: str, line: Line) -> None:
    """Raise for the name of a file in the place of a requirement."""
    word = text.partition(";")[0].strip()
    if LIST.fullmatch(word):
        file = word.removeprefix("file:")
        hint = f"Write `-r {file}`"
        if line.file.endswith((".toml", ".cfg", ".py")):
            hint = "List the requirements of the file here"
    elif PROJECT.fullmatch(word):
        directory = word.rpartition("/")[0]
        hint = f"Write `-e {directory or '.'}` to install the project"
    elif ENVIRONMENT.fullmatch(word):
        hint = "Remove the line: only one file defines the environment"
    else:
        return
    raise line.error(f"{quoted(word)} is the name of a file, not of a package", hint=hint)


def specifier_set(text: str) -> SpecifierSet:
    """A set of versions (PEP 440). Raises `ValueError` for what is none."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if len(text) > MAX_SPECIFIER:
        raise InvalidSpecifier(f"{len(text):,} characters")
    return SpecifierSet(text)


def _valid(text: str) -> Named | None:
    """A requirement by PEP 508, None where it is not valid."""
    read = parsed(text)
    if read is None:
        return None
    if read.url and not re.search("[:/]", read.url):  # a version of npm's
        return None
    return Named(text=text, name=read.name, specifier=str(read.specifier), marker=str(read.marker or ""))


def _mistake(text: str, line: Line) -> InvalidRepositoryError:
    if COMMAND.fullmatch(line.text):
        return is_a_command(line)
    if error := corrected(text, line):
        return error
    for pattern, what, hint in MISTAKES:
        if pattern.fullmatch(text):
            return line.error(f"{quoted(text)} {what}", hint=hint)
    before, semicolon, _ = text.partition(";")
    if semicolon and _valid(before):
        return line.error(
            f"{quoted(text)} has an environment marker that is not valid",
            hint='Write it like `; python_version >= "3.9"`',
        )
    return line.error(
        f"{quoted(text)} is not a valid requirement",
        hint="Write one requirement per line, such as `numpy>=1.26`",
    )
