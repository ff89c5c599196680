"""F114: servers of R packages that no longer exist."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from r2i.check.findings import Finding, Rule
from r2i.check.scripts import bytes_of
from r2i.check.subject import Subject
from r2i.edits.fixes import Edit, Fix
from r2i.facts.r import r_facts
from r2i.formats.as_of import is_day

#: MRAN had a snapshot of CRAN of every day, under three names; one of them was also an ordinary mirror.
ADDRESS = re.compile(
    rb"https?://(?P<host>mran\.microsoft\.com|mran\.revolutionanalytics\.com|cran\.microsoft\.com)(?![\w.-])"
    rb"(?P<snapshot>/snapshot/(?P<day>\d{4}-\d\d-\d\d))?"
    rb"(?P<path>/(?=[\"'\s),;]|$))?",
    re.IGNORECASE | re.MULTILINE,
)
MIRROR, CRAN = "cran.microsoft.com", "https://cloud.r-project.org"

#: What stands before a comment: no `#` outside of quotes.
COMMENTED = re.compile(rb"(?:[^#\"']|\"[^\"]*\"|'[^']*')*#")

FILES = ("install.R", "install.r", "renv.lock", "postBuild", "start")


def _dead(subject: Subject) -> Iterator[Finding]:
    for path in _paths(subject):
        data = bytes_of(subject, path) or b""
        for found in ADDRESS.finditer(data):
            before = data[data.rfind(b"\n", 0, found.start()) + 1 : found.start()]
            if not COMMENTED.match(before):
                yield _finding(path, data, found)


def _paths(subject: Subject) -> Iterator[str]:
    """The files of the configuration, and that which R reads at its start; beside a `Dockerfile`, those that it names."""
    own = subject.config("Dockerfile")
    text = (own and subject.text(own)) or ""
    for path in (own, *map(subject.config, FILES), ".Rprofile" if ".Rprofile" in subject.files else None):
        if path and (not own or path in (own, ".Rprofile") or posixpath.basename(path) in text):
            yield path


def _finding(path: str, data: bytes, found: re.Match[bytes]) -> Finding:
    host, day = found["host"].decode().lower(), (found["day"] or b"").decode()
    right, hint = _instead(host, day)
    fix = None
    if right:
        edit = Edit(file=path, start=found.start(), end=found.end(), text=right.encode())
        fix = Fix(title=f"Write `{right}` into `{path}`", edits=(edit,))
    return Finding(
        message=f"`{found[0].decode()}` no longer exists: Microsoft closed the server in 2023",
        file=path,
        line=data.count(b"\n", 0, found.start()) + 1,
        hint=fix.title if fix else hint,
        fix=fix,
    )


def _instead(host: str, day: str) -> tuple[str, str]:
    """The address that has the same packages, empty where there is none, and then what to do."""
    server, first = r_facts()["server"], r_facts()["first_snapshot"]
    if not is_day(day):
        return (
            CRAN if host == MIRROR and not day else "",
            f"Choose the day of a snapshot: `{server}/{first}` or later",
        )
    if day < first:
        return "", f"Choose a later day: the first snapshot is `{server}/{first}`"
    return f"{server}/{day}", ""


RULES = (
    Rule(
        code="F114",
        name="closed-r-server",
        severity="error",
        why="No R package can be downloaded from a server that no longer exists.",
        find=_dead,
        follows_file=True,
    ),
)
