"""Whether `uv.lock` still says what the `pyproject.toml` files that it was made for say."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.locks.manifest import read_manifest
from r2i.formats.locks.shapes import Table
from r2i.formats.projects.project import Project
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import normalised, specifier_set

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

HINT = "Run `uv lock`, and commit `uv.lock`"

#: What replaces the versions in a requirement (`tool.uv.sources`).
SOURCES = ("git", "url", "path", "directory", "editable", "virtual")

#: As many projects as one lock may be for.
MAX_DIRECTORIES = 1_000

#: Every release of Python that a project may tell from another one.
PYTHONS = tuple(f"3.{minor}.{patch}" for minor in range(20) for patch in (0, 1, 2, 3, 5, 8, 20))


def check_freshness(checkout: Checkout, lock: Table) -> None:
    """Raise where a requirement was added, taken away or changed since the lock was made.

    Markers are not compared: uv writes them in its own way.
    """
    seen: set[str] = set()
    for package in lock.tables("package"):
        source = package.table("source")
        where = source.text("editable") or source.text("virtual")
        if not where or where in seen:
            continue
        seen.add(where)
        if len(seen) > MAX_DIRECTORIES:
            raise InvalidRepositoryError(
                f"`{lock.file}` names more than {MAX_DIRECTORIES} directories of the repository",
                file=lock.file,
                hint="Install fewer of them, or list them in `requirements.txt`",
            )
        directory = posixpath.normpath(posixpath.join(posixpath.dirname(lock.file), where))
        directory = "" if directory == "." else directory
        file = posixpath.join(directory, "pyproject.toml")
        if checkout.inside(file) is None or not checkout.has(file):
            raise InvalidRepositoryError(
                f"`{lock.file}` locks `{file}`, which does not exist", file=lock.file, hint=HINT
            )
        project, _ = read_manifest(checkout, directory)
        _compare_requirements(lock.file, project, package.table("metadata"))
        if where == "." and len(lock.table("manifest").texts("members")) < 2:
            _compare_python(lock, project)


def _compare_requirements(path: str, project: Project, metadata: Table) -> None:
    if project.dependencies is not None and project.extras is not None:
        wanted = (*project.dependencies, *chain.from_iterable(project.extras.values()))
        _compare(path, project, wanted, metadata.tables("requires-dist"))
    groups = metadata.table("requires-dev")
    locked = chain.from_iterable(groups.tables(name) for name in groups.items)
    _compare(path, project, chain.from_iterable(project.groups.values()), locked)


def _compare(path: str, project: Project, wanted: Iterable[Line], locked: Iterable[Table]) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    known: dict[str, set[SpecifierSet | None]] = {}
    for item in locked:
        free = any(kind in item for kind in SOURCES)
        specifier = None if free else _specifier(item.text("specifier"), path)
        known.setdefault(normalised(item.text("name")), set()).add(specifier)
    asked = {project.name}
    for line in wanted:
        try:
            requirement = Requirement(line.text)
        except InvalidRequirement:
            continue  # in words of another tool
        name = normalised(requirement.name)
        asked.add(name)
        if name != project.name and not known.get(name, set()) & {requirement.specifier, None}:
            raise line.error(f"`{path}` does not lock {quoted(line.text)}", hint=HINT)
    if gone := sorted(known.keys() - asked):
        raise InvalidRepositoryError(
            f"`{path}` also locks `{gone[0]}`, which is not required here",
            file=project.file,
            hint=HINT,
        )


def _compare_python(lock: Table, project: Project) -> None:
    """By the versions that are allowed: uv may write the same ones in another way."""
    allowed = _specifier(lock.text("requires-python"), lock.file)
    wanted = _specifier(project.python.specifier if project.python else "", lock.file)
    if project.python and any(allowed.contains(version) != wanted.contains(version) for version in PYTHONS):
        found = project.python.evidence
        raise InvalidRepositoryError(
            f"`{lock.file}` locks Python {quoted(str(allowed))}, not {quoted(str(wanted))}",
            file=found.file,
            line=found.line,
            hint=HINT,
        )


def _specifier(text: str, path: str) -> SpecifierSet:
    try:
        return specifier_set(text)
    except ValueError as error:
        raise InvalidRepositoryError(
            f"{quoted(text)} is not a set of versions", file=path, hint=HINT
        ) from error
