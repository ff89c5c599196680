"""Checkout → Binder: the buildpack, then what it makes of the files, and where it stops."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from r2i.binder import detection as packs
from r2i.binder.detection import ChosenBuildpack, choose_buildpack, package_file
from r2i.binder.environment import BinderEnvironment, is_local, read_environment
from r2i.binder.files import BinderFiles
from r2i.binder.julia import julia_version, project_path
from r2i.binder.pythons import check_python, has_own_server, of_pipfile, of_runtime
from r2i.binder.reading import OF_PYTHON, BinderReading
from r2i.binder.runtime import read_runtime
from r2i.binder.values import (
    Binder,
    BinderError,
    BinderKernel,
    BinderLanguage,
    BinderStage,
    Chosen,
    RefusedByBinder,
)
from r2i.checkout import Checkout
from r2i.facts.binder import environments, table
from r2i.model import Evidence

#: Only the beginning of a word is checked.
Made = TypeVar("Made")

APT_NAME = re.compile(r"[a-z0-9.+-]+")


def binder_of(checkout: Checkout) -> Binder:
    """What repo2docker makes of it, on a machine of mybinder.org (`linux/amd64`); raises nothing for what is in the files."""
    files = BinderFiles(checkout)
    binder = Binder(version=table()["version"])
    with suppress(RefusedByBinder):
        binder = replace(binder, config_dir=files.config_dir)
    try:
        chosen = choose_buildpack(files)
    except RefusedByBinder as refused:
        return replace(binder, error=refused.at("detection"))
    binder = replace(binder, buildpack=chosen.name, default=chosen.default, reason=chosen.reason)
    return _Making(files, chosen).of(binder)


@dataclass(frozen=True)
class _Making:
    files: BinderFiles
    chosen: ChosenBuildpack

    def of(self, binder: Binder) -> Binder:
        name, errors = self.chosen.name, list[BinderError]()
        python = self.tried(self.python, "python", errors)
        environment = self.tried(self.environment, "dockerfile", errors)
        r = self.tried(self.r, "dockerfile", errors) if name == packs.R else None
        for check in self.checks(python, environment):
            self.tried(check, "dockerfile", errors)
        julia = self.tried(self.julia, "dockerfile", errors) if name == packs.JULIA else None
        known = python is not None and python.version in environments()
        separate = python is not None and known and not has_own_server(python.version)
        reading = BinderReading(files=self.files, chosen=self.chosen, separate=separate)
        with_r = environment is not None and environment.r_packages is not None
        with suppress(RefusedByBinder):  # a `pyproject.toml` that is wrong is an error already
            binder = replace(binder, reads=reading.reads(), ignored=reading.ignored())
        return replace(
            binder,
            base_image=None if name == packs.DOCKER else table()["base_image"],
            python=python.version if python is not None else None,
            python_reason=python.evidence if python is not None else None,
            python_change=environment.solved_python(python.version) if environment and python else None,
            server_python=table()["python"]["default"] if separate else None,
            r=r or (_of_conda(environment) if environment is not None else None),
            julia=julia,
            kernels=tuple(
                _kernels(
                    python if known else None, separate=separate, r=name == packs.R or with_r, julia=julia
                )
            ),
            rstudio=name == packs.R or with_r,
            error=errors[0] if errors else None,
            build_error=self.build_error(),
        )

    @staticmethod
    def tried(make: Callable[[], Made], stage: BinderStage, errors: list[BinderError]) -> Made | None:
        try:
            return make()
        except RefusedByBinder as refused:
            errors.append(refused.at(stage))
            return None

    def python(self) -> Chosen | None:
        match self.chosen.name:
            case packs.DOCKER | packs.NIX:
                return None
            case packs.CONDA:
                return self.conda.python() if self.conda is not None else None
            case packs.PIPFILE:
                return of_pipfile(self.files)
            case _:
                return of_runtime(self.files, read_runtime(self.files))

    @cached_property
    def conda(self) -> BinderEnvironment | None:
        return read_environment(self.files)

    def environment(self) -> BinderEnvironment | None:
        return self.conda if self.chosen.name in (*OF_PYTHON, packs.CONDA) else None

    def r(self) -> BinderLanguage:
        """`runtime.txt` sets it even where it names Python: only the number counts."""
        runtime, facts = read_runtime(self.files), table()["r"]
        day = runtime.day if runtime.name == "r" else None
        if day is not None and day.isoformat() < facts["first_day"]:
            raise RefusedByBinder(
                f"There are no R packages of days before {facts['first_day']}", file=runtime.path
            )
        if not runtime.version:
            why, version = "names no version of R, so repo2docker takes its default", facts["default"]
        else:
            why, version = (
                f"asks for R {runtime.version[:60]}",
                facts["versions"].get(runtime.version, runtime.version),
            )
            if len(version.split(".")) != 3:
                raise RefusedByBinder(f"repo2docker knows no R {version[:60]}", file=runtime.path, line=1)
        evidence = Evidence(why=why, file=runtime.path or self.chosen.reason.file)
        return BinderLanguage(
            version=version, evidence=evidence, day=day.isoformat() if day is not None else ""
        )

    def julia(self) -> BinderLanguage | None:
        path = project_path(self.files)
        return julia_version(self.files, path) if path is not None else None

    def checks(
        self, python: Chosen | None, environment: BinderEnvironment | None
    ) -> Iterator[Callable[[], object]]:
        """What else repo2docker reads as it writes its Dockerfile, and stops at."""
        name = self.chosen.name
        if name == packs.DOCKER:
            yield lambda: self.files.text(str(self.files.config("Dockerfile")))
            return
        if environment is not None:
            yield environment.check_pip
        if name in OF_PYTHON:
            yield self.check_requirements
        yield self.check_apt
        if python is not None:
            yield lambda: check_python(python)

    def check_requirements(self) -> None:
        """It looks for local files in them, unless the whole repository is needed anyway; it guesses how they are encoded."""
        if package_file(self.files) is not None:
            return
        for name in ("requirements.txt", "requirements3.txt"):
            path = self.files.config(name)
            if path is None:
                continue
            text = self.files.data(path).decode("utf-8", errors="replace")
            if any(is_local(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
                return

    def check_apt(self) -> None:
        path = self.files.config("apt.txt")
        for number, line in enumerate(self.files.text(path).split("\n") if path is not None else (), 1):
            name = line.partition("#")[0].strip()
            if name and not APT_NAME.match(name):
                raise RefusedByBinder(f"`{name[:60]}` is not the name of a package", file=path, line=number)

    def build_error(self) -> BinderError | None:
        if self.chosen.name == packs.REQUIRE:
            message = "repo2docker no longer builds Julia repositories that have `REQUIRE` only"
            return BinderError(stage="build", message=message, file=self.files.config("REQUIRE"))
        if self.chosen.name == packs.DOCKER:
            return None
        for name in (".dockerignore", ".containerignore"):
            if path := self.files.config(name):
                try:
                    self.files.text(path)
                except RefusedByBinder as refused:
                    return refused.at("build")
        return None


def _of_conda(environment: BinderEnvironment) -> BinderLanguage | None:
    package = environment.r_packages
    if package is None:
        return None
    why = f"asks for `{package.text[:60]}`, so repo2docker adds R, its kernel and RStudio"
    evidence = Evidence(why=why, file=environment.path, line=package.line)
    return BinderLanguage(version=environment.r_version(), evidence=evidence)


def _kernels(
    python: Chosen | None, *, separate: bool, r: bool, julia: BinderLanguage | None
) -> Iterator[BinderKernel]:
    """Those that repo2docker registers; packages of the repository may add others."""
    if python is not None:
        own = BinderKernel(name=f"python{python.version[0]}", language=f"Python {python.version}")
        if separate and own.name != "python3":
            yield BinderKernel(name="python3", language=f"Python {table()['python']['default']}")
        yield own
    if r:
        yield BinderKernel(name="ir", language="R")
    if julia is not None:
        minor = julia.version.rpartition(".")[0]
        yield BinderKernel(name=f"julia-{minor}", language=f"Julia {minor}")
