"""Conda packages that are asked for and not locked: what `conda_fetch.py` is told, and the environment that they make."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from r2i.formats.conda.environment_yml import Dependency
from r2i.formats.conda.specs import Spec
from r2i.formats.requirements.specifiers import normalised
from r2i.image.conda import PROGRAMS, document
from r2i.model import EnvironmentTemplate, Evidence, Options, PipInstall, PythonEnvironment, VersionRequest

#: One version, or its patch releases: `==1.2`, `1.2.*`.
VERSION = re.compile(r"(?:==)?\d")


def wished_environment(
    pip: PythonEnvironment,
    dependencies: Sequence[Dependency],
    *,
    buildpack: str,
    why: str,
    entry: str,
    document: str,
    environ: tuple[str, ...] = (),
    brings: VersionRequest | None = None,
) -> PythonEnvironment:
    """Conda packages, and on top of them what `pip` holds: its lines get the name `entry`.

    `why` is said of the file that asks for them, `document` is what `conda_fetch.py` reads.
    """
    return replace(
        pip,
        buildpack=buildpack,
        evidence=(Evidence(why=why, file=pip.defined_by), *pip.evidence[1:]),
        names={**_names(dependencies), **pip.names},
        conda_versions=frozenset(
            normalised(each.spec.name) for each in dependencies if VERSION.match(each.spec.version)
        ),
        manager="conda",
        brings=brings,
        install=_renamed(pip.install, entry),
        template=EnvironmentTemplate(
            name="conda",
            variables={"environ": environ},
            files={"conda/environment.json": document},
            resources=PROGRAMS,
            tools=("rattler",),
        ),
    )


def _renamed(pip: PipInstall, name: str) -> PipInstall:
    """With a name that no installer takes for something else than requirements."""
    if not pip.entry:
        return pip
    entry = posixpath.join(posixpath.dirname(pip.entry), name)
    support = {entry if path == pip.entry else path: text for path, text in pip.support.items()}
    return replace(pip, entry=entry, support=support)


def wishes(
    channels: Iterable[str],
    specs: Iterable[Spec],
    options: Options,
    *,
    cuda: str | None,
    exclude_newer: str | None = None,
) -> str:
    """What `conda_fetch.py` reads: its bytes change only when what is wanted changes."""
    wanted = list(specs)
    if options.python is not None:
        chosen = Spec(name="python", version=f"{options.python}.*")
        wanted = [chosen, *(spec for spec in wanted if spec.name != "python")]
    return document(channels, map(str, wanted), exclude_newer=options.as_of or exclude_newer, cuda=cuda)


def _names(dependencies: Iterable[Dependency]) -> Mapping[str, Evidence]:
    """The names of conda's packages, by which they are compared with those of other files; Python is said elsewhere."""
    names: dict[str, Evidence] = {}
    for dependency in dependencies:
        name = normalised(dependency.spec.name)
        if name != "python":
            names.setdefault(name, dependency.line.evidence(f"requires `{dependency.spec.name}`"))
    return names
