"""`start`: a script that wraps the command at every start of the container."""

from __future__ import annotations

import re
from dataclasses import replace

from r2i.checkout import Checkout
from r2i.checkout.scripts import inspect
from r2i.formats.commands import needs
from r2i.model import Detection, Evidence, Layer, Notice, Options, Stage

#: What is run in place of the script is the command that it was given, not a Jupyter with that for arguments.
EXEC = re.compile(r"\bexec\s+(?!jupyter)")
ARGUMENTS = re.compile(r"\$@|\$\{@\}|\$\*")


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
        if script.text is not None and not hands_over(script.text):
            warning = f'`{path}` does not end with `exec "$@"`, so Jupyter does not start'
            notices += (Notice(level="warning", message=warning, file=path),)
        return replace(needs(script), layers=(layer,), notices=notices, start=path)


def hands_over(text: str) -> bool:
    """Whether a line runs its arguments in place of the script; a Python script sees them as `sys.argv`."""
    for line in text.replace("\\\n", " ").split("\n"):
        code = "" if line.lstrip().startswith("#") else line
        if "sys.argv" in code or ((found := EXEC.search(code)) and ARGUMENTS.search(code, found.end())):
            return True
    return False
