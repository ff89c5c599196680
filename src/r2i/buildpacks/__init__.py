"""One file a buildpack, its templates beside it.

`CHAIN` is in the order in which a reader of the plan expects them; it does not decide anything: every buildpack that
finds something adds its layers, and `Stage` puts them in order. Two exceptions are data: a repository's own
`Dockerfile` is exclusive, and of `ENVIRONMENT_ORDER` the first file that exists defines the Python environment.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from r2i.buildpacks.apt import Apt
from r2i.buildpacks.dockerfile import OwnDockerfile
from r2i.buildpacks.notebooks import Notebooks
from r2i.buildpacks.post_build import PostBuild
from r2i.buildpacks.protocol import Buildpack
from r2i.buildpacks.python_version import PythonVersion
from r2i.buildpacks.requirements import Requirements
from r2i.buildpacks.runtime_txt import RuntimeTxt
from r2i.buildpacks.start import Start

CHAIN: Final[tuple[Buildpack, ...]] = (
    OwnDockerfile(),
    Apt(),
    RuntimeTxt(),  # before `.python-version`: the file that was written for Binder decides
    PythonVersion(),
    Requirements(),
    Notebooks(),
    PostBuild(),
    Start(),
)

#: repo2docker's order, with the lock files, which it does not know, before what they lock.
ENVIRONMENT_ORDER: Final = (
    "environment.yml",
    "environment.yaml",
    "conda-lock.yml",
    "pixi.lock",
    "pixi.toml",
    "Pipfile.lock",
    "Pipfile",
    "uv.lock",
    "pylock.toml",
    "poetry.lock",
    "pdm.lock",
    "requirements.txt",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
)

#: Files that ask for a language which r2i does not install yet.
UNSUPPORTED: Final = MappingProxyType(
    {
        "install.R": "R",
        "DESCRIPTION": "R",
        "renv.lock": "R",
        "Project.toml": "Julia",
        "JuliaProject.toml": "Julia",
        "REQUIRE": "Julia",
        "default.nix": "Nix",
    }
)
