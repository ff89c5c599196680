"""F319: programs that a script installs below the home directory, and does not find afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from r2i.check.code.shell_script import CommandLine, without_sudo
from r2i.check.findings import Finding, Rule
from r2i.check.scripts import BinderScript, scripts
from r2i.check.subject import Subject
from r2i.edits.fixes import Fix
from r2i.facts.tables import read_table

FETCHES = frozenset({"curl", "wget", "sh", "bash"})

#: Reads what installers wrote, as far as a shell without a terminal gets there.
READS_SETTINGS = re.compile(r"\.(?:bashrc|profile|bash_profile)\b|\bbash\s+-\w*[il]|#!.*\s-\w*l")


def _not_on_path(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
        if READS_SETTINGS.search(script.beginning):
            continue
        for one in _installers():
            if finding := _called_after(subject, script, one):
                yield finding


def _called_after(subject: Subject, script: BinderScript, one: Mapping[str, str]) -> Finding | None:
    programs = set(one["programs"].split()) - _installed_otherwise(subject)
    fetched: CommandLine | None = None
    for line in script.lines:
        text = "\n".join(script.raw[line.first - 1 : line.last])
        words = [[*without_sudo(command)] for command in line.commands]
        if one["address"] in text and any(command and command[0] in FETCHES for command in words):
            fetched = line
        elif one["said"] in text:
            return None
        elif fetched and (called := next((c[0] for c in words if c and c[0] in programs), "")):
            return _finding(script, fetched, line, called, one["line"])
    return None


def _finding(
    script: BinderScript, fetched: CommandLine, line: CommandLine, called: str, needed: str
) -> Finding:
    before = "\n".join(script.raw[fetched.first - 1 : fetched.last])
    edit = script.edit(fetched.first, fetched.last, f"{before}\n{needed}")
    return Finding(
        message=f"`{called}` is not found: its installer in line {fetched.first} changes the `PATH` only of later shells",
        file=script.path,
        line=line.first,
        hint=f"Write `{needed}` below line {fetched.first}",
        fix=Fix(title=f"Add `{needed}` to `{script.path}`", edits=(edit,)),
    )


def _installed_otherwise(subject: Subject) -> set[str]:
    """Programs that a file asks for by their own names, and those of languages that the image has."""
    path = subject.config("apt.txt")
    words = set((subject.text(path) or "").split()) if path else set()
    words |= set(subject.environment.names) if subject.environment else set()
    words |= {language.name.lower() for language in subject.plan.languages} if subject.plan else set()
    return words | ({"cargo", "rustc"} if {"rust", "cargo", "rustc"} & words else set())


@cache
def _installers() -> tuple[Mapping[str, str], ...]:
    return (*read_table("r2i.check.facts", "installers.toml")["installer"],)


RULES = (
    Rule(
        code="F319",
        name="installer-not-on-path",
        severity="error",
        why="The shell that runs the script does not read what installers write into `~/.bashrc` or `~/.profile`.",
        find=_not_on_path,
    ),
)
