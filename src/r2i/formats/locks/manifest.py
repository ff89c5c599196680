"""The `pyproject.toml` that a lock was made for: it lies beside it."""

from __future__ import annotations

import posixpath

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.locks.selection import Selection
from r2i.formats.locks.shapes import Table, read_toml
from r2i.formats.projects.packaging import Installation
from r2i.formats.projects.project import Project, distribution
from r2i.formats.projects.reading import read_project
from r2i.model import PythonConstraint


def manifest_beside(checkout: Checkout, lock: str, *, command: str) -> tuple[Table, Project, Installation]:
    """The file as it is, what it says, and what becomes of the project itself."""
    directory = posixpath.dirname(lock)
    path = posixpath.join(directory, "pyproject.toml")
    if not checkout.has(path):
        raise InvalidRepositoryError(
            f"There is no `pyproject.toml` beside `{lock}`",
            file=lock,
            hint=f"Commit the `pyproject.toml` that `{command}` was run for",
        )
    project, installation = read_manifest(checkout, directory)
    return read_toml(checkout, path), project, installation


def outdated(lock: Table, manifest: Table, *, command: str) -> InvalidRepositoryError:
    """The error of a lock that was made for an earlier state of its manifest."""
    return InvalidRepositoryError(
        f"`{lock.file}` does not match `{manifest.file}`",
        file=lock.file,
        hint=f"Run `{command}`, and commit `{posixpath.basename(lock.file)}`",
    )


def read_manifest(checkout: Checkout, directory: str) -> tuple[Project, Installation]:
    found = read_project(checkout, directory)
    return found or (Project(file=posixpath.join(directory, "pyproject.toml")), Installation())


def python_of(project: Project) -> tuple[PythonConstraint, ...]:
    return (project.python,) if project.python else ()


def packaged(installation: Installation) -> tuple[str, ...]:
    """The project as arguments of `uv pip install`; raise where its author's tool could not install it either."""
    if installation.refused is not None:
        raise installation.refused
    return installation.arguments


def asked_for(project: Project, chosen: Selection) -> set[str | None]:
    """The names of what the project itself asks for, with the extras and groups that are chosen."""
    lists = [project.dependencies or ()]
    lists += [lines for key, lines in (project.extras or {}).items() if key in chosen.extras]
    lists += [lines for key, lines in project.groups.items() if key in chosen.groups]
    return {distribution(line) for lines in lists for line in lines}
