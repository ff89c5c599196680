"""One file a buildpack, its templates beside it.

`CHAIN` is in the order in which a reader of the plan expects them; it does not decide anything: every buildpack that
finds something adds its layers, and `Stage` puts them in order. Two exceptions are data: a repository's own
`Dockerfile` is exclusive, and the first of `ENVIRONMENTS` that finds something defines the Python environment.
"""

from __future__ import annotations

from typing import Final

from r2i.buildpacks.apt import Apt
from r2i.buildpacks.dockerfile import OwnDockerfile
from r2i.buildpacks.node import Node
from r2i.buildpacks.notebooks import Notebooks
from r2i.buildpacks.post_build import PostBuild
from r2i.buildpacks.protocol import Buildpack
from r2i.buildpacks.python_version import PythonVersion
from r2i.buildpacks.runtime_txt import RuntimeTxt
from r2i.buildpacks.start import Start
from r2i.buildpacks.when_there import WhenClaimed, WhenThere

CHAIN: Final[tuple[Buildpack, ...]] = (
    OwnDockerfile(),
    Apt(),
    RuntimeTxt(),  # before `.python-version`: the file that was written for Binder decides
    PythonVersion(),
    Notebooks(),
    Node(),
    PostBuild(),
    Start(),
)

#: Exactly one of these defines the Python environment: the first that finds its file. This is repo2docker's order,
#: with the files that it does not know where their kind stands; a lock comes before what it locks.
ENVIRONMENTS: Final[tuple[WhenThere, ...]] = (
    WhenThere("nix.Nix", ("default.nix",)),
    WhenThere(
        "conda_lock.CondaLocks",
        (
            "conda-lock.yml",
            "conda-linux-64.lock",
            "explicit.txt",
            "spec-file.txt",
            "conda-explicit.txt",
            "spec-list.txt",
        ),
        also=("environment.yml", "environment.yaml"),
    ),
    WhenThere("conda.Conda", ("environment.yml", "environment.yaml")),
    WhenThere("pixi.Pixi", ("pixi.lock", "pixi.toml", "pyproject.toml")),
    WhenThere("pipfile.Pipfile", ("Pipfile.lock", "Pipfile")),
    WhenThere("uv_lock.UvLock", ("uv.lock",)),
    WhenThere("pylock.Pylock", ("pylock.toml",), also=("pylock.*.toml",)),
    WhenThere("poetry_lock.PoetryLock", ("poetry.lock",)),
    WhenThere("pdm_lock.PdmLock", ("pdm.lock",)),
    WhenThere("requirements.Requirements", ("requirements.txt",)),
    WhenThere("package.Package", ("pyproject.toml", "setup.py", "setup.cfg")),
    WhenThere("nix.NixShell", ("shell.nix", "flake.nix")),
)

#: The languages beside Python: each that is asked for adds its layers. The names are the keys of `Detection.requests`. A language
#: whose packages run another one comes before it.
LANGUAGES: Final[tuple[WhenClaimed, ...]] = (
    WhenClaimed(
        "julia.Julia",
        ("JuliaProject.toml", "Project.toml", "JuliaManifest.toml", "Manifest.toml", "REQUIRE"),
    ),
    WhenClaimed(
        "r.R",
        ("install.R", "install.r", "DESCRIPTION", "renv.lock"),
        packages=("r-base", "r-base-core", "r-cran-irkernel", "r-irkernel", "r-recommended"),
    ),
)
