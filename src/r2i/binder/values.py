"""What repo2docker makes of a checkout: the values of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from r2i.model import Evidence, Ignored

#: Where repo2docker stops: as it chooses a buildpack, as it asks that for the Python, as it writes its Dockerfile, or as it starts to build.
BinderStage = Literal["detection", "python", "dockerfile", "build"]


@dataclass(frozen=True, kw_only=True)
class BinderError:
    """Why repo2docker stops, in the words of r2i: what it prints itself is often a traceback."""

    stage: BinderStage
    message: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class BinderKernel:
    """A kernel that notebooks can ask for, and the language that it runs (`Python 2.7`)."""

    name: str
    language: str


@dataclass(frozen=True, kw_only=True)
class BinderPackage:
    """A package that `apt.txt` asks for; `exists` is false where Ubuntu is known not to have it, `instead` what it has in its place."""

    name: str
    line: int
    exists: bool = True
    instead: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BinderCommand:
    """A command that `postBuild` calls, first in that line; `why` says why the image does not have it."""

    name: str
    line: int
    exists: bool
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class BinderContents:
    """What is in the image: the packages that `apt.txt` asks for, and where that file is, the commands of `postBuild` of which it is known whether it has
    them, and the conda packages beside which those of the repository are installed, with their versions."""

    apt: tuple[BinderPackage, ...] = ()
    apt_file: str | None = None
    commands: tuple[BinderCommand, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BinderLanguage:
    """The version of R or Julia; `day` is the one whose R packages are installed, empty where it is that of the build."""

    version: str
    evidence: Evidence
    day: str = ""


@dataclass(frozen=True, kw_only=True)
class Binder:
    """What repo2docker of that version makes of a checkout.

    `buildpack` is the name of its class, None where it stops before it has one; `reason` is why, and `default` says that no
    file chose it: then mybinder.org refuses the repository. `python` is that of the notebooks (`3.10`, or words that it takes for
    a version where there is an error), None where the buildpack has none; `server_python` that of the server where it is
    another one; `python_change` is what makes conda install another Python in the end, which nobody knows before. `base_image` is None where the repository's own Dockerfile names it. `reads` are the files that it takes
    into account, and `ignored` those that it passes over.

    `error` stops it before it builds anything (`repo2docker --no-build` fails), `build_error` when it starts to build.
    """

    version: str
    config_dir: str | None = None
    buildpack: str | None = None
    default: bool = False
    reason: Evidence | None = None
    base_image: str | None = None
    python: str | None = None
    python_reason: Evidence | None = None
    python_change: Evidence | None = None
    server_python: str | None = None
    r: BinderLanguage | None = None
    julia: BinderLanguage | None = None
    kernels: tuple[BinderKernel, ...] = ()
    rstudio: bool = False
    reads: tuple[Evidence, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    error: BinderError | None = None
    build_error: BinderError | None = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that r2i's plan and Binder do not share: what each has, and why."""

    what: str
    r2i: str
    binder: str
    r2i_reason: Evidence | None = None
    binder_reason: Evidence | None = None


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A version, and why it is that one."""

    version: str
    evidence: Evidence = field(
        default_factory=lambda: Evidence(why="no file sets a version; this is the default of repo2docker")
    )


class RefusedByBinder(Exception):  # noqa: N818 - it is no failure of r2i
    """repo2docker stops here; `stage` is that of whoever catches it."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line

    def at(self, stage: BinderStage) -> BinderError:
        return BinderError(stage=stage, message=self.message, file=self.file, line=self.line)
