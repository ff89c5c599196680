"""The layers that every image has, whatever is in the repository; their templates lie beside this module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from r2i.facts.pins import pins
from r2i.image.conda import PROGRAMS as CONDA_PROGRAMS
from r2i.image.conda import SHARED_PROGRAMS, document
from r2i.model import (
    BaseImage,
    Evidence,
    Layer,
    Python,
    PythonEnvironment,
    Stage,
)

#: What people use in a terminal and packages in their installation; Python is the installer's, the server's and,
#: where it is the wanted one, the repository's.
SYSTEM_PACKAGES = (
    "ca-certificates",
    "curl",
    "git",
    "less",
    "python3",
    "python3-venv",
    "unzip",
    "wget",
)

TOOLCHAIN_PACKAGES = ("g++", "gcc", "gfortran", "libc6-dev", "make", "pkg-config", "python3-dev")

#: What scripts find in every image of repo2docker, beside the compilers.
BASE_PROGRAMS = (
    "build-essential",
    "bzip2",
    "file",
    "gettext-base",
    "openssh-client",
    "patch",
    "procps",
    "xz-utils",
)

NODE_PACKAGES = ("nodejs", "npm")

#: Its command is `yarnpkg`, since Debian has another `yarn`.
YARN_PACKAGE = "yarnpkg"

#: Always in the repository's environment: the kernel, the widgets, and what `%pip install` calls.
KERNEL_PACKAGES = ("pip", "ipykernel", "ipywidgets")

#: An old server under a repository's pins imports `distutils`, which Python 3.12 took away and setuptools brings back.
SERVER_PACKAGES = ("jupyterlab", "notebook", "jupyterhub", "setuptools")

#: The oldest Python that the locked Jupyter server runs on.
OLDEST_SERVER_PYTHON = (3, 9)

SYSTEM_PYTHON = "/usr/bin/python3"

#: Who downloads in build steps (`programs/separation.py`).
FETCHER = 65533

#: What runs inside build steps, and keeps the users of a step apart.
PROGRAMS = (
    *SHARED_PROGRAMS,
    "programs/installer_call.py",
    "programs/debian_packages.py",
    "programs/gate.py",
    "programs/install_packages.py",
    "programs/build_as_user.py",
    "programs/keep_bytecode.py",
)


def system(base: BaseImage) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.SYSTEM,
        title=f"System packages on {base.reference}",
        template="system",
        variables={"base": base.reference, "packages": SYSTEM_PACKAGES},
    )


def repository() -> Layer:
    """The checkout in a stage of its own, for the step that installs from it."""
    return Layer(
        buildpack="image",
        stage=Stage.SYSTEM,
        title="Repository files for installation",
        template="repository",
    )


def tools(wanted: PythonEnvironment, *, python: Python) -> Layer:
    conda = ("rattler",) if python.provider == "conda" else ()
    names = tuple(dict.fromkeys(("uv", *wanted.template.tools, *conda)))
    return Layer(
        buildpack="image",
        stage=Stage.SYSTEM,
        title=f"Installer{'s' if len(names) > 1 else ''}: {', '.join(names)} (build time only)",
        template="tools",
        variables={"tools": names},
        resources=tuple(f"tools/{name}.lock" for name in names),
    )


def jupyter_server(base: BaseImage) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.JUPYTER,
        title="Jupyter server (the same in every image)",
        template="jupyter",
        variables={"python": _server_python(base)},
        resources=(
            "jupyter/etc/jupyter/jupyter_config.py",
            "jupyter/etc/jupyter/labconfig/default_setting_overrides.json",
            "jupyter/server.lock",
            "jupyter/share/jupyter/kernels/python3/kernel.json",
        ),
    )


def toolchain(evidence: tuple[Evidence, ...]) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.APT,
        title="Compilers (kept in the image)",
        template="toolchain",
        variables={"packages": TOOLCHAIN_PACKAGES},
        evidence=evidence,
    )


def base_programs(evidence: tuple[Evidence, ...]) -> Layer:
    """With the compilers. The same for every repository, so that images share it."""
    return Layer(
        buildpack="image",
        stage=Stage.APT,
        title="Compilers and programs of the base image of repo2docker",
        template="toolchain",
        variables={"packages": (*TOOLCHAIN_PACKAGES, *BASE_PROGRAMS)},
        evidence=evidence,
    )


def node(evidence: tuple[Evidence, ...], *, yarn: bool) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.APT,
        title="Node.js, npm and Yarn" if yarn else "Node.js and npm",
        template="toolchain",
        variables={"packages": (*NODE_PACKAGES, YARN_PACKAGE), "yarn": "yes"}
        if yarn
        else {"packages": NODE_PACKAGES},
        evidence=evidence,
    )


def user(*, name: str, uid: int, variables: Mapping[str, str]) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.USER,
        title=f"User account: {name} (uid {uid})",
        template="user",
        variables={
            "variables": tuple(f"{key}={value}" for key, value in variables.items()),
        },
        resources=("start-jupyter",),
    )


def interpreter(python: Python) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.LANGUAGE,
        title=f"Python {python.version}",
        template="interpreter",
        variables={"version": python.version},
        evidence=(python.evidence,),
    )


def conda_interpreter(python: Python) -> Layer:
    """A Python that only conda channels have: the environment is a conda prefix with it."""
    return Layer(
        buildpack="image",
        stage=Stage.LANGUAGE,
        title=f"Python {python.version} from conda-forge",
        template="conda_interpreter",
        evidence=(python.evidence,),
        support={
            "conda/environment.json": document(
                ["conda-forge"], [f"python {python.version}.*", "pip", "setuptools"]
            )
        },
        resources=CONDA_PROGRAMS,
    )


def activated(python: Python) -> dict[str, str]:
    """The variables by which tools know the environment."""
    if python.provider == "conda":
        return {"CONDA_PREFIX": "/srv/env", "CONDA_DEFAULT_ENV": "/srv/env"}
    return {"VIRTUAL_ENV": "/srv/env"}


def activation(python: Python) -> dict[str, str]:
    """What every command of a container is run by, so that scripts of conda packages can set variables."""
    return {"activation": "/usr/local/bin/conda-activated"} if python.provider == "conda" else {}


def environment(wanted: PythonEnvironment, *, python: Python, server: tuple[str, ...]) -> Layer:
    """The repository's environment with everything that does not lie in the checkout itself; `server` are the packages of a joined one."""
    packages = (*KERNEL_PACKAGES, *server, *wanted.imported)
    return Layer(
        buildpack=wanted.buildpack,
        stage=Stage.DEPENDENCIES,
        title=_environment_title(wanted),
        template=wanted.template.name,
        variables={
            "python": _interpreter(wanted, python),
            "packages": packages,
            "entry": wanted.install.entry or "",
            "options": wanted.install.options,
            **wanted.template.variables,
        },
        evidence=(*wanted.evidence, *wanted.names.values(), *wanted.imported.values()),
        support=_requirements(wanted) | dict(wanted.template.files),
        resources=(*PROGRAMS, *wanted.template.resources),
    )


def package(wanted: PythonEnvironment) -> Layer:
    """The checkout's files, and what the environment takes from them, still under the requirements of the rest.

    With all its dependencies installed before, these have no say any more, and nothing need be looked up.

    One step, and not a `COPY` before it: with BuildKit 0.13 to 0.15 (Docker 26 to 27.2) a step that is given a secret
    reads all that the steps before it wrote, unless it has done so in an earlier build
    (https://github.com/moby/buildkit/pull/5251).
    """
    install = wanted.install
    alone = "--no-deps" in install.local_options
    mounted = None if alone and not install.options else install.entry
    return Layer(
        buildpack=wanted.buildpack,
        stage=Stage.PACKAGE,
        title=f"Repository files and local packages: {' '.join(install.local)}",
        template="package",
        variables={
            "local": (*install.local_options, *install.local),
            "mounted": mounted or "",
            "entry": "" if alone else install.entry or "",
            "options": install.options,
        },
        evidence=wanted.evidence,
        support=_requirements(wanted) if mounted else {},
        resources=PROGRAMS,
    )


def declared_variables(wanted: PythonEnvironment) -> Iterator[Layer]:
    """What the repository sets in every process: not in those by which root installs, since `LD_PRELOAD` is a variable, too."""
    if environ := wanted.template.variables.get("environ"):
        yield Layer(
            buildpack=wanted.buildpack,
            stage=Stage.PACKAGE,
            title=f"{wanted.defined_by}: environment variables",
            template="declared_variables",
            variables={"environ": environ},
        )


def source() -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.SOURCE,
        title="Repository files",
        template="source",
    )


def _interpreter(wanted: PythonEnvironment, python: Python) -> str:
    """What the environment is made with; empty where it is there already, as a conda prefix."""
    if python.provider == "base":
        return SYSTEM_PYTHON
    return "" if python.provider == "conda" and wanted.manager != "conda" else python.version


def _server_python(base: BaseImage) -> str:
    if base.release is not None and version_tuple(base.release.python) >= OLDEST_SERVER_PYTHON:
        return SYSTEM_PYTHON
    return str(pins()["defaults"]["python"])


def version_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _requirements(wanted: PythonEnvironment) -> dict[str, str]:
    return {f"requirements/{path}": text for path, text in wanted.install.support.items()}


def _environment_title(wanted: PythonEnvironment) -> str:
    count = len(wanted.names)
    imported = f"{len(wanted.imported)} imported by code"
    if not count:
        return f"Python environment: {f'kernel, and {imported}' if wanted.imported else 'kernel only'}"
    more = f", and {imported}" if wanted.imported else ""
    return f"{wanted.defined_by}: {count} package{'s' if count > 1 else ''}{more}"
