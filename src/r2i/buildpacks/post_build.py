"""`postBuild`: a script that is run once, as the user, when everything else is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from r2i.checkout import Checkout
from r2i.checkout.scripts import LONGEST, Script, inspect
from r2i.facts.labextensions import instead_of
from r2i.formats.commands import needs
from r2i.model import Detection, Evidence, Layer, Notice, Options, Stage

#: The beginning of a command, then a program that compiles.
COMPILES = re.compile(
    r"(?:^|[;&|(]|\bsudo\b)\s*(?:gcc|g\+\+|cc|c\+\+|clang|gfortran|f2py|make|cmake|meson|ninja)(?=\s|$)"
)
LABEXTENSION = re.compile(r"\bjupyter[ -]labextension\s+install\b")
#: An npm package without its version.
NPM_NAME = re.compile(r"(?:@[\w.-]+/)?[\w.-]+")

#: A script that brings a JupyterLab of its own, for which the extensions may be.
OTHER_LAB = re.compile(r"\bjupyterlab\b[\"']?\s*(?:=|==|<|<=|~=)\s*[\"']?[0-3]\b")
#: A script of a shell, or one that says nothing.
SHELL = re.compile(r"(?!#!)|#![^\n]*\b(?:ba|da|k|z)?sh\b")

#: The first line of a script that bash runs; one without such a line is given it.
BASH = re.compile(r"(?!#!)|#![^\n]*\bbash\b")


class PostBuild:
    name = "post_build"
    files = ("postBuild",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config("postBuild")
        if path is None:
            return None
        script = inspect(checkout, path)
        # Bash alone can say in which line it ends, without a change of the script.
        bash = script.text is not None and BASH.match(script.text) is not None
        evidence = Evidence(why="runs once, at the end of the build", file=path)
        layer = Layer(
            buildpack=self.name,
            stage=Stage.BUILD,
            title=path,
            template="post_build",
            variables={"path": path, "commands": script.commands, "bash": bash},
            evidence=(evidence,),
            resources=("programs/where-it-failed",) if bash else (),
        )
        return replace(
            needs(script),
            layers=(layer,),
            notices=script.notices,
            labextensions=tuple(_labextensions(script)),
            compiles=script.lines(why="compiles", matches=COMPILES.search),
        )


def _labextensions(script: Script) -> Iterator[Notice]:
    """The extensions that the script gets from npm, although JupyterLab has them or a package for Python does."""
    goes_on = False
    if OTHER_LAB.search(script.text or "") or not SHELL.match(script.text or ""):
        return  # another JupyterLab, or words of another language
    for number, line in enumerate((script.text or "")[:LONGEST].split("\n"), 1):
        code = line.partition("#")[0]
        command = LABEXTENSION.search(code)
        if not (command or goes_on):
            continue
        goes_on = code.rstrip().endswith("\\")
        for word in re.split(r"[;&|]", code[command.end() if command else 0 :])[0].split():
            name = NPM_NAME.match(word)
            package = instead_of(name[0]) if name else None
            if name and package is not None:
                has = (
                    f"gets `{name[0]}` from the Python package `{package}`"
                    if package
                    else f"includes `{name[0]}`"
                )
                message = f"JupyterLab 4 {has}, without `jupyter labextension install`"
                yield Notice(level="warning", message=message, file=script.path, line=number)
