"""Projects of the repository that a file installs by their paths (`-e .`, `./tools`): what they say counts, too."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.facts.server_parts import server_evidence
from r2i.formats.projects.groups import without_itself
from r2i.formats.projects.project import Project, distribution
from r2i.formats.projects.reading import read_project
from r2i.formats.projects.sources import placed
from r2i.formats.requirements import read_lines
from r2i.formats.requirements.lines import Line
from r2i.formats.requirements.local import without_extras
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Detection, Evidence, Options, PipInstall, PythonEnvironment

#: Lines that count while something here is built, too: where build backends are from, which numpy to compile with.
TOLD = re.compile(r"^(?:--|numpy ?==)", re.MULTILINE)

FILES = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A word such as `./tools[plots]`; `project` is None where only building it tells what it asks for."""

    word: str
    directory: str
    extras: tuple[str, ...]
    project: Project | None


def with_local_projects(found: Detection, checkout: Checkout, options: Options) -> Detection:
    """Let their Pythons count, and move what they depend on to what is installed early, where files tell it."""
    environment = found.environment
    if environment is None or environment.exact or "--no-deps" in environment.install.local_options:
        return found
    asked, others = _asked(environment, checkout)
    read = {environment.defined_by, *(evidence.file for evidence in environment.evidence)}
    if not asked or any(one.project and one.project.file in read for one in asked):
        return found
    evidence = tuple(dict.fromkeys(item for one in asked for item in _evidence(one, checkout)))
    requires = (one.project.python for one in asked if one.project and one.project.python)
    found = replace(found, requires=(*found.requires, *requires))
    environment = replace(environment, evidence=(*environment.evidence, *evidence))
    lines = None if others else _third_party(asked, checkout, options)
    early, notices = read_lines(checkout, "requirements.txt", lines or ())
    if lines is None or early.install.local:
        return replace(found, environment=environment)
    return replace(
        found,
        environment=_together(environment, early),
        server=found.server or server_evidence(early.names),
        notices=(*found.notices, *notices),
    )


def _asked(environment: PythonEnvironment, checkout: Checkout) -> tuple[list[Asked], bool]:
    """The directories, and whether there is anything else, such as an archive."""
    words = [word for word in environment.install.local if word != "-e"]
    asked = []
    for word in words:
        path, extras = without_extras(word)
        directory = checkout.inside(path)
        if directory is None or not checkout.is_dir(directory):
            continue
        directory = "" if directory == "." else directory
        names = tuple(normalised(name) for name in extras.strip("[]").split(",") if name)
        project = _project(checkout, directory)
        asked.append(Asked(word=word, directory=directory, extras=names, project=project))
    return asked, len(asked) < len(words)


def _project(checkout: Checkout, directory: str) -> Project | None:
    try:
        found = read_project(checkout, directory)
    except InvalidRepositoryError:  # an old `setup.py` may be no Python 3, and right
        return None
    return found[0] if found else None


def _evidence(one: Asked, checkout: Checkout) -> Iterator[Evidence]:
    files = (posixpath.join(one.directory, name) for name in FILES)
    yield from (Evidence(why=f"read for `{one.word}`", file=path) for path in files if checkout.has(path))
    if one.project is not None:
        yield from one.project.evidence


def _third_party(asked: Sequence[Asked], checkout: Checkout, options: Options) -> tuple[Line, ...] | None:
    """What all of them depend on; None where that is not known, or where uv has to be told where it is from."""
    lines: list[Line] = []
    names: set[str] = set()
    for one in asked:
        project = one.project
        if project is None or project.name is None or project.dependencies is None or project.extras is None:
            return None
        extras = (line for extra in one.extras for line in project.extras.get(extra, ()))
        wanted = without_itself((*project.dependencies, *extras), name=project.name, extras=project.extras)
        third_party = placed(tuple(wanted), project, checkout, options)
        if not third_party.known or third_party.sources or project.uv:
            return None
        names.add(normalised(project.name))
        lines += third_party.lines
    # No index is asked for what lies here.
    return tuple(line for line in lines if distribution(line) not in names)


def _together(environment: PythonEnvironment, early: PythonEnvironment) -> PythonEnvironment:
    return replace(
        environment,
        install=_installed_together(environment.install, early.install),
        # What the file itself says comes first, and decides.
        names={**environment.names, **early.names, **environment.names},
        pins=(*environment.pins, *early.pins),
    )


def _installed_together(install: PipInstall, early: PipInstall) -> PipInstall:
    entry = install.entry or early.entry
    support = dict(install.support)
    if entry is not None and early.entry is not None:
        support = {entry: "", **support}
        have = support[entry].splitlines()
        more = [line for line in early.support[early.entry].splitlines() if line not in have]
        support[entry] = "".join(f"{line}\n" for line in (*have, *more))
    alone = () if any(TOLD.search(text) for text in support.values()) else ("--no-deps",)
    return replace(install, entry=entry, support=support, local_options=(*install.local_options, *alone))
