"""D114: addresses of GitHub with `git://`, which it no longer answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from r2i.check.findings import Finding, Rule
from r2i.check.requirement_edits import altered
from r2i.check.scripts import scripts
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY
from r2i.edits.fixes import Fix

ADDRESS = re.compile(r"(?:git\+)?git://(?:www\.)?github\.com/[^\s\"'#]*", re.IGNORECASE)
WHY = "GitHub closed the `git` protocol in 2022"


def _git_protocol(subject: Subject) -> Iterator[Finding]:
    yield from _required(subject)
    yield from _in_scripts(subject)
    for notebook, cell, facts in subject.code:
        if "git://" in cell.source:
            for command in facts.commands:
                if found := ADDRESS.search(command.text):
                    yield Finding(
                        message=_message(found[0]),
                        file=notebook.path,
                        line=subject.line_of(notebook, cell, command.line),
                        cell=cell.number,
                        hint=f"Write `{_https(found[0])}`",
                    )


def _required(subject: Subject) -> Iterator[Finding]:
    """r2i asks for these over `https`."""
    for one in subject.declared:
        if found := ADDRESS.match(one.url):
            right = _https(found[0], pip=True)
            edit = altered(subject, one, one.text.replace(found[0], right))
            title = f"Write `{right}`"
            yield Finding(
                message=_message(found[0]),
                file=one.file,
                line=one.line,
                hint=title,
                fix=Fix(title=title, edits=(edit,)) if edit else None,
                targets=BINDER_ONLY,
            )


def _in_scripts(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
        for line in script.lines:
            words = (word for command in line.commands for word in command)
            found = next((match for word in words if (match := ADDRESS.search(word))), None)
            if found is None:
                continue
            right, number = _https(found[0]), line.first
            raw = script.raw[number - 1]
            title = f"Write `{right}`"
            edit = script.edit(number, number, raw.replace(found[0], right)) if found[0] in raw else None
            yield Finding(
                message=_message(found[0]),
                file=script.path,
                line=number,
                hint=title,
                fix=Fix(title=title, edits=(edit,)) if edit else None,
            )


def _message(address: str) -> str:
    return f"`{address}` cannot be fetched: {WHY}"


def _https(address: str, *, pip: bool = False) -> str:
    """pip needs to be told that it is a repository of git."""
    kept = "git+" if pip or address.startswith("git+") else ""
    return kept + re.sub(r"^(?:git\+)?git://", "https://", address, flags=re.IGNORECASE)


RULES = (
    Rule(
        code="D114",
        name="git-protocol",
        severity="error",
        why="GitHub answers only `https://` and `ssh://`, so the installation fails.",
        find=_git_protocol,
        varying=True,
    ),
)
