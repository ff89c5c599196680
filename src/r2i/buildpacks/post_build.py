"""`postBuild`: a script that is run once, as the user, when everything else is there."""

from __future__ import annotations

import re
from collections.abc import Callable

from r2i.checkout import Checkout
from r2i.model import BaseImage, Detection, Evidence, Layer, Stage
from r2i.scripts import inspect

#: The beginning of a command, then a program that compiles.
COMPILES = re.compile(
    r"(?:^|[;&|(]|\bsudo\b)\s*(?:gcc|g\+\+|cc|c\+\+|clang|gfortran|f2py|make|cmake|meson|ninja)(?=\s|$)"
)
SERVER = re.compile(
    r"\bjupyter[ -](?:labextension|serverextension|nbextension|nbextensions_configurator|contrib|server\s+extension"
    r"|lab\s+(?:build|clean))\b"
)
#: Apart from what it installs: one pattern for both would take the square of a line's length.
INSTALLS = re.compile(r"\bpip3?\s+install\b")
SERVER_PART = re.compile(r"\b(?:jupyter(?:lab|hub|-server)?|notebook|voila|nbgitpuller)\b")


class PostBuild:
    name = "post_build"
    files = ("postBuild",)

    def detect(self, checkout: Checkout, base: BaseImage) -> Detection | None:
        path = checkout.config("postBuild")
        if path is None:
            return None
        script = inspect(checkout, path)
        evidence = Evidence(why="run once, at the end of the build", file=path)
        layer = Layer(
            buildpack=self.name,
            stage=Stage.BUILD,
            title=path,
            template="post_build",
            variables={"path": path, "commands": script.commands},
            evidence=(evidence,),
        )
        return Detection(
            layers=(layer,),
            notices=script.notices,
            compiles=_lines(script.text, path, why="compiles", matches=_compiles),
            server=_lines(script.text, path, why="works on the Jupyter server", matches=_works_on_server),
        )


def _compiles(line: str) -> bool:
    return COMPILES.search(line) is not None


def _works_on_server(line: str) -> bool:
    if SERVER.search(line):
        return True
    install = INSTALLS.search(line)
    return install is not None and SERVER_PART.search(line, install.end()) is not None


def _lines(text: str | None, path: str, *, why: str, matches: Callable[[str], bool]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(why=f"`{path}` {why}: `{line.strip()[:80]}`", file=path, line=number)
        for number, line in enumerate((text or "").split("\n"), 1)
        if matches(line.partition("#")[0])
    )
