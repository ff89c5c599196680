"""F318: settings that a script makes where no program of the session reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from r2i.check.code.shell_script import CommandLine
from r2i.check.findings import Finding, Rule
from r2i.check.scripts import BinderScript, scripts
from r2i.check.subject import Subject
from r2i.check.wording import named
from r2i.edits.fixes import Edit, Fix

#: Commands that no exported variable changes.
SILENT = frozenset({"echo", "printf", "true", ":", "exit"})

#: Files that set variables and functions of a shell; that of `rustup` is in `~/.profile`, too, which login shells read.
OF_SESSION = re.compile(r"\.nvm/nvm\.sh$|\.sdkman/bin/sdkman-init\.sh$|/bin/activate$")

#: A value that is the same in another script of the user, in the same directory.
PLAIN_EXPORT = re.compile(
    r"export(?:\s+\w+=(?:[\w./:@%+,~-]|\$\{?(?:HOME|PWD|PATH|REPO_DIR|CONDA_PREFIX)\}?)*|\s+\w+=\"(?:[\w ./:@%+,-]|\$\{?(?:HOME|PWD|PATH|REPO_DIR|CONDA_PREFIX)\}?)*\"|\s+\w+='[^'\n]*')+\s*"
)

BASHRC = re.compile(
    r"(?:>>|tee\s+(?:-a|--append))\s*[\"']?(?:~|\$\{?HOME\}?|/home/jovyan|/home/\$\{?NB_USER\}?)/\.bashrc\b"
)
#: Variables that images of Binder and r2i set themselves.
IN_EVERY_IMAGE = frozenset({"HOME", "LANG", "LC_ALL", "PYTHONUNBUFFERED", "SHELL", "USER"})

#: What concerns a terminal alone may well be written there.
SETS = re.compile(r"\bexport\s+\w+=|\bPATH=|\bset\s+-\w*a")
#: A script that reads it, or an installer that writes to `~/.profile`, too.
READS = re.compile(r"rustup|(?:\bsource|(?<![\w./~])\.)\s+\S*\.bashrc\b|\bBASH_ENV\b|bash\s+-\w*i")


def _unread(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
        if script.path.endswith("postBuild"):
            yield from _exports_at_the_end(subject, script)
            yield from _sourced_at_the_end(subject, script)
        yield from _written_to_bashrc(subject, script)


def _exports_at_the_end(subject: Subject, script: BinderScript) -> Iterator[Finding]:
    """Exports that no later command can see, and that `start` does not make; earlier ones may be for those."""
    started = _exported_by_start(subject)
    found: list[CommandLine] = []
    for line in reversed(script.lines):
        words = [command for command in line.commands if command[0] not in SILENT]
        raw = script.raw[line.first - 1]
        if raw[0].isspace() or any(command[0] != "export" or len(command) < 2 for command in words):
            break
        found += [line] if not started.issuperset(_exported(words)) else []
    found.reverse()
    names = _exported([command for line in found for command in line.commands])
    if not IN_EVERY_IMAGE.issuperset(names):
        ends = "variable ends" if len(names) == 1 else "variables end"
        yield Finding(
            message=f"Exporting {named(names)} has no effect: the {ends} with `{script.path}`",
            file=script.path,
            line=found[0].first,
            hint=_hint(subject),
            fix=_moved(subject, script, found),
        )


def _sourced_at_the_end(subject: Subject, script: BinderScript) -> Iterator[Finding]:
    """The tail of an installer's instructions, which makes its programs known to the commands below it: there are none."""
    last = next((line for line in reversed(script.lines) if line.commands[0][0] not in SILENT), None)
    words = last.commands[0] if last and len(last.commands) == 1 else ()
    if last and len(words) == 2 and words[0] in ("source", ".") and OF_SESSION.search(words[1]):
        yield Finding(
            message=f"`{' '.join(words)}` has no effect: what it sets ends with `{script.path}`",
            file=script.path,
            line=last.first,
            hint=_hint(subject).replace("Export it", "Write the line", 1),
        )


def _exported(commands: Sequence[Sequence[str]]) -> list[str]:
    return [
        word.partition("=")[0]
        for command in commands
        if command[0] == "export"
        for word in command[1:]
        if "=" in word or word.isidentifier()
    ]


def _exported_by_start(subject: Subject) -> frozenset[str]:
    start = subject.config_path("start")
    scripts_of_start = [one for one in subject.once(scripts) if one.path == start]
    lines = [line for one in scripts_of_start for line in one.lines]
    return frozenset(_exported([command for line in lines for command in line.commands]))


def _hint(subject: Subject) -> str:
    start = subject.config_path("start")
    if subject.config("start"):
        return f'Export it in `{start}`, above `exec "$@"`'
    return f'Export it in a script `{start}` that ends with `exec "$@"`'


def _moved(subject: Subject, script: BinderScript, lines: Sequence[CommandLine]) -> Fix | None:
    """Into a `start` that is there or not; None where a value may be another one then."""
    raws = [script.raw[line.first - 1].rstrip() for line in lines]
    if any(line.first != line.last for line in lines) or not all(map(PLAIN_EXPORT.fullmatch, raws)):
        return None
    start = subject.config_path("start")
    there = next((one for one in subject.once(scripts) if one.path == start), None)
    removed = tuple(script.edit(line.first, line.last, None) for line in lines)
    title = f"Move {'this export' if len(lines) == 1 else 'these exports'} from `{script.path}` to `{start}`"
    text = "\n".join(raws)
    if there is None:
        made = Edit(file=start, start=0, end=0, text=f'#!/bin/bash\n{text}\nexec "$@"\n'.encode())
        new = not subject.checkout.has(start)
        return Fix(title=title, edits=(*removed, made), executable=(start,)) if new else None
    at = next((one.first for one in there.lines if there.raw[one.first - 1].strip() == 'exec "$@"'), None)
    if at is None:
        return None
    return Fix(title=title, edits=(*removed, there.edit(at, at, f"{text}\n{there.raw[at - 1]}")))


def _written_to_bashrc(subject: Subject, script: BinderScript) -> Iterator[Finding]:
    if ".bashrc" not in script.beginning or _is_read(subject):
        return
    found = []
    after = [line.first - 1 for line in script.lines[1:]]
    # Up to the next command goes what a here-document may say.
    for line, end in zip(script.lines, [*after, len(script.raw)], strict=True):
        if BASHRC.search("\n".join(script.raw[line.first - 1 : line.last])):
            text = "\n".join(script.raw[line.first - 1 : end])
            found += [line.first] if SETS.search(text) and not _changes_nothing(text) else []
    if found:
        more = f" (and {len(found) - 1} more)" if found[1:] else ""
        yield Finding(
            message=f"Neither the Jupyter server nor a kernel reads `~/.bashrc`, so notebooks do not see this setting{more}",
            file=script.path,
            line=found[0],
            hint=_hint(subject).replace(" it ", " the variable ", 1),
        )


def _changes_nothing(text: str) -> bool:
    """Whether it is about what images have in any case, or about graphics cards, which they have not."""
    names = re.findall(r"\bexport\s+(\w+)=", text)
    return "CUDA" in text.upper() or (bool(names) and IN_EVERY_IMAGE.issuperset(names))


def _is_read(subject: Subject) -> bool:
    texts = [one.beginning for one in subject.once(scripts)]
    texts += [cell.source for _, cell, _ in subject.code if ".bashrc" in cell.source]
    return any(READS.search(text) for text in texts)


RULES = (
    Rule(
        code="F318",
        name="setting-without-effect",
        severity="warning",
        why="A script's variables end with it, and only interactive shells read `~/.bashrc`: the Jupyter server sees neither.",
        find=_unread,
    ),
)
