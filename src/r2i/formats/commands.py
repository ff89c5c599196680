"""What the commands in `postBuild` and `start` need in the image."""

from __future__ import annotations

import re

from r2i.checkout.scripts import Script
from r2i.model import Detection

#: The beginning of a command, then a program of Node.js, or one that calls it.
NODE = re.compile(
    r"(?:^|[;&|(]|\b(?:sudo|then|do|exec)\b)\s*(?:(?:node|nodejs|npm|npx|yarn|corepack)(?=\s|$)"
    r"|jupyter[ -](?:labextension\s+(?:install|build|link)|lab\s+build)\b)"
)
YARN = re.compile(r"(?:^|[;&|(]|\b(?:sudo|then|do|exec)\b)\s*yarn(?=\s|$)")
#: Also by the path that it has in images of repo2docker.
CONDA = re.compile(
    r"(?:^|[;&|(]|\b(?:sudo|then|do|exec|source)\b)\s*"
    r"\"?(?:(?:\$\{?CONDA_DIR\}?|/srv/conda)\"?/(?:condabin|bin)/)?(?:conda|mamba)(?=[\s\"]|$)"
)

#: Programs that Notebook 7 and JupyterLab no longer have.
CLASSIC = re.compile(
    r"\bjupyter[ -](?:bundlerextension|contrib|contrib-nbextension|nbextension|nbextensions_configurator|serverextension)(?=\s|$)"
)
SERVER = re.compile(r"\bjupyter[ -](?:labextension|server\s+extension|lab\s+(?:build|clean))\b")
#: Apart from what it installs: one pattern for both would take the square of a line's length.
INSTALLS = re.compile(r"\bpip3?\s+install\b")
SERVER_PART = re.compile(r"\b(?:jupyter(?:lab|hub|-server)?|notebook|voila|nbgitpuller)\b")


def needs(script: Script) -> Detection:
    """With its evidence."""
    return Detection(
        server=script.lines(why="changes the Jupyter server", matches=_works_on_server),
        classic=script.lines(why="uses the classic Notebook", matches=CLASSIC.search),
        node=script.lines(why="runs Node.js", matches=NODE.search),
        yarn=script.lines(why="runs Yarn", matches=YARN.search),
        conda=script.lines(why="runs conda", matches=CONDA.search),
    )


def _works_on_server(line: str) -> bool:
    if SERVER.search(line) or CLASSIC.search(line):
        return True
    install = INSTALLS.search(line)
    return install is not None and SERVER_PART.search(line, install.end()) is not None
