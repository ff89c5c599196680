"""From the files of a project's directory to one `Project`, and what becomes of it itself."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from r2i.checkout import Checkout
from r2i.formats.projects.packaging import Installation, installation
from r2i.formats.projects.project import Project
from r2i.formats.projects.pyproject import declares, read_pyproject
from r2i.formats.projects.setuptools_files import SetupMetadata, read_setup
from r2i.formats.projects.toml import Toml, read_toml


def read_project(checkout: Checkout, directory: str = "") -> tuple[Project, Installation] | None:
    """None where the files there only configure tools."""
    path = posixpath.join(directory, "pyproject.toml")
    doc = read_toml(checkout, path) if checkout.has(path) else None
    setup = read_setup(checkout, directory)
    project = _project(doc, setup, checkout, directory)
    if project is None:
        return None
    return project, installation(project, doc, setup, checkout)


def _project(doc: Toml | None, setup: SetupMetadata, checkout: Checkout, directory: str) -> Project | None:
    if doc is not None and declares(doc):
        return read_pyproject(doc, checkout, directory=directory, setup=setup)
    if setup.found is None:
        return None
    project = Project(
        file=setup.found,
        directory=directory,
        name=setup.name,
        dependencies=setup.dependencies,
        extras=setup.extras,
        python=setup.python,
        evidence=setup.evidence,
    )
    if doc is None:
        return project
    # The settings of uv count, too, where setuptools declares the rest.
    settings = read_pyproject(doc, checkout, directory=directory, setup=setup)
    return replace(project, uv=settings.uv, sources=settings.sources, notices=settings.notices)
