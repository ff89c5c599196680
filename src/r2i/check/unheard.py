"""Who asks for distributions and is not heard: extras, groups, and files where nobody looks for them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from r2i.buildpacks import ENVIRONMENTS
from r2i.check.facts.distributions import distributions
from r2i.check.facts.provided import STANDARD, of_pypi
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.facts.server_parts import is_server_part
from r2i.model import Evidence, Options, PythonEnvironment
from r2i.planning.environment import declared_environment

#: What is written for an environment, and for nothing else.
OF_ENVIRONMENT = ("environment.yml", "environment.yaml", "Pipfile.lock", "Pipfile", "requirements.txt")

#: Directories whose requirements are not those of the notebooks.
OF_OTHERS = re.compile(r"(?:^|/)(?:\.[^/]*|docs?|tests?|ci|docker|deploy\w*|website)(?:/|$)")

#: So many directories are looked into.
MOST_LOOKED_INTO = 5


@dataclass(frozen=True)
class ConfigIn(Checkout):
    """The same checkout, as if its configuration lay in that directory, empty for the root."""

    directory: str = ""

    @cached_property
    def config_dir(self) -> str:
        return self.directory


@dataclass(frozen=True, kw_only=True)
class Unheard:
    """`who` asks for `names`, and `hint` is how it would be heard."""

    who: str
    names: frozenset[str]
    hint: str = ""


def config_in(subject: Subject, directory: str) -> Checkout:
    return ConfigIn(root=subject.checkout.root, boundary=subject.checkout.boundary, directory=directory)


def unheard(subject: Subject) -> tuple[Unheard, ...]:
    environment = subject.environment
    if environment is None:
        return ()
    if environment.buildpack == "package":
        return (*_of_project(subject), *(() if subject.config_dir else _elsewhere(subject)))
    if not environment.defined_by and not subject.config_dir:
        return tuple(_elsewhere(subject))
    return tuple(_passed_over(subject, environment))


def _passed_over(subject: Subject, environment: PythonEnvironment) -> Iterator[Unheard]:
    """Files that Binder would read if no stronger one were beside them, or no directory of its own."""
    read = {environment.defined_by, *(evidence.file for evidence in environment.evidence)}
    places = {subject.config_dir: subject.checkout, "": config_in(subject, "")}
    for directory, checkout in places.items():
        for name in OF_ENVIRONMENT:
            path = posixpath.join(directory, name)
            if path not in read and checkout.has(path):
                names = frozenset(map(of_pypi, asked_for(checkout, path, subject.options)))
                yield Unheard(who=f"`{path}`, which is not read,", names=names)


def _of_project(subject: Subject) -> Iterator[Unheard]:
    from r2i.formats.projects.project import distribution
    from r2i.formats.projects.reading import read_project

    found = read_project(subject.checkout, subject.config_dir)
    tables = (("extra", found[0].extras or {}), ("group", found[0].groups)) if found else ()
    for kind, table in tables:
        for name, lines in table.items():
            yield Unheard(
                who=f"the {kind} `{name}`, which is not installed,",
                names=frozenset(asked for line in lines if (asked := distribution(line))),
            )


def _elsewhere(subject: Subject) -> Iterator[Unheard]:
    """Files in other directories, where the root has none; those that are near first."""
    directories = dict.fromkeys(
        directory
        for path in sorted(subject.files, key=lambda path: (path.count("/"), path))
        if posixpath.basename(path) in OF_ENVIRONMENT
        and (directory := posixpath.dirname(path))
        and not OF_OTHERS.search(directory)
    )
    for directory in list(directories)[:MOST_LOOKED_INTO]:
        try:
            found = declared_environment(config_in(subject, directory), subject.options)
        except R2iError:
            continue  # what is not used need not be right
        if found is not None and found.defined_by:
            yield Unheard(
                who=f"`{found.defined_by}`, which is not read,",
                names=frozenset(of_pypi(name) for name in found.names),
                hint=f"Move `{found.defined_by}` to the root of the repository, or into `binder/`",
            )


def asked_for(checkout: Checkout, path: str, options: Options) -> Mapping[str, Evidence]:
    """What a file asks for if it defines the environment: nothing where another file of its kind does, or says it for a lock."""
    if posixpath.basename(path) == "Pipfile.lock" and checkout.has(path.removesuffix(".lock")):
        return {}
    for pack in ENVIRONMENTS:
        if posixpath.basename(path) in pack.files:
            try:
                found = pack.detect(checkout, options)
            except R2iError:
                continue  # what is not used need not be right
            if found and found.environment and found.environment.defined_by == path:
                return _roots(found.environment)
    return {}


def _roots(environment: PythonEnvironment) -> Mapping[str, Evidence]:
    """What somebody asked for: of a lock nothing that another package needs, as far as is known, and no part of the server."""
    names = environment.names
    if not environment.exact:
        return names
    needed = {
        other for name in names for row in (distributions().get(name),) if row for other in row.requires
    }
    return {
        name: evidence
        for name, evidence in names.items()
        if name not in needed and not is_server_part(name) and name not in STANDARD
    }
