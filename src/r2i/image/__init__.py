"""The layers that every image has, whatever is in the repository; their templates lie beside this module."""

from __future__ import annotations

from collections.abc import Mapping

from r2i.model import (
    BaseImage,
    Evidence,
    JupyterServer,
    Layer,
    Python,
    PythonEnvironment,
    Stage,
)
from r2i.pins import pins

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

#: Always in the repository's environment: the kernel, the widgets, and what `%pip install` calls.
KERNEL_PACKAGES = ("pip", "ipykernel", "ipywidgets")

#: An old server under a repository's pins imports `distutils`, which Python 3.12 took away and setuptools brings back.
SERVER_PACKAGES = ("jupyterlab", "notebook", "jupyterhub", "setuptools")

#: The oldest Python that the locked Jupyter server runs on.
OLDEST_SERVER_PYTHON = (3, 9)

SYSTEM_PYTHON = "/usr/bin/python3"


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
        title="The repository's files, to install from",
        template="repository",
    )


def tools(wanted: PythonEnvironment, *, python: Python) -> Layer:
    conda = ("rattler",) if python.provider == "conda" else ()
    names = tuple(dict.fromkeys(("uv", *wanted.tools, *conda)))
    return Layer(
        buildpack="image",
        stage=Stage.SYSTEM,
        title=f"{', '.join(names)}: to install with (not in the image)",
        template="tools",
        variables={"tools": names},
        resources=tuple(f"tools/{name}.lock" for name in names),
    )


def jupyter_server(base: BaseImage) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.JUPYTER,
        title="Jupyter server (the same for every repository)",
        template="jupyter",
        variables={"python": _server_python(base)},
        resources=(
            "jupyter/server.lock",
            "jupyter/share/jupyter/kernels/python3/kernel.json",
            "jupyter/share/jupyter/lab/settings/overrides.json",
        ),
    )


def toolchain(evidence: tuple[Evidence, ...]) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.APT,
        title="Compilers, to stay in the image",
        template="toolchain",
        variables={"packages": TOOLCHAIN_PACKAGES},
        evidence=evidence,
    )


def user(*, name: str, uid: int, variables: Mapping[str, str]) -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.USER,
        title=f"The account {name} ({uid})",
        template="user",
        variables={
            "variables": tuple(f"{key}={value}" for key, value in variables.items()),
        },
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
    """A Python that only conda's channels have: the environment is a prefix of conda's with it."""
    from r2i.conda.wishes import document

    return Layer(
        buildpack="image",
        stage=Stage.LANGUAGE,
        title=f"Python {python.version}, of conda-forge",
        template="conda_interpreter",
        evidence=(python.evidence,),
        support={
            "conda/environment.json": document(
                ["conda-forge"], [f"python {python.version}.*", "pip", "setuptools"]
            )
        },
        resources=("conda-install", "conda-activated"),
    )


def activated(python: Python) -> dict[str, str]:
    """The variables by which tools know the environment."""
    if python.provider == "conda":
        return {"CONDA_PREFIX": "/srv/env", "CONDA_DEFAULT_ENV": "/srv/env"}
    return {"VIRTUAL_ENV": "/srv/env"}


def activation(python: Python) -> dict[str, str]:
    """What every command of a container is run by, so that scripts of conda's packages can set variables."""
    return {"activation": "/usr/local/bin/conda-activated"} if python.provider == "conda" else {}


def environment(wanted: PythonEnvironment, *, python: Python, server: JupyterServer) -> Layer:
    """The repository's environment with everything that does not lie in the checkout itself."""
    packages = KERNEL_PACKAGES + (SERVER_PACKAGES if server.mode == "joined" else ())
    return Layer(
        buildpack=wanted.buildpack,
        stage=Stage.DEPENDENCIES,
        title=_environment_title(wanted),
        template=wanted.template,
        variables={
            "python": _interpreter(wanted, python),
            "packages": packages,
            "entry": wanted.entry or "",
            "options": wanted.options,
            **wanted.variables,
        },
        evidence=(*wanted.evidence, *wanted.names.values()),
        support=_requirements(wanted) | dict(wanted.files),
        resources=("install-packages", *wanted.resources),
    )


def package(wanted: PythonEnvironment) -> Layer:
    """The checkout's files, and what the environment takes from them, still under the requirements of the rest.

    With all its dependencies installed before, these have no say any more, and nothing need be looked up.

    One step, and not a `COPY` before it: with BuildKit 0.13 to 0.15 (Docker 26 to 27.2) a step that is given a secret
    reads all that the steps before it wrote, unless it has done so in an earlier build
    (https://github.com/moby/buildkit/pull/5251).
    """
    alone = "--no-deps" in wanted.local_options
    mounted = None if alone and not wanted.options else wanted.entry
    return Layer(
        buildpack=wanted.buildpack,
        stage=Stage.PACKAGE,
        title=f"The repository's files, and {wanted.defined_by}: {' '.join(wanted.local)}",
        template="package",
        variables={
            "local": (*wanted.local_options, *wanted.local),
            "mounted": mounted or "",
            "entry": "" if alone else wanted.entry or "",
            "options": wanted.options,
        },
        evidence=wanted.evidence,
        support=_requirements(wanted) if mounted else {},
        resources=("install-packages",),
    )


def source() -> Layer:
    return Layer(
        buildpack="image",
        stage=Stage.SOURCE,
        title="The repository's files",
        template="source",
    )


def _interpreter(wanted: PythonEnvironment, python: Python) -> str:
    """What the environment is made with; empty where it is there already, as a prefix of conda's."""
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
    return {f"requirements/{path}": text for path, text in wanted.support.items()}


def _environment_title(wanted: PythonEnvironment) -> str:
    count = len(wanted.names)
    if not count:
        return "Python environment with a kernel"
    return f"{wanted.defined_by}: {count} package{'s' if count > 1 else ''}"
