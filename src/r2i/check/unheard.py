"""Who asks for distributions and is not heard: extras, groups, and files where nobody looks for them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from r2i.check.facts.provided import of_pypi
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.errors import R2iError
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
        return tuple(_of_project(subject))
    return () if environment.defined_by or subject.config_dir else tuple(_elsewhere(subject))


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
