"""Ask repo2docker itself what it makes of directories: one path a line on stdin, one JSON object a line on stdout.

Runs in an environment of its own that has `jupyter-repo2docker` (benchmarks/binder.py makes it), without an engine and without a
network: what it would ask servers (the releases of Julia, the snapshots of CRAN) is answered from the file that is its argument.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from repo2docker.app import Repo2Docker

#: A directory of so many bytes is built from, as far as its archive; larger ones take too much memory.
MOST = 20_000_000


#: What its Dockerfile does with a file or a kernel, by the words that say so.
STEPS = {
    "requirements.txt": r'KERNEL_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "',
    "requirements3.txt": r'NB_PYTHON_PREFIX}/bin/pip install --no-cache-dir -r "',
    "environment.yml": r"env update -p",
    "a Python package": r"(?m)pip install --no-cache-dir \.$",
    "an R package": r"remotes::install_local\(\)",
    "install.R": r"Rscript .*install\.R",
    "Pipfile": r"pipenv install",
    "postBuild": r"(?m)^RUN \./.*postBuild$",
    "start": r'R2D_ENTRYPOINT="\${REPO_DIR}/',
    "ir": r"IRkernel::installspec",
    "julia": r"installkernel\(",
}


class Answer:
    def __init__(self, value: Any) -> None:
        self.value = value

    def json(self) -> Any:
        return self.value


class Engine:
    """What takes the archive of a build, and does nothing with it."""

    @staticmethod
    def build(**_given: Any) -> Iterator[str]:
        yield from ()


def chosen(app: Repo2Docker) -> Any:
    for kind in app.buildpacks:
        pack = kind(base_image=app.base_image)
        if pack.detect():
            return pack
    return app.default_buildpack(base_image=app.base_image)


def asked(app: Repo2Docker, said: dict[str, Any]) -> None:
    """`stage` is where it stops, if it does."""
    said["stage"] = "detection"
    pack = chosen(app)
    pack.platform = "linux/amd64"
    said |= {"buildpack": type(pack).__name__, "stage": "python"}
    said["python"] = pack.python_version if hasattr(type(pack), "python_version") else None
    said["stage"] = "dockerfile"
    text = pack.render({"NB_USER": "jovyan", "NB_UID": "1000"})
    if said["python"] is not None:
        said["separate"] = bool(pack.separate_kernel_env)
        said["rstudio"] = "rstudio-server" in text
    if type(pack).__name__ == "RBuildPack":
        said["r"] = pack.r_version
    said["julia"] = pack.julia_version if hasattr(type(pack), "julia_version") else None
    said["steps"] = sorted(what for what, words in STEPS.items() if re.search(words, text))
    said["stage"] = "build"
    if sum(file.lstat().st_size for file in Path().rglob("*")) < MOST:
        for _ in pack.build(Engine(), "image", 0, {"NB_UID": "1000"}, [], {}):
            pass
    said["stage"] = None


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    julia = json.loads(Path(sys.argv[1]).read_text())
    requests.get = lambda *_, **__: Answer({version: {} for version in julia})
    requests.post = lambda *_, **__: Answer({"upsi": "snapshot"})
    app = Repo2Docker()
    for line in sys.stdin:
        said: dict[str, Any] = {}
        os.chdir(line.rstrip("\n"))
        try:
            asked(app, said)
        except Exception as error:  # noqa: BLE001 - whatever it is, repo2docker would stop
            said["error"] = f"{type(error).__name__}: {error}"[:300]
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
