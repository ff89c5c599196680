"""F31: what `postBuild` and `start` do that fails in the image, as they run without a terminal and as the user."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from r2i.buildpacks.apt import SPEC
from r2i.buildpacks.post_build import NPM_NAME
from r2i.buildpacks.start import SERVER, not_handed_over
from r2i.check.apt_txt import adding, apt_txt, not_listed
from r2i.check.code.shell_script import CommandLine, is_shell, without_sudo
from r2i.check.findings import Finding, Rule
from r2i.check.requirement_edits import added, where
from r2i.check.scripts import BinderScript, scripts
from r2i.check.subject import Subject
from r2i.check.wording import named
from r2i.edits.fixes import Edit, Fix
from r2i.facts.labextensions import extensions_of, instead_of
from r2i.image import KERNEL_PACKAGES, version_tuple

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

#: The oldest Python that JupyterLab 4 runs on.
OLDEST_PYTHON = (3, 8)


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
        if script.path.endswith("start") and (what := not_handed_over(script.path, script.text)):
            yield Finding(
                message=what,
                file=script.path,
                hint='End it with `exec "$@"`',
                fix=_handing_over(script),
            )
        elif script.path.endswith("start") and (line := _server_before(script)):
            yield Finding(
                message=f"Line {line.first} of `{script.path}` runs a Jupyter server and waits for it, so the server that Binder expects never starts",
                file=script.path,
                line=line.first,
                hint='Remove the line: `exec "$@"` starts Jupyter',
            )


def _server_before(script: BinderScript) -> CommandLine | None:
    """A line that runs a Jupyter server in the foreground, and nothing else."""
    for line in script.lines:
        raw = " ".join(script.raw[line.first - 1 : line.last])
        alone = len(line.commands) == 1 and not raw[:1].isspace() and "&" not in raw
        if alone and SERVER.match(" ".join(line.commands[0])):
            return line
    return None


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


def _labextension(subject: Subject) -> Iterator[Finding]:
    plan = subject.plan
    if plan and plan.python and version_tuple(plan.python.version) < OLDEST_PYTHON:
        return  # which has no JupyterLab 4
    notices = (
        {notice for pack in subject.detections.packs for notice in pack.labextensions} if plan else set()
    )
    for notice in plan.notices if plan else ():  # where they count
        if notice not in notices:
            continue
        script = next((one for one in subject.once(scripts) if one.path == notice.file), None)
        lines = script.lines if script else ()
        line = next((one for one in lines if one.first <= (notice.line or 0) <= one.last), None)
        hint, fix = _without_extensions(subject, script, line) if script and line else ("Remove it", None)
        yield Finding(message=notice.message, file=notice.file, line=notice.line, hint=hint, fix=fix)


def _without_extensions(subject: Subject, script: BinderScript, line: CommandLine) -> tuple[str, Fix | None]:
    """How to have the extensions of a line without it; no fix where that takes more than lines."""
    asked = [name for command in line.commands for name in _extensions(command)]
    found = {name: package for name in asked if (package := instead_of(name)) is not None}
    there = {"", *(subject.environment.names if subject.environment else ()), *KERNEL_PACKAGES}
    packages = [package for package in dict.fromkeys(found.values()) if package not in there]
    more = f", and add {named(packages)} {where(subject)}" if packages else ""
    if not line.plain or len(line.commands) > 1 or len(found) < len(set(asked)):
        return f"Remove {named(found)} from the command{more}", None
    requirements = [added(subject, package) for package in packages]
    edits = [edit for fix in requirements if fix for edit in fix.edits]
    edits = [script.edit(line.first, line.last, None), *dict.fromkeys(edits)]
    which = f"line {line.first}" if line.first == line.last else f"lines {line.first} to {line.last}"
    title = f"Remove {which} of `{script.path}`{more}"
    return title, Fix(title=title, edits=tuple(edits)) if all(requirements) else None


def _extensions(command: Sequence[str]) -> list[str]:
    """The npm packages that a command installs into JupyterLab, without their versions."""
    return [match[0] for word in extensions_of(command) if (match := NPM_NAME.match(word))]


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
    Rule(
        code="F315",
        name="labextension-install",
        severity="info",
        why="JupyterLab 4 gets extensions from Python packages; the command needs Node.js and minutes, and most old extensions fail.",
        find=_labextension,
    ),
)
