"""`start`: a script that wraps the command at every start of the container."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import dropwhile

from r2i.checkout import Checkout
from r2i.checkout.scripts import inspect
from r2i.formats.commands import needs
from r2i.model import Detection, Evidence, Layer, Notice, Options, Stage

#: What is run in place of the script is the command that it was given, not a Jupyter with that for arguments.
EXEC = re.compile(r"\bexec\s+(?!jupyter)")
ARGUMENTS = re.compile(r"\$@|\$\{@\}|\$\*")
#: `jupyter lab` with options or a directory, and no command such as `build`.
SERVER = re.compile(
    r"jupyter[ -](?:lab|notebook|server)(?!\S)(?!.*--(?:help|version|generate-config))(?=$| [-.~/\"$])"
)
BETWEEN_COMMANDS = re.compile(r"[;&|()]")
BEFORE_A_COMMAND = re.compile(r"\{|!|then|else|do|exec|[A-Za-z_]\w*=.*")
#: Programs that run what follows, and stay until it ends.
WRAPPER = re.compile(
    r"(?:env|nice|nohup|time|timeout|setsid|stdbuf|command|eval|xvfb-run|dbus-run-session|vglrun|tini|dumb-init)(?!\S)"
    r"|(?:conda|mamba|micromamba|pixi|poetry|pipenv|uv) run(?!\S)"
)


class Start:
    name = "start"
    files = ("start",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config("start")
        if path is None or checkout.is_dir(path):
            return None
        script = inspect(checkout, path)
        layer = Layer(
            buildpack=self.name,
            stage=Stage.BUILD,
            title=path,
            template="start",
            variables={"path": path, "commands": script.commands},
            evidence=(Evidence(why="wraps every command", file=path),),
        )
        notices = script.notices
        if script.text is not None and (warning := not_handed_over(path, script.text)):
            notices += (Notice(level="warning", message=warning, file=path),)
        return replace(needs(script), layers=(layer,), notices=notices, start=path)


def hands_over(text: str) -> bool:
    """Whether a line runs its arguments in place of the script; a Python script sees them as `sys.argv`."""
    return any(
        "sys.argv" in code or ((found := EXEC.search(code)) and ARGUMENTS.search(code, found.end()))
        for code in _code(text)
    )


def not_handed_over(path: str, text: str) -> str | None:
    """What becomes of Jupyter where the script does not run its arguments in place of itself, as a sentence."""
    if hands_over(text):
        return None
    code = _code(text)
    commands = [_command(part) for line in code for part in BETWEEN_COMMANDS.split(line)]
    if any(map(_runs_arguments, commands)):
        return (
            f"`{path}` starts Jupyter without `exec`, so the signals that stop the container do not reach it"
        )
    if any(map(SERVER.match, commands)):
        return f"`{path}` starts a Jupyter server of its own, without the options of the command that it is given"
    starts = "may not start" if any(map(ARGUMENTS.search, code)) else "does not start"
    return f'`{path}` does not end with `exec "$@"`, so Jupyter {starts}'


def _code(text: str) -> list[str]:
    lines = text.replace("\\\n", " ").split("\n")
    return [line for line in lines if not line.lstrip().startswith("#")]


def _command(part: str) -> str:
    """The words of a command, with one space between them, without what stands before its program."""
    words = part.split()
    return " ".join(dropwhile(BEFORE_A_COMMAND.fullmatch, words))


def _runs_arguments(command: str) -> bool:
    arguments = ARGUMENTS.search(command)
    return arguments is not None and (
        not command[: arguments.start()].strip('"') or WRAPPER.match(command) is not None
    )
