"""One file a buildpack, its templates beside it.

`CHAIN` is in the order in which a reader of the plan expects them; it does not decide anything: every buildpack that
finds something adds its layers, and `Stage` puts them in order. Two exceptions are data: a repository's own
`Dockerfile` is exclusive, and the first of `ENVIRONMENTS` that finds something defines the Python environment.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from r2i.buildpacks.apt import Apt
from r2i.buildpacks.conda import Conda
from r2i.buildpacks.conda_lock import CondaLocks
from r2i.buildpacks.dockerfile import OwnDockerfile
from r2i.buildpacks.notebooks import Notebooks
from r2i.buildpacks.package import Package
from r2i.buildpacks.pdm_lock import PdmLock
from r2i.buildpacks.pipfile import Pipfile
from r2i.buildpacks.pixi import Pixi
from r2i.buildpacks.poetry_lock import PoetryLock
from r2i.buildpacks.post_build import PostBuild
from r2i.buildpacks.protocol import Buildpack, EnvironmentBuildpack
from r2i.buildpacks.pylock import Pylock
from r2i.buildpacks.python_version import PythonVersion
from r2i.buildpacks.requirements import Requirements
from r2i.buildpacks.runtime_txt import RuntimeTxt
from r2i.buildpacks.start import Start
from r2i.buildpacks.uv_lock import UvLock

CHAIN: Final[tuple[Buildpack, ...]] = (
    OwnDockerfile(),
    Apt(),
    RuntimeTxt(),  # before `.python-version`: the file that was written for Binder decides
    PythonVersion(),
    Notebooks(),
    PostBuild(),
    Start(),
)

#: Exactly one of these defines the Python environment: the first that finds its file. This is repo2docker's order,
#: with the files that it does not know where their kind stands; a lock comes before what it locks.
ENVIRONMENTS: Final[tuple[EnvironmentBuildpack, ...]] = (
    CondaLocks(),
    Conda(),
    Pixi(),
    Pipfile(),
    UvLock(),
    Pylock(),
    PoetryLock(),
    PdmLock(),
    Requirements(),
    Package(),
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
