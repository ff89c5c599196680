"""Conda packages that are asked for and not locked: what `conda-install` is told, and the environment that they make."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from r2i.conda.environment_yml import Dependency
from r2i.conda.specs import Spec
from r2i.model import Evidence, Options, PythonEnvironment, PythonRequest
from r2i.requirements.specifiers import normalised


def wished_environment(
    pip: PythonEnvironment,
    dependencies: Sequence[Dependency],
    *,
    buildpack: str,
    why: str,
    entry: str,
    document: str,
    environ: tuple[str, ...] = (),
    brings: PythonRequest | None = None,
) -> PythonEnvironment:
    """Conda packages, and on top of them what `pip` holds: its lines get the name `entry`.

    `why` is said of the file that asks for them, `document` is what `conda-install` reads.
    """
    # A name that no installer takes for something else than requirements.
    renamed = posixpath.join(posixpath.dirname(pip.entry), entry) if pip.entry else None
    return replace(
        pip,
        buildpack=buildpack,
        evidence=(Evidence(why=why, file=pip.defined_by), *pip.evidence[1:]),
        entry=renamed,
        support={
            renamed if renamed and path == pip.entry else path: text for path, text in pip.support.items()
        },
        names={**_names(dependencies), **pip.names},
        manager="conda",
        brings=brings,
        template="conda",
        variables={"environ": environ},
        files={"conda/environment.json": document},
        resources=("conda-install", "conda-activated"),
        tools=("rattler",),
    )


def wishes(
    channels: Iterable[str],
    specs: Iterable[Spec],
    options: Options,
    *,
    cuda: str | None,
    exclude_newer: str | None = None,
) -> str:
    """What `conda-install` reads: its bytes change only when what is wanted changes."""
    wanted = list(specs)
    if options.python is not None:
        chosen = Spec(name="python", version=f"{options.python}.*")
        wanted = [chosen, *(spec for spec in wanted if spec.name != "python")]
    return document(channels, map(str, wanted), exclude_newer=options.as_of or exclude_newer, cuda=cuda)


def document(
    channels: Iterable[str],
    specs: Iterable[str],
    *,
    exclude_newer: str | None = None,
    cuda: str | None = None,
) -> str:
    said = {"channels": [*channels], "specs": [*dict.fromkeys(specs)], "exclude_newer": exclude_newer}
    return json.dumps(said | ({"cuda": cuda} if cuda else {}), indent=1) + "\n"


def _names(dependencies: Iterable[Dependency]) -> Mapping[str, Evidence]:
    """The names of conda's packages, by which they are compared with those of other files; Python is said elsewhere."""
    names: dict[str, Evidence] = {}
    for dependency in dependencies:
        name = normalised(dependency.spec.name)
        if name != "python":
            names.setdefault(name, dependency.line.evidence(f"asks for `{dependency.spec.name}`"))
    return names
