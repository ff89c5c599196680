"""F316, F317: commands of the classic Notebook, which Notebook 7 no longer has."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from r2i.check.code.shell_script import CommandLine, without_sudo
from r2i.check.findings import Finding, Rule
from r2i.check.on_binder import python_of_binder
from r2i.check.scripts import BinderScript, scripts
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY
from r2i.edits.fixes import Fix
from r2i.facts.labextensions import extensions_of, is_for_older_lab
from r2i.facts.python_wheels import below
from r2i.image import version_tuple
from r2i.planning.classic import ALWAYS, OTHER_NOTEBOOK, UNTIL

#: Commands of `jupyter` that are, or call, modules of the classic Notebook.
DEAD = frozenset(
    {
        *("bundlerextension", "contrib", "contrib-nbextension", "nbextension"),
        *("nbextensions_configurator", "serverextension"),
    }
)
INSTALLS = "jupyter labextension install "
PYTHON = re.compile(r"python[\d.]*")

#: The oldest Python for which Binder has Notebook 7.
OLDEST_PYTHON = (3, 8)

#: A line of which the last command decides, and all others have to succeed before it.
SIMPLE = re.compile(r"[\w $%+,./:=@^~*?\"'&;<>{}-]*", re.ASCII)
FAILS_ON = re.compile(r"-[a-zA-Z]*e[a-zA-Z]*")
SHEBANG_WITH = re.compile(r"#!\s*\S+(?:\s+\S*(?:ba|da|k|z)?sh)?(?:\s+-[a-zA-Z]*e)")
#: What brings another Notebook than that of Binder.
OTHER = re.compile(r"\bnotebook\b\W{0,4}(?:[<=~]|6)|\bnbclassic\b|jupyter-nbclassic")


@dataclass(frozen=True)
class DeadLine:
    """A line that calls such a command, and how; `fatal` says that the script ends with its failure."""

    line: CommandLine
    called: str
    fatal: str
    alone: bool


def dead_lines(script: BinderScript) -> Iterator[DeadLine]:
    """In the order of the script."""
    exits = SHEBANG_WITH.match(script.raw[0]) is not None
    for line in script.lines:
        exits = _exits(line, exits=exits)
        called = [name for command in line.commands if (name := dead_command(command))]
        raw = _without_comment(" ".join(script.raw[line.first - 1 : line.last])) if called else ""
        if not called or "||" in raw:
            continue  # its author knows that it may fail
        is_last = line is script.lines[-1]
        fatal = ""
        if _decides(line, raw, is_last=is_last):
            fatal = "the last command" if is_last else "`set -e`" if exits else ""
        alone = not raw[0].isspace() and len(called) == len(line.commands)
        yield DeadLine(line=line, called=called[-1], fatal=fatal, alone=alone)


def dead_command(command: Sequence[str]) -> str:
    """`jupyter nbextension`, however it is spelled, or the first extension that JupyterLab 4 refuses, with
    `jupyter labextension install`; empty for other commands."""
    words = [*without_sudo(command)]
    if len(words) > 2 and PYTHON.fullmatch(posixpath.basename(words[0])) and words[1:3] == ["-m", "jupyter"]:
        words = words[2:]
    program = posixpath.basename(words[0]) if words else ""
    if old := next(filter(is_for_older_lab, extensions_of(words)), None):
        return f"{INSTALLS}{old}"
    if program == "jupyter":
        rest = [word for word in words[1:] if not word.startswith("-")]
        return f"jupyter {rest[0]}" if rest and rest[0] in DEAD else ""
    return f"jupyter {program[8:]}" if program.startswith("jupyter-") and program[8:] in DEAD else ""


def _exits(line: CommandLine, *, exits: bool) -> bool:
    """Whether a failure ends the script from here on."""
    for command in line.commands:
        if command[0] == "set":
            for word, after in zip(command[1:], (*command[2:], ""), strict=True):
                if FAILS_ON.fullmatch(word) or (word == "-o" and after == "errexit"):
                    exits = True
                elif re.fullmatch(r"\+[a-zA-Z]*e[a-zA-Z]*", word):
                    exits = False
    return exits


def _without_comment(raw: str) -> str:
    return re.sub(r"\s#.*", "", raw.replace("\\", " ")) if "'" not in raw and '"' not in raw else raw


def _decides(line: CommandLine, raw: str, *, is_last: bool) -> bool:
    """Whether the failure of the command is that of the line, as far as its words tell."""
    if raw[0].isspace() or SIMPLE.fullmatch(raw) is None or raw.rstrip().endswith("&"):
        return False
    joined_by_and = is_last and ";" not in raw and raw.count("&") == 2 * (len(line.commands) - 1)
    return joined_by_and or bool(dead_command(line.commands[-1]))


def _found(subject: Subject, *, fatal: bool) -> Iterator[Finding]:
    if not _has_notebook_7(subject):
        return
    for script in subject.once(scripts):
        dead = [*dead_lines(script)] if not OTHER.search(script.beginning) else []
        deciding = [one for one in dead if one.fatal]
        if dead and bool(deciding) == fatal:
            first = deciding[0] if deciding else dead[0]
            yield _finding(subject, script, dead, first)


def _finding(subject: Subject, script: BinderScript, dead: list[DeadLine], first: DeadLine) -> Finding:
    others = len(dead) - 1
    more = f" (and {others} more such line{'s' if others > 1 else ''})" if others else ""
    message = f"mybinder.org has Notebook {OTHER_NOTEBOOK}, which has no `{first.called}`{more}"
    if first.called.startswith(INSTALLS):
        extension = first.called.removeprefix(INSTALLS)
        message = f"mybinder.org has JupyterLab 4, and `{extension}` is for an older one{more}"
    if first.fatal:
        ends = "no server starts" if script.path.endswith("start") else "the build fails"
        message += (
            f"; line {first.line.first} is {first.fatal}, so {ends}"
            if "last" in first.fatal
            else f"; with {first.fatal}, {ends}"
        )
    else:
        message += "; the script goes on without it"
    numbers = ", ".join(str(one.line.first) for one in dead)
    which = f"line{'s' if others else ''} {numbers} of `{script.path}`"
    classic = _wants_classic(subject) or any("contrib" in one.called for one in dead)
    hint = f"Remove {which}: extensions for JupyterLab are enabled when their packages are installed"
    if classic:
        hint = f"Remove {which}, or require `notebook<{OTHER_NOTEBOOK}`, which has the command"
    edits = tuple(script.edit(one.line.first, one.line.last, None) for one in dead)
    certain = not classic and all(one.alone for one in dead)
    return Finding(
        message=message,
        file=script.path,
        line=first.line.first,
        hint=hint,
        fix=Fix(title=f"Remove {which}", edits=edits) if certain else None,
    )


def _wants_classic(subject: Subject) -> bool:
    return bool(subject.environment and not ALWAYS.isdisjoint(subject.environment.names))


def _has_notebook_7(subject: Subject) -> bool:
    """Whether nothing that the repository asks for brings the classic Notebook to Binder, as far as names tell."""
    environment, python = subject.environment, python_of_binder(subject)
    if (
        environment is None
        or python is None
        or version_tuple(python) < OLDEST_PYTHON
        or subject.config("default.nix")
    ):
        return False
    conda = environment.manager == "conda"
    if conda and (_wants_classic(subject) or "notebook" in environment.conda_versions):
        return False
    old = {**UNTIL, "jupyterlab": "4", "nbclassic": "1"}
    if any(pin.name in old and below(pin.specifier, old[pin.name]) for pin in environment.pins):
        return False
    return not (conda and {"jupyterlab", "nbclassic", "nbgrader"} & environment.conda_versions)


def _fatal(subject: Subject) -> Iterator[Finding]:
    return _found(subject, fatal=True)


def _harmless(subject: Subject) -> Iterator[Finding]:
    return _found(subject, fatal=False)


RULES = (
    Rule(
        code="F316",
        name="dead-jupyter-command",
        severity="error",
        why="Notebook 7 and Jupyter Server 2 removed the command, and the failure of the script is that of the build.",
        find=_fatal,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F317",
        name="dead-jupyter-command-ignored",
        severity="info",
        why="Notebook 7 and Jupyter Server 2 removed the command; the script ignores its failure.",
        find=_harmless,
        targets=BINDER_ONLY,
    ),
)
