"""`pyproject.toml`, `setup.py`, `setup.cfg`: a Python project, its dependencies, and the package itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.facts.server_parts import server_evidence
from r2i.formats.locks.selection import HEEDED, select
from r2i.formats.projects.groups import without_itself
from r2i.formats.projects.packaging import Installation
from r2i.formats.projects.project import Project
from r2i.formats.projects.reading import read_project
from r2i.formats.projects.sources import Placed, placed
from r2i.formats.projects.toml import toml_text
from r2i.formats.requirements import read_lines
from r2i.formats.requirements.lines import Line
from r2i.formats.requirements.specifiers import NAME, normalised
from r2i.formats.uv_settings import ARGUMENT, CONFIG
from r2i.model import Detection, Evidence, Notice, Options, PipInstall, PythonEnvironment


class Package:
    name = "package"
    files = ("pyproject.toml", "setup.py", "setup.cfg")

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        paths = [path for name in self.files if (path := checkout.config(name))]
        found = read_project(checkout, checkout.config_dir) if paths else None
        if found is None:
            return None
        project, installation = found
        chosen = choose(project, options)
        known = project.dependencies is not None and (project.extras is not None or not options.extras)
        third_party = placed(chosen, project, checkout, options)
        environment, notices = _environment(checkout, project, third_party, options)
        notices += _about_the_package(installation, known=known)
        arguments = _with_extras(installation.arguments, () if known else options.extras)
        install = replace(
            environment.install,
            local=(*arguments, *environment.install.local),
            local_options=_local_options(environment.install, alone=known and third_party.known),
        )
        environment = replace(
            environment,
            evidence=_evidence(environment, project, paths),
            heeds=HEEDED,
            install=install,
        )
        return Detection(
            environment=environment,
            requires=(project.python,) if project.python else (),
            server=server_evidence(environment.names),
            notices=(*notices, *project.notices, *installation.notices, *_left_out(project, chosen)),
        )


def choose(project: Project, options: Options) -> tuple[Line, ...]:
    """The requirements that are wanted: always, of the extras and groups that the user named, of default groups."""
    extras = dict.fromkeys(options.extras, ()) if project.extras is None else project.extras
    chosen = select(
        options, project.file, extras=extras, groups=project.groups, default=project.default_groups
    )
    lines = [
        *(project.dependencies or ()),
        *(line for extra in chosen.extras for line in extras.get(extra, ())),
        *(line for group in chosen.groups for line in project.groups[group]),
    ]
    return without_itself(lines, name=project.name, extras=project.extras or {})


def _environment(
    checkout: Checkout, project: Project, third_party: Placed, options: Options
) -> tuple[PythonEnvironment, tuple[Notice, ...]]:
    """What can be installed before the repository's files are there."""
    environment, notices = read_lines(checkout, "requirements.txt", third_party.lines)
    settings = {
        key: value for key, value in project.uv.items() if key != "exclude-newer" or not options.as_of
    }
    install = environment.install
    support = dict(install.support)
    entry = install.entry
    if third_party.sources:
        # Only a project's own file can say which index a distribution comes from.
        asked = [line for text in support.values() for line in text.splitlines()]
        uv = {"index": _indexes(settings, third_party), "sources": third_party.sources}
        made_up = {"name": "dependencies", "version": "0", "dependencies": asked}
        entry = "pyproject.toml"
        support = {entry: toml_text({"project": made_up, "tool": {"uv": uv}})}
    if settings:
        entry = entry or "requirements.txt"
        support = {"requirements.txt": "", **support} if not install.entry else support
        support[CONFIG] = toml_text(settings)
    config = (ARGUMENT,) if settings else ()
    made = replace(
        environment,
        buildpack=Package.name,
        defined_by=project.file,
        install=replace(install, entry=entry, support=support, options=(*install.options, *config)),
    )
    return made, notices


def _indexes(settings: Mapping[str, Any], third_party: Placed) -> list[Any]:
    """The indexes that sources name."""
    names = {source.get("index") for source in third_party.indexed}
    return [
        index for index in settings.get("index", ()) if isinstance(index, dict) and index.get("name") in names
    ]


def _with_extras(arguments: tuple[str, ...], extras: tuple[str, ...]) -> tuple[str, ...]:
    """Leave extras that only the build tells to the build."""
    for extra in extras:
        if not re.fullmatch(NAME, extra, re.ASCII):
            raise UsageError(
                f"`--extra {extra}`: not a valid name", hint="Use letters, digits, `-`, `_` and `.`"
            )
    if not arguments or not extras:
        return arguments
    return (*arguments[:-1], f"{arguments[-1]}[{','.join(normalised(extra) for extra in extras)}]")


def _local_options(install: PipInstall, *, alone: bool) -> tuple[str, ...]:
    """uv would read the project's settings again, with those that a build cannot follow (`required-version`)."""
    return (*(("--no-deps",) if alone else ()), *(() if install.options else ("--no-config",)))


def _about_the_package(installation: Installation, *, known: bool) -> tuple[Notice, ...]:
    """Where the author's own tool would refuse to build the package, its dependencies are still worth having."""
    refused = installation.refused
    if refused is None:
        return ()
    if not known:
        raise refused
    message = f"Only the dependencies are installed because the package itself cannot be built: {refused.message}. {refused.hint}"
    return (Notice(level="warning", message=message, file=refused.file, line=refused.line),)


def _evidence(environment: PythonEnvironment, project: Project, paths: Iterable[str]) -> tuple[Evidence, ...]:
    count = len(environment.names)
    first = Evidence(why=f"requires {count} package{'' if count == 1 else 's'}", file=project.file)
    if project.dependencies is None:
        first = Evidence(why="dependencies are known only at build time", file=project.file)
    others = [Evidence(why="read together with it", file=path) for path in paths if path != project.file]
    evidence: dict[str | None, Evidence] = {}
    for item in (first, *project.evidence, *others):
        evidence.setdefault(item.file, item)
    return tuple(evidence.values())


def _left_out(project: Project, chosen: Iterable[Line]) -> Iterable[Notice]:
    """What the user could ask for, too."""
    wanted = set(chosen)
    extras = [
        f"`--extra {name}`" for name, lines in (project.extras or {}).items() if not wanted.issuperset(lines)
    ]
    groups = [f"`--group {name}`" for name, lines in project.groups.items() if not wanted.issuperset(lines)]
    if extras or groups:
        listed = ", ".join((*extras, *groups))
        yield Notice(level="info", message=f"Optional and not installed: {listed}", file=project.file)
