"""`environment.yml`: conda packages, and a section of requirements for pip."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable
from dataclasses import replace

from r2i.checkout import Checkout
from r2i.conda.cuda import cuda, is_for_cards
from r2i.conda.environment_yml import Dependency, EnvironmentYml, read_environment_yml
from r2i.conda.pythons import python_of
from r2i.conda.specs import Spec
from r2i.model import Detection, Evidence, Notice, Options, PythonEnvironment
from r2i.quoting import quoted
from r2i.requirements import read_lines
from r2i.requirements.specifiers import normalised
from r2i.server_parts import server_evidence


class Conda:
    name = "conda"
    files = ("environment.yml", "environment.yaml")

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = next((path for name in self.files if (path := checkout.config(name))), None)
        if path is None:
            return None
        found = read_environment_yml(checkout, path)
        pip, notices = read_lines(checkout, path, found.pip)
        python, requires = python_of(found.dependencies) if options.python is None else (None, ())
        names = {**_names(found.dependencies), **pip.names}
        environment = replace(
            _renamed(pip),
            buildpack=self.name,
            evidence=(Evidence(why=_summary(found), file=path), *pip.evidence[1:]),
            names=names,
            manager="conda",
            brings=python,
            template="conda",
            variables={
                "environ": tuple(f"{name}={quoted(value)}" for name, value in found.variables.items())
            },
            files={"conda/environment.json": _wishes(found, options)},
            resources=("conda-install", "conda-activated"),
            tools=("rattler",),
        )
        return Detection(
            environment=environment,
            requires=requires,
            server=server_evidence(names),
            notices=(*found.notices, *notices, *_about_cards(found)),
        )


def _names(dependencies: Iterable[Dependency]) -> dict[str, Evidence]:
    """The names of conda's packages, by which they are compared with those of other files; Python is said elsewhere."""
    names: dict[str, Evidence] = {}
    for dependency in dependencies:
        name = normalised(dependency.spec.name)
        if name != "python":
            names.setdefault(name, dependency.line.evidence(f"asks for `{dependency.spec.name}`"))
    return names


def _wishes(found: EnvironmentYml, options: Options) -> str:
    """What `conda-install` reads: its bytes change only when what is wanted changes."""
    specs = [dependency.spec for dependency in found.dependencies]
    if options.python is not None:
        specs = [
            Spec(name="python", version=f"{options.python}.*"),
            *(s for s in specs if s.name != "python"),
        ]
    wishes = {
        "channels": list(found.channels),
        "specs": list(dict.fromkeys(map(str, specs))),
        "exclude_newer": options.as_of,
    }
    if version := cuda(specs):
        wishes["cuda"] = version
    return json.dumps(wishes, indent=1) + "\n"


def _renamed(pip: PythonEnvironment) -> PythonEnvironment:
    """The lines for pip, under a name that no installer takes for something else than requirements."""
    if pip.entry is None:
        return pip
    entry = posixpath.join(posixpath.dirname(pip.entry), "pip-of-conda.txt")
    support = {entry if path == pip.entry else path: text for path, text in pip.support.items()}
    return replace(pip, entry=entry, support=support)


def _summary(found: EnvironmentYml) -> str:
    count = len(found.dependencies)
    pip = f", and {len(found.pip)} for pip" if found.pip else ""
    return f"asks for {count} conda package{'' if count == 1 else 's'}{pip}"


def _about_cards(found: EnvironmentYml) -> Iterable[Notice]:
    for dependency in found.dependencies:
        if is_for_cards(dependency.spec):
            yield dependency.line.info(
                "Packages for NVIDIA's cards are asked for: they are chosen whether or not this machine has one"
            )
            return
