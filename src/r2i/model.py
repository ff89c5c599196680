"""The values of the pipeline, in the order in which they are made. All are immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Value: TypeAlias = "str | int | bool | tuple[Value, ...]"
Variables: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A user name and perhaps a password that stood in a URL. Never shown, never in a plan."""

    username: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the user typed, understood but not fetched.

    `location` is a URL without credentials, or an absolute path for provider `local`. `ref_path` is the end of a
    link: a ref, a slash, and a directory (or a file, where `ref_path_is_file`). Both may contain slashes, so that
    only the repository can tell where the one ends and the other begins.

    `opens` is what a link to a hub opens in the browser: a path below the server's own, as in its `urlpath`
    (`lab/tree/index.ipynb`). It is no part of the image. `content` is another repository that the link puts into it.
    `query` is that of the URL of an archive: for its server only, because it may sign the request.
    """

    provider: str
    location: str
    ref: str | None = None
    subdirectory: str = ""
    ref_path: str = ""
    ref_path_is_file: bool = False
    opens: str = field(default="", compare=False)
    content: Content | None = None
    query: str = field(default="", repr=False, compare=False)
    credentials: Credentials | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Content:
    """A repository that is put into a directory of another one's checkout, which is not there before.

    `led_by` is the full name of the ref that led to its commit, once it is resolved.
    """

    source: Source
    directory: str
    led_by: str = field(default="", compare=False)

    @property
    def words(self) -> tuple[str, str, str]:
        """All that names it; a commit once it is resolved."""
        return (self.source.location, self.source.ref or "", self.directory)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Why something is in the plan: a file (relative to the checkout) and a line counted from 1, or just a reason."""

    why: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something the user should be told about the plan; `warning` where it may surprise."""

    level: Literal["info", "warning"]
    message: str
    file: str | None = None
    line: int | None = None


class Momentary(str):
    """A sentence that the next one of its kind makes obsolete: how far a download is. Told at most twice a second.

    A terminal draws the next one over it; whoever keeps a log shows one now and then.
    """

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """A configuration file that was seen and does not count, and why."""

    file: str
    reason: str

    @classmethod
    def beaten(cls, file: str, *, by: str) -> Ignored:
        """One that would define the Python environment, and comes after another one that does."""
        return cls(file=file, reason=f"`{by}` defines the Python environment")


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release of a distribution that r2i knows; `python` is the version of its `python3` package."""

    name: str
    distribution: Literal["debian", "ubuntu"]
    python: str


@dataclass(frozen=True, kw_only=True)
class BaseImage:
    """The image to build on; `release` is None where its name does not tell which distribution it is.

    `evidence` is why r2i chose it, None where it is the default or the user names it.
    """

    reference: str
    release: Release | None
    evidence: Evidence | None = None


@dataclass(frozen=True, kw_only=True)
class BaseChoice:
    """A base image that fits what files ask for better than the default; `firm` where the default does not do at all."""

    reference: str
    evidence: Evidence
    firm: bool


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for on the command line, as far as it changes the plan.

    `base_evidence` is why r2i chose the base image, None where the user did, or nobody.
    `extras` and `groups` are the optional dependencies and dependency groups to install. `as_of` is a moment in UTC
    (RFC 3339, `2021-06-30T00:00:00Z`): what was published later is not there; `as_of_evidence` is who says so.
    `installer` may be the pip that still took what old releases say of themselves.
    With `own_python`, the base image's Python is taken where only weak evidence asks for another one.
    `apt` are Debian packages beyond those of `apt.txt`; `replace` maps names of distributions to the requirement that is
    installed in their place, empty for none. With `rstudio`, an image with R has RStudio.
    With `as_repo2docker`, what repo2docker builds is not refused: a problem that it does not have is a warning. With
    `must_declare`, a repository without any file that declares something has no image.
    """

    base_image: str | None = None
    base_evidence: Evidence | None = None
    python: str | None = None
    own_python: bool = False
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    as_of: str | None = None
    as_of_evidence: Evidence = Evidence(why="`--as-of`")
    installer: Literal["uv", "pip"] = "uv"
    apt: tuple[str, ...] = ()
    replace: Mapping[str, str] = field(default_factory=dict)
    rstudio: bool = False
    as_repo2docker: bool = False
    must_declare: bool = False
    user_name: str = "jovyan"
    user_id: int = 1000
    repo_dir: str | None = None
    appendix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)
    build_network: Literal["default", "none"] = "default"


class Stage(IntEnum):
    """The layer-cache policy: layers are built in this order, so what changes least comes first."""

    SYSTEM = 10
    JUPYTER = 20
    APT = 30
    USER = 40
    LANGUAGE = 50
    DEPENDENCIES = 60
    SOURCE = 70
    PACKAGE = 80
    BUILD = 90
    START = 100


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One part of the Dockerfile: a template and the validated values that it takes.

    `title` names the layer for people (`apt.txt: 3 packages`); `template` is the stem of a
    `*.Dockerfile.j2` beside the buildpack. The template may mount files from the build context `r2i`: `support`
    are such files by path, `resources` the names of files that lie beside the template.
    """

    buildpack: str
    stage: Stage
    title: str
    template: str
    variables: Variables = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    support: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VersionRequest:
    """A version of a language (`3.11` or `3.11.7`) that a file or the user asks for, empty where any will do.

    `day` is the one whose packages are asked for (`2022-01-01`), empty where none is.
    """

    version: str
    evidence: Evidence
    day: str = ""


@dataclass(frozen=True, kw_only=True)
class PythonConstraint:
    """A set of Python versions that a file allows, as a specifier of PEP 440 (`>=3.9,<3.12`)."""

    specifier: str
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Pin:
    """The versions of a distribution that a file allows: its normalised name and a specifier of PEP 440.

    `marker` is the condition of PEP 508 under which it is asked for at all, empty where it always is.
    """

    name: str
    specifier: str
    evidence: Evidence
    marker: str = ""


@dataclass(frozen=True, kw_only=True)
class PipInstall:
    """How requirements are installed, as `uv pip install` understands it.

    `support` maps paths below `requirements/` to the text of requirements files without anything local,
    comments or blank lines: their bytes change only when what is installed changes. `entry` names the one
    to install from (None where there is nothing to install), `options` are further arguments. `local` are arguments
    for what lies in the checkout, relative to its root, `local_options` further ones for that step alone.
    """

    entry: str | None = None
    support: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    local_options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EnvironmentTemplate:
    """What installs everything that does not lie in the checkout.

    Where it is not the general one, it lies beside the buildpack and takes `variables`, too, mounts `files` (by path
    below the build context `r2i`) and `resources`, and runs `tools`, each a throw-away stage with the tool of that name
    in `/opt`.
    """

    name: str = "environment"
    variables: Variables = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PythonEnvironment:
    """What is asked for in the repository's Python environment, and with `install` and `template` how it gets there.

    `defined_by` is the file that the buildpack of that name read; all files that it took into account are in the
    evidence. `names` are the normalised names (PEP 503) of all distributions asked for, `pins` the versions of those that
    are restricted: they tell which Pythons there are wheels for. `heeds` are those of `--extra` and `--group` that it took
    into account. `exact` says that every release is named, also of what others depend on. `imported` are requirements that no
    file names, but code needs and the Binder environment has.

    `conda_versions` are names of conda packages that are asked for in one version.

    `opaque` says that only its build tells what is in it: nothing is added to it, and it brings all languages and the server if it has them.

    `manager` is what makes `/srv/env`: uv a virtual environment with the planned interpreter, conda a prefix with an
    interpreter of its own. `brings` is the Python that is among its exact packages: whatever else is asked for, there is
    no other.
    """

    buildpack: str
    defined_by: str
    evidence: tuple[Evidence, ...] = ()
    names: Mapping[str, Evidence] = field(default_factory=dict)
    pins: tuple[Pin, ...] = ()
    conda_versions: frozenset[str] = frozenset()
    heeds: tuple[str, ...] = ()
    exact: bool = False
    opaque: bool = False
    imported: Mapping[str, Evidence] = field(default_factory=dict)
    manager: Literal["uv", "conda"] = "uv"
    brings: VersionRequest | None = None
    install: PipInstall = PipInstall()
    template: EnvironmentTemplate = EnvironmentTemplate()


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language beside Python: its name and version, who provides it (`from Debian`), and the name of its kernel.

    `aliases` are the names by which notebooks ask for the kernel beside its own.
    """

    name: str
    version: str
    provider: str
    kernel: str
    evidence: Evidence
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatedFiles:
    """The files of a language whose packages `--as-of` sets the day of, the one that defines them first, and, if they leave
    nothing open, why (a clause)."""

    files: tuple[str, ...]
    closed: str = ""


@dataclass(frozen=True, kw_only=True)
class Interface:
    """A web interface beside Jupyter that its server proxies, and why it is there.

    `asked` says that the user asked for it, `packages` are Debian packages that it needs.
    """

    name: Literal["rstudio", "shiny"]
    evidence: Evidence
    asked: bool = False
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What one buildpack found in a checkout.

    `requests` are versions that a file names, by language (`python`, `r`, …), `ran_on` what notebooks say they ran on, and `kernels` the
    names of the kernels that they ask for.
    `base` is a base image that it would rather build on, where the user names none: everything is then detected again for that one.
    `language` is one that the layers install, `interfaces` are what the Jupyter server proxies, `packages` are names of Debian packages among them, `dated` what `--as-of` looks at.

    `server` is evidence that the repository brings parts of the Jupyter server, `classic` that it needs the classic Notebook, `compiles` that it needs a
    compiler in the final image, `node`, `yarn` and `conda` that it needs these programs there. `imports` are modules that code imports and the Binder environment has. `labextensions` is said where the server is
    JupyterLab 4. `alone` is what is wrong with the file if no other one says what to build. `start` is
    the path of a script that wraps the command, `entered` a program of the image that wraps it and all that the repository runs, `dockerfile` the path of one that replaces everything else.
    """

    layers: tuple[Layer, ...] = ()
    notices: tuple[Notice, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    requests: Mapping[str, VersionRequest] = field(default_factory=dict)
    requires: tuple[PythonConstraint, ...] = ()
    ran_on: Mapping[str, VersionRequest] = field(default_factory=dict)
    kernels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    base: BaseChoice | None = None
    language: Language | None = None
    dated: DatedFiles | None = None
    interfaces: tuple[Interface, ...] = ()
    packages: frozenset[str] = frozenset()
    imports: Mapping[str, Evidence] = field(default_factory=dict)
    environment: PythonEnvironment | None = None
    server: tuple[Evidence, ...] = ()
    classic: tuple[Evidence, ...] = ()
    compiles: tuple[Evidence, ...] = ()
    node: tuple[Evidence, ...] = ()
    yarn: tuple[Evidence, ...] = ()
    conda: tuple[Evidence, ...] = ()
    labextensions: tuple[Notice, ...] = ()
    alone: Evidence | None = None
    start: str | None = None
    entered: str | None = None
    dockerfile: str | None = None


@dataclass(frozen=True, kw_only=True)
class Python:
    """The interpreter of the repository's environment, and who provides it: the base image, uv or conda."""

    version: str
    provider: Literal["base", "uv", "conda"]
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class AsOf:
    """The moment whose packages are taken, in UTC (RFC 3339), and where it is from."""

    moment: str
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class JupyterServer:
    """Where the Jupyter server lives: apart from the repository's environment, or joined with it."""

    mode: Literal["split", "joined"]
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that will be built, and why. The same for the same checkout and options, on every machine.

    `dockerfile` is the path of the repository's own Dockerfile where it has one: then there are no layers.
    `variables` is the environment of the image, `command` what it runs, `labels` what it is labelled with.
    """

    base: BaseImage
    user_name: str
    user_id: int
    repo_dir: str
    config_dir: str = ""
    dockerfile: str | None = None
    python: Python | None = None
    languages: tuple[Language, ...] = ()
    jupyter: JupyterServer | None = None
    as_of: AsOf | None = None
    layers: tuple[Layer, ...] = ()
    notices: tuple[Notice, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)
    dockerignore: str = ""


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """What an engine builds.

    `support` are the few files that come from r2i and not from the checkout, by path: the Dockerfile reads them
    from the build context named `r2i`. `ignore` is a `.dockerignore` for the checkout. `layer_lines` tells for each
    line of `text`, counted from 1, the index in the plan of the layer that it belongs to (lines of no layer are absent).
    """

    text: str
    support: Mapping[str, str]
    ignore: str
    layer_lines: Mapping[int, int]


#: `require` (a requirement) and `post-build` (a line of that script) are for the repository's own files: no option has them.
ChangeOption: TypeAlias = Literal["python", "as-of", "apt", "replace", "installer", "require", "post-build"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """An option of the command line, without its dashes, and the value with which another build may succeed."""

    option: ChangeOption
    value: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """As one types it; several packages are several options. Nothing where there is no such option."""
        if self.option in ("require", "post-build"):
            return ()
        values = self.value.split() if self.option == "apt" else [self.value]
        return tuple(word for value in values for word in (f"--{self.option}", value))


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Why a build step or a notebook failed.

    `cause` is the stable code of a rule (docs/diagnosis.md), `evidence` the line of the log that shows it, `package` the
    name of the distribution that it is about, where it is about one. `changes` may mend it, the smallest first.
    """

    cause: str
    message: str
    evidence: str
    hint: str | None = None
    changes: tuple[Change, ...] = ()
    package: str = ""
    temporary: bool = False


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image of the local store: the name it was asked for by, and its id (`sha256:…`).

    `digest` is that of its manifest in the registry that it came from, None where it was made here; `user` is whom it
    runs as, empty for root. `repositories` are the names under which registries have it, `triggers` what it has an
    image do that builds on it (`ONBUILD`; Podman does not tell); `platform` is like `linux/amd64`; `size` is that of all its layers, in bytes.
    """

    reference: str
    id: str
    digest: str | None = None
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    repositories: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    platform: str = ""
    size: int = 0
