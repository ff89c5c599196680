"""F31: what `postBuild` and `start` do that fails in the image, as they run without a terminal and as the user."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from r2i.buildpacks.apt import SPEC
from r2i.buildpacks.start import hands_over
from r2i.check.apt_txt import adding, apt_txt, not_listed
from r2i.check.code.shell_script import CommandLine, is_shell, without_sudo
from r2i.check.findings import Finding, Rule
from r2i.check.scripts import BinderScript, scripts
from r2i.check.subject import Subject
from r2i.edits.fixes import Edit, Fix

#: Programs that need no root in the image: all that they change belongs to the user.
SUDO = re.compile(r"^(\s*)sudo(?:\s+-[EHn]+)*\s+(?=(?:pip3?|python3?|conda|mamba|jupyter)\s)")

APT = frozenset({"apt", "apt-get", "aptitude"})
ROOT_ONLY = frozenset(
    {
        "install",
        "update",
        "upgrade",
        "dist-upgrade",
        "full-upgrade",
        "remove",
        "purge",
        "autoremove",
        "build-dep",
    }
    | {"clean", "autoclean"}
)
#: What r2i and Binder do anyway when they install packages.
POINTLESS = frozenset({"update", "upgrade", "clean", "autoclean", "autoremove"})

#: What makes `conda activate` work in a script.
HOOKS = re.compile(
    r"shell[. ]\w+ hook|shell hook|(?:conda|mamba)\.sh\b|bin/activate\b|\.bashrc|\.(?:bash_)?profile|\A#!.*\s(?:-\w*l|--login)"
)

#: What `… activate` does without it. Beside an environment of conda's lies that of the server, with an `activate` of its own.
WITHOUT_HOOK = {
    **dict.fromkeys(("conda", "mamba", "micromamba"), "fails in a script that has not loaded the shell hook"),
    **dict.fromkeys(
        (".", "source"), "runs the first `activate` on the `PATH`, which may not be that of conda"
    ),
}


def _sudo(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
        for line in script.lines:
            refused = [
                command for command in line.commands if command[0] == "sudo" and not _apt_verb(command)
            ]
            if not refused:
                continue
            raw = script.raw[line.first - 1]
            fix = None
            if (match := SUDO.match(raw)) and line.first == line.last:
                edit = script.edit(line.first, line.last, match[1] + raw[match.end() :])
                fix = Fix(title=f"Run line {line.first} of `{script.path}` without `sudo`", edits=(edit,))
            yield Finding(
                message=f"`{shlex.join(refused[0])[:60]}`: the image has no `sudo`, and `{script.path}` runs as an ordinary user",
                file=script.path,
                line=line.first,
                hint="Remove `sudo`: list Debian packages in `apt.txt`, and write other files into the home directory",
                fix=fix,
            )


def _apt(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
        for line in script.lines:
            verbs = [verb for command in line.commands if (verb := _apt_verb(command))]
            if not verbs:
                continue
            verb = "install" if "install" in verbs else verbs[0]
            packages = _packages(line)
            yield Finding(
                message=f"`apt-get {verb}` requires root, and `{script.path}` runs as an ordinary user",
                file=script.path,
                line=line.first,
                hint="List the packages in `apt.txt`" if verb == "install" else "Remove it",
                fix=None if packages is None else _into_apt_txt(subject, script, line, packages),
            )


def _apt_verb(command: Sequence[str]) -> str | None:
    """What apt is to do, where it does something that only root can."""
    program, *words = without_sudo(command) or ("",)
    verb = next((word for word in words if not word.startswith("-")), None)
    return verb if program in APT and verb in ROOT_ONLY else None


def _packages(line: CommandLine) -> list[str] | None:
    """What a line installs; None where it does something else, too, or not only names of packages stand there."""
    if not line.plain:
        return None
    packages: list[str] = []
    for command in line.commands:
        verb = _apt_verb(command)
        words = [word for word in without_sudo(command)[1:] if not word.startswith("-")]
        if verb == "install" and all(map(SPEC.fullmatch, words)):
            packages += words[1:]
        elif verb not in POINTLESS and tuple(without_sudo(command)[:2]) != ("rm", "-rf"):
            return None
    return packages


def _into_apt_txt(subject: Subject, script: BinderScript, line: CommandLine, packages: list[str]) -> Fix:
    removed = script.edit(line.first, line.last, None)
    new = not_listed(subject, packages)
    if not new:
        return Fix(title=f"Remove line {line.first} of `{script.path}`", edits=(removed,))
    title = f"Move the packages that `{script.path}` installs with apt to `{apt_txt(subject)}`"
    return Fix(title=title, edits=(removed, adding(subject, new)))


def _conda_activate(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
        if HOOKS.search(script.beginning):
            continue
        for line in script.lines:
            for command in line.commands:
                if command[1:2] == ("activate",) and (what := WITHOUT_HOOK.get(command[0])):
                    yield Finding(
                        message=f"`{command[0]} activate` {what}",
                        file=script.path,
                        line=line.first,
                        hint="Remove it (the environment is already active), or use `conda run`",
                    )


def _start_without_exec(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
        if script.path.endswith("start") and not hands_over(script.text):
            yield Finding(
                message=f'`{script.path}` does not end with `exec "$@"`, so Jupyter does not replace it',
                file=script.path,
                hint='End it with `exec "$@"`',
                fix=_handing_over(script),
            )


def _handing_over(script: BinderScript) -> Fix | None:
    """None where the end of the script would not be reached, or is not the end of what is always run."""
    if not is_shell(script.text) or not script.lines:
        return None
    title = f'End `{script.path}` with `exec "$@"`'
    last = script.lines[-1]
    raw = script.text.split("\n")[last.first - 1]
    if re.fullmatch(r"(\"\$@\"|\$@|\$\*)\s*", raw):
        return Fix(title=title, edits=(script.edit(last.first, last.last, 'exec "$@"'),))
    words = {word for line in script.lines for command in line.commands for word in command[:1]}
    if raw[:1].isspace() or words & {"exit", "jupyter", "jupyter-lab", "jupyter-notebook"}:
        return None
    if re.search(r"^[ \t]*exec\s", script.text, re.MULTILINE) or script.text.rstrip().endswith(("\\", "}")):
        return None
    end = len(script.data)
    before = "" if script.data.endswith(b"\n") else "\n"
    return Fix(
        title=title,
        edits=(Edit(file=script.path, start=end, end=end, text=f'{before}exec "$@"\n'.encode()),),
    )


RULES = (
    Rule(
        code="F311",
        name="sudo",
        severity="error",
        why="Scripts run as an ordinary user without `sudo`.",
        find=_sudo,
    ),
    Rule(
        code="F312",
        name="apt-in-script",
        severity="error",
        why="Only root can install Debian packages; Binder installs those in `apt.txt` as root before it runs scripts.",
        find=_apt,
    ),
    Rule(
        code="F313",
        name="conda-activate",
        severity="warning",
        why="`conda activate` is a function of interactive shells, which a script does not have.",
        find=_conda_activate,
    ),
    Rule(
        code="F314",
        name="start-without-exec",
        severity="error",
        why="`start` wraps the command that starts Jupyter, and must run it.",
        find=_start_without_exec,
    ),
)
