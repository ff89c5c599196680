"""Whether, and how, a project is installed itself: what its author's build backend would find in its directory."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.projects.project import Project
from r2i.formats.projects.pyproject import missing_version
from r2i.formats.projects.setuptools_files import SetupMetadata
from r2i.formats.projects.toml import Toml
from r2i.formats.requirements.lines import Line
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Notice

SETUPTOOLS = "setuptools.build_meta"

#: What setuptools does not take for a package, or a module, beside `pyproject.toml`.
NO_PACKAGES = (
    *("[._]*", "benchmark", "benchmarks", "bin", "build", "changelog", "ci", "debian", "dist", "doc", "docs"),
    *(
        "documentation",
        "env",
        "example",
        "examples",
        "exercise",
        "exercises",
        "ez_setup",
        "fabfile",
        "htmlcov",
    ),
    *(
        "manpages",
        "news",
        "newsfragments",
        "python",
        "requirements",
        "scripts",
        "site_scons",
        "tasks",
        "test",
    ),
    *("tests", "tools", "unit_test", "unit_tests", "util", "utils", "venv"),
)
NO_MODULES = (
    *(
        "[._]*",
        "[Ss][Cc]onstruct",
        "benchmark",
        "benchmarks",
        "build",
        "conanfile",
        "conftest",
        "dodo",
        "example",
    ),
    *(
        "examples",
        "exercise",
        "exercises",
        "fabfile",
        "manage",
        "noxfile",
        "pavement",
        "setup",
        "tasks",
        "test",
    ),
    *("tests", "toxfile"),
)

#: Backends that look for a directory or a module of the project's name, and the tables that tell them otherwise.
BY_NAME = {
    "poetry.core.masonry.api": (("tool", "poetry", "packages"), ("tool", "poetry", "include")),
    "poetry.masonry.api": (("tool", "poetry", "packages"), ("tool", "poetry", "include")),
    "hatchling.build": (("tool", "hatch", "build"),),
    "flit_core.buildapi": (("tool", "flit", "module"), ("tool", "flit", "metadata")),
    "flit.buildapi": (("tool", "flit", "module"), ("tool", "flit", "metadata")),
    "uv_build": (("tool", "uv", "build-backend"),),
}

#: Imports something of its build environment at every start, which is gone by then.
NOT_EDITABLE = {"mesonpy": "editable packages of meson-python are recompiled on import"}


@dataclass(frozen=True, kw_only=True)
class Installation:
    """`arguments` are those of `uv pip install`, none where the project is not installed; `refused` is why not.

    `files` are those that the backend cannot do without beside the project's own, `packages` where it begins to look for
    its packages: none where it is told, or finds them otherwise.
    """

    arguments: tuple[str, ...] = ()
    refused: InvalidRepositoryError | None = None
    notices: tuple[Notice, ...] = ()
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def installation(
    project: Project, doc: Toml | None, setup: SetupMetadata, checkout: Checkout
) -> Installation:
    """Decide it as the author's tool would, and look first whether the build could succeed at all."""
    decided = _installation(project, doc, setup, checkout)
    if not decided.arguments:
        return decided
    packages = _packages_by_themselves(project, doc, setup, checkout)
    return replace(decided, files=_readmes(project, doc), packages=packages)


def _installation(
    project: Project, doc: Toml | None, setup: SetupMetadata, checkout: Checkout
) -> Installation:
    if doc is None:
        return _of_setup(project, setup, checkout)
    if _switched_off(doc):
        return Installation()
    if "build-system" not in doc.data and not setup.script and doc.flag("tool", "uv", "package") is not True:
        return _undeclared(project, doc, checkout)
    backend = _backend(doc)
    refused = missing_version(doc) or _refusal(backend, project, doc, setup, checkout)
    if refused is not None:
        return Installation(refused=refused)
    return _declared(backend, project, doc)


def _backend(doc: Toml) -> str:
    return doc.string("build-system", "build-backend") or SETUPTOOLS


def _readmes(project: Project, doc: Toml | None) -> tuple[str, ...]:
    """What backends read as the description. To setuptools it is no matter whether it is there."""
    if doc is None or _backend(doc).startswith(SETUPTOOLS):
        return ()
    given = doc.table("project").get("readme") or doc.table("tool", "poetry").get("readme")
    given = given.get("file") if isinstance(given, dict) else given
    paths = given if isinstance(given, list) else [given]
    return tuple(posixpath.join(project.directory, path) for path in paths if isinstance(path, str))


def _packages_by_themselves(
    project: Project, doc: Toml | None, setup: SetupMetadata, checkout: Checkout
) -> tuple[str, ...]:
    """The files by which the backend knows the packages that it is not told of."""
    backend = _backend(doc) if doc else SETUPTOOLS
    if _is_told(backend, doc, setup):
        return ()
    places = (
        _packages(project.directory, checkout)
        if backend.startswith(SETUPTOOLS)
        else _places(project)
        if backend in BY_NAME
        else ()
    )
    files = (path for place in places for path in (place, f"{place}.py", f"{place}/__init__.py"))
    return tuple(path for path in files if path.endswith(".py") and checkout.has(path))


def _is_told(backend: str, doc: Toml | None, setup: SetupMetadata) -> bool:
    """Whether the project names its packages, or says where they are."""
    if not backend.startswith(SETUPTOOLS):
        return doc is not None and any(_exists(doc, *keys) for keys in BY_NAME.get(backend, ()))
    settings = doc.table("tool", "setuptools") if doc else {}
    return setup.explicit or bool(settings.keys() & {"packages", "py-modules", "package-dir"})


def _switched_off(doc: Toml) -> bool:
    flags = (("tool", "uv", "package"), ("tool", "poetry", "package-mode"), ("tool", "pdm", "distribution"))
    return any(doc.flag(*flag) is False for flag in flags)


def _of_setup(project: Project, setup: SetupMetadata, checkout: Checkout) -> Installation:
    if not setup.script:
        line = Line(file=project.file, number=1, text="")
        return Installation(
            notices=(
                line.warning(
                    "The package itself is not installed because there is no `pyproject.toml` or `setup.py` beside it"
                ),
            )
        )
    refused = (
        None
        if setup.explicit
        else _flat_layout(project, checkout, Line(file=project.file, number=1, text=""))
    )
    if refused is not None:
        return Installation(refused=refused)
    return Installation(arguments=("-e", _argument(project)))


def _undeclared(project: Project, doc: Toml, checkout: Checkout) -> Installation:
    """Without `[build-system]`: what `pip install -e .` would take for a package, if it is one beyond doubt."""
    found = _packages(project.directory, checkout)
    line = doc.line("", "project")
    if (
        "project" not in doc.data
        or missing_version(doc)
        or not (len(found) == 1 and _is_package(found[0], checkout))
    ):
        if not any(_is_package(path, checkout) for path in found):
            return Installation()
        names = ", ".join(f"`{path}`" for path in found)
        message = f"Only the dependencies are installed: any of {names} could be the package"
        if len(found) == 1:
            message = (
                f"Only the dependencies are installed, not the package {names}: there is no `[build-system]`"
            )
        return Installation(notices=(line.info(message),))
    return Installation(arguments=("-e", _argument(project)))


def _declared(backend: str, project: Project, doc: Toml) -> Installation:
    why = NOT_EDITABLE.get(backend) or _too_old(doc)
    if why is None:
        return Installation(arguments=("-e", _argument(project)))
    notice = doc.line("", "build-system").info(f"The package is not installed editable: {why}")
    return Installation(arguments=(_argument(project),), notices=(notice,))


def _too_old(doc: Toml) -> str | None:
    """Backends learnt to install editable (PEP 660) in releases that an old pin excludes."""
    first = {"setuptools": (64,), "flit-core": (3, 4), "poetry-core": (1, 0, 8), "hatchling": (0, 19)}
    for line in doc.strings("build-system", "requires"):
        name = normalised(re.split(r"[^A-Za-z0-9._-]", line.text)[0])
        limits = re.findall(r"(?:==|<=|<|~=) ?(\d+(?:\.\d+)*)", line.text.partition(";")[0])
        for limit in limits if name in first else ():
            if tuple(int(part) for part in limit.split(".")) <= first[name] and len(limit) < 20:
                return f"`{line.text}` does not support it yet"
    return None


def _argument(project: Project) -> str:
    return f"./{project.directory}" if project.directory else "."


def _refusal(
    backend: str, project: Project, doc: Toml, setup: SetupMetadata, checkout: Checkout
) -> InvalidRepositoryError | None:
    line = doc.line("", "build-system") if "build-system" in doc.data else doc.line("", "project")
    if _is_told(backend, doc, setup):
        return None
    if backend.startswith(SETUPTOOLS):
        return _flat_layout(project, checkout, line)
    if backend not in BY_NAME or project.name is None:
        return None
    places = _places(project)
    if _has_any(places, checkout) or _in_namespace(posixpath.basename(places[0]), checkout):
        return None
    return line.error(
        f"`{backend.partition('.')[0]}` finds no package: there is neither `{places[0]}` nor `{places[1]}`",
        hint="Name the package, or declare that there is none (`package-mode = false`, `[tool.uv] package = false`)",
    )


def _places(project: Project) -> list[str]:
    """Where a package of the project's name would be."""
    module = (project.name or "").replace("-", "_")
    return [posixpath.join(project.directory, place) for place in (module, f"src/{module}")]


def _exists(doc: Toml, *keys: str) -> bool:
    value = doc.table(*keys[:-1]).get(keys[-1])
    return bool(value)


def _has_any(places: list[str], checkout: Checkout) -> bool:
    """Some backends find `MyPackage` for `my-package`, too."""
    directories = {posixpath.dirname(place) for place in places}
    there = {path.lower() for directory in directories for path in checkout.entries(directory)}
    return any(place.lower() in there or f"{place.lower()}.py" in there for place in places)


def _in_namespace(module: str, checkout: Checkout) -> bool:
    return any(path.endswith(f"/{module}/__init__.py") for path in checkout.glob("__init__.py"))


def _flat_layout(project: Project, checkout: Checkout, line: Line) -> InvalidRepositoryError | None:
    """setuptools takes everything for a package that could be one, and refuses to choose."""
    found = _packages(project.directory, checkout)
    if len(found) < 2 or found[0].split("/")[-2:-1] == ["src"]:
        return None
    names = [posixpath.basename(path).removesuffix(".py") for path in found]
    own = [name for name, path in zip(names, found, strict=True) if _is_package(path, checkout)] or names[:1]
    shown = ", ".join(f"`{name}`" for name in names[:8]) + (" …" if len(names) > 8 else "")
    key = "py-modules" if found[0].endswith(".py") else "packages"
    return line.error(
        f"setuptools cannot choose the package among {shown}",
        hint=f"Add `[tool.setuptools]` with `{key} = [{', '.join(chr(34) + name + chr(34) for name in own)}]`"
        " to `pyproject.toml`",
    )


def _packages(directory: str, checkout: Checkout) -> list[str]:
    """The top-level packages, else modules, that setuptools would find by itself."""
    source = posixpath.join(directory, "src")
    if checkout.is_dir(source):
        entries = list(checkout.entries(source))
        packages = [path for path in entries if checkout.is_dir(path) and _name(path).isidentifier()]
        return packages or [path for path in entries if path.endswith(".py")]
    entries = list(checkout.entries(directory))
    packages = [path for path in entries if checkout.is_dir(path) and _fits(_name(path), NO_PACKAGES)]
    return packages or list(_modules(entries))


def _modules(entries: list[str]) -> Iterator[str]:
    for path in entries:
        if path.endswith(".py") and _fits(_name(path).removesuffix(".py"), NO_MODULES):
            yield path


def _name(path: str) -> str:
    return posixpath.basename(path)


def _fits(name: str, excluded: tuple[str, ...]) -> bool:
    return name.isidentifier() and not any(fnmatchcase(name, pattern) for pattern in excluded)


def _is_package(path: str, checkout: Checkout) -> bool:
    return path.endswith(".py") or checkout.has(f"{path}/__init__.py")
