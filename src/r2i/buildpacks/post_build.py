"""`postBuild`: a script that is run once, as the user, when everything else is there."""

from __future__ import annotations

import re

from r2i.checkout import Checkout
from r2i.model import BaseImage, Detection, Evidence, Layer, Stage
from r2i.scripts import inspect

#: The beginning of a command, then a program that compiles.
COMPILES = re.compile(
    r"(?:^|[;&|(]|\bsudo\b)\s*(?:gcc|g\+\+|cc|c\+\+|clang|gfortran|f2py|make|cmake|meson|ninja)(?=\s|$)"
)
SERVER = re.compile(
    r"\bjupyter[ -](?:labextension|serverextension|nbextension|nbextensions_configurator|contrib|server\s+extension"
    r"|lab\s+(?:build|clean))\b|\bpip3?\s+install\b.*\b(?:jupyter(?:lab|hub|-server)?|notebook|voila|nbgitpuller)\b"
)


class PostBuild:
    name = "post_build"
    files = ("postBuild",)

    def detect(self, checkout: Checkout, base: BaseImage) -> Detection | None:
        path = checkout.config("postBuild")
        if path is None:
            return None
        script = inspect(checkout, path)
        evidence = Evidence(why=f"`{path}`", file=path)
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
            compiles=_lines(script.text, COMPILES, path, "compiles"),
            server=_lines(script.text, SERVER, path, "works on the Jupyter server"),
        )


def _lines(text: str | None, pattern: re.Pattern[str], path: str, why: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(why=f"`{path}` {why}: `{line.strip()[:80]}`", file=path, line=number)
        for number, line in enumerate((text or "").splitlines(), 1)
        if pattern.search(line.partition("#")[0])
    )
