"""Which buildpack repo2docker chooses: the first of its list that accepts the files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from r2i.binder.environment import environment_path
from r2i.binder.files import BinderFiles
from r2i.binder.julia import project_path
from r2i.binder.runtime import Runtime, read_runtime
from r2i.binder.values import RefusedByBinder
from r2i.model import Evidence

LEGACY = "LegacyBinderDockerBuildPack"
DOCKER = "DockerBuildPack"
JULIA = "JuliaProjectTomlBuildPack"
REQUIRE = "JuliaRequireBuildPack"
NIX = "NixBuildPack"
R = "RBuildPack"
CONDA = "CondaBuildPack"
PIPFILE = "PipfileBuildPack"
PYTHON = "PythonBuildPack"


@dataclass(frozen=True, kw_only=True)
class ChosenBuildpack:
    """`runtime` is None for buildpacks that are chosen before `runtime.txt` is read, and `default` true for what nothing asked for."""

    name: str
    reason: Evidence
    default: bool = False


def choose_buildpack(files: BinderFiles) -> ChosenBuildpack:
    """Raise `RefusedByBinder` where repo2docker stops before it has one: it reads no further than it needs."""
    _check_legacy(files)
    for name, accepts in _ORDER.items():
        reason = accepts(files)
        if reason is not None:
            return ChosenBuildpack(name=name, reason=reason)
    return ChosenBuildpack(
        name=PYTHON, reason=Evidence(why="the default: no file chooses another buildpack"), default=True
    )


def _check_legacy(files: BinderFiles) -> None:
    """A `Dockerfile` of the root is read for this even where it does not count."""
    if not files.exists("Dockerfile"):
        return
    line = files.beginning("Dockerfile", "FROM")
    if line is not None and "andrewosh/binder-base" in line.partition("#")[0].lower():
        raise RefusedByBinder("The base image `andrewosh/binder-base` no longer exists", file="Dockerfile")


def _there(path: str | None) -> Evidence | None:
    return Evidence(why="selects this buildpack", file=path) if path is not None else None


def _docker(files: BinderFiles) -> Evidence | None:
    return _there(files.config("Dockerfile"))


def _julia(files: BinderFiles) -> Evidence | None:
    return _there(project_path(files))


def _require(files: BinderFiles) -> Evidence | None:
    return _there(files.config("REQUIRE"))


def _nix(files: BinderFiles) -> Evidence | None:
    return _there(files.config("default.nix"))


def _r(files: BinderFiles) -> Evidence | None:
    runtime = read_runtime(files)
    if runtime.name == "r" and runtime.day is not None:
        return Evidence(
            why=f"asks for R with the packages of {runtime.day.isoformat()}", file=runtime.path, line=1
        )
    return _there(files.own("DESCRIPTION"))


def _conda(files: BinderFiles) -> Evidence | None:
    return _there(environment_path(files))


def _pipfile(files: BinderFiles) -> Evidence | None:
    if _other_language(read_runtime(files)):
        return None
    return _there(files.config("Pipfile") or files.config("Pipfile.lock"))


def _python(files: BinderFiles) -> Evidence | None:
    runtime = read_runtime(files)
    if runtime.name is not None:
        return (
            None if _other_language(runtime) else Evidence(why="asks for Python", file=runtime.path, line=1)
        )
    return _there(package_file(files)) or _there(files.config("requirements.txt"))


def _other_language(runtime: Runtime) -> bool:
    return runtime.name is not None and runtime.name != "python"


def package_file(files: BinderFiles) -> str | None:
    """What makes the root a Python package that repo2docker installs: both tables have to be in `pyproject.toml`."""
    if (path := files.own("setup.py")) is not None:
        return path
    if (path := files.own("pyproject.toml")) is None:
        return None
    return path if {"project", "build-system"} <= files.toml(path).keys() else None


_ORDER: MappingProxyType[str, Callable[[BinderFiles], Evidence | None]] = MappingProxyType(
    {
        DOCKER: _docker,
        JULIA: _julia,
        REQUIRE: _require,
        NIX: _nix,
        R: _r,
        CONDA: _conda,
        PIPFILE: _pipfile,
        PYTHON: _python,
    }
)
