"""Which files of the configuration repo2docker takes into account, and which it passes over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from r2i.binder import detection as packs
from r2i.binder.detection import ChosenBuildpack, package_file
from r2i.binder.environment import environment_path
from r2i.binder.files import BinderFiles
from r2i.model import Evidence, Ignored

#: Where the configuration is, at the root or in its directory.
CONFIG = (
    "Dockerfile",
    "JuliaProject.toml",
    "Project.toml",
    "JuliaManifest.toml",
    "Manifest.toml",
    "REQUIRE",
    "default.nix",
    "runtime.txt",
    "install.R",
    "environment.yml",
    "environment.yaml",
    "Pipfile",
    "Pipfile.lock",
    "requirements.txt",
    "requirements3.txt",
    "apt.txt",
    "postBuild",
    "start",
)
#: Read in the root alone, and only where there is no directory of the configuration.
OF_ROOT = ("DESCRIPTION", "setup.py", "pyproject.toml")

#: What other tools write, and r2i reads.
NEVER_READ = (
    ".python-version",
    "conda-lock.yml",
    "conda-lock.yaml",
    "pdm.lock",
    "pixi.lock",
    "pixi.toml",
    "poetry.lock",
    "pylock.toml",
    "renv.lock",
    "setup.cfg",
    "uv.lock",
)

COMMON = {
    "apt.txt": "Ubuntu packages",
    "postBuild": "runs at the end of the build",
    "start": "runs at every start",
}
#: By buildpack, what it alone reads.
OF_ONE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        packs.DOCKER: {"Dockerfile": "describes the whole image"},
        packs.NIX: {"default.nix": "describes the environment"},
        packs.JULIA: {
            "JuliaProject.toml": "Julia, and its packages",
            "Project.toml": "Julia, and its packages",
            "JuliaManifest.toml": "the versions of the Julia packages",
            "Manifest.toml": "the versions of the Julia packages",
        },
        packs.REQUIRE: {"REQUIRE": "stops the build"},
        packs.R: {"install.R": "runs in the build; an error in it does not stop the build"},
        packs.PIPFILE: {
            "Pipfile.lock": "Python packages in these versions",
            "Pipfile": "Python packages, unless `Pipfile.lock` has them",
        },
    }
)
OF_PYTHON = (packs.R, packs.JULIA, packs.REQUIRE, packs.PYTHON)


@dataclass(frozen=True, kw_only=True)
class BinderReading:
    """`separate` says that the Python of the notebooks is not that of the server."""

    files: BinderFiles
    chosen: ChosenBuildpack
    separate: bool = False

    def reads(self) -> tuple[Evidence, ...]:
        found = dict(self._reads())
        return tuple(Evidence(why=why, file=path) for path, why in found.items())

    def _reads(self) -> Iterator[tuple[str, str]]:
        name = self.chosen.name
        for file, why in OF_ONE.get(name, {}).items():
            if file != "Project.toml" or not self.files.config("JuliaProject.toml"):
                yield from self._there(file, why)
        if name == packs.DOCKER:
            return
        if name == packs.R and (path := self.files.own("DESCRIPTION")):
            yield path, "the repository is an R package, and installed"
        if name in (*OF_PYTHON, packs.CONDA) and (path := environment_path(self.files)):
            yield path, "conda packages"
        if name in OF_PYTHON:
            yield from self._of_python()
        if self.separate and name in (*OF_PYTHON, packs.PIPFILE):
            yield from self._there("requirements3.txt", "Python packages of the server")
        for file, why in COMMON.items():
            yield from self._there(file, why)

    def _of_python(self) -> Iterator[tuple[str, str]]:
        yield from self._there("runtime.txt", "the version of Python or R, and the date of the R packages")
        yield from self._there("requirements.txt", "Python packages")
        package = package_file(self.files)
        project = self.files.own("pyproject.toml")
        if project is not None and package is None:
            yield (
                project,
                "`requires-python` only: without `[project]` and `[build-system]` nothing is installed",
            )
        elif project is not None:
            yield project, "`requires-python`, and the repository as a package"
        if package is not None and package != project:
            yield package, "the repository is a Python package, and installed"

    def _there(self, name: str, why: str) -> Iterator[tuple[str, str]]:
        if path := self.files.config(name):
            yield path, why

    def ignored(self) -> tuple[Ignored, ...]:
        read = {evidence.file for evidence in self.reads()}
        return tuple(
            Ignored(file=path, reason=reason) for path, reason in self._ignored() if path not in read
        )

    def _ignored(self) -> Iterator[tuple[str, str]]:
        directory = self.files.config_dir
        for name in (*CONFIG, *OF_ROOT, *NEVER_READ):
            if directory and self.files.exists(name):
                yield name, f"only files in `{directory}/` count because it exists"
            path = f"{directory}/{name}" if directory else name
            if self.files.exists(path):
                yield path, self._reason(name)

    def _reason(self, name: str) -> str:
        chosen = self.chosen
        rules = (
            (chosen.name == packs.DOCKER, "the `Dockerfile` describes the whole image"),
            (name in NEVER_READ, "repo2docker does not read this file"),
            (name in OF_ROOT and self.files.config_dir, "repo2docker reads this file only in the root"),
            (
                name == "install.R",
                "repo2docker runs it only with a date in `runtime.txt` or a `DESCRIPTION` in the root",
            ),
            (name == "requirements3.txt", "counts only beside a Python before 3.7"),
            (name == "environment.yaml" and self.files.config("environment.yml"), "`environment.yml` counts"),
            (name == "Project.toml" and self.files.config("JuliaProject.toml"), "`JuliaProject.toml` counts"),
            (chosen.reason.file is None, "repo2docker reads this file only together with another one"),
        )
        other = f"`{chosen.reason.file}` selects {chosen.name}, which does not read this file"
        return next((reason for applies, reason in rules if applies), other)
