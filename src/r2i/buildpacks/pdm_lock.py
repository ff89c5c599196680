"""`pdm.lock`: what PDM locked for the `pyproject.toml` beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.facts.server_parts import server_evidence
from r2i.formats.locks.environment import about_passwords, exactly
from r2i.formats.locks.manifest import asked_for, manifest_beside, outdated, packaged, python_of
from r2i.formats.locks.pipenv import requirement, source_lines
from r2i.formats.locks.selection import Selection, select
from r2i.formats.locks.shapes import Table, lines_of, read_toml
from r2i.formats.projects.project import Project
from r2i.formats.requirements import read_lines
from r2i.formats.requirements.lines import Line
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Detection, Options

HINT = "Run `pdm lock`, and commit `pdm.lock`"


class PdmLock:
    name = "pdm_lock"
    files = ("pdm.lock",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config("pdm.lock")
        if path is None:
            return None
        lock = read_toml(checkout, path)
        manifest, project, installation = manifest_beside(checkout, path, command="pdm lock")
        _check(lock, manifest)
        chosen = _chosen(options, lock, project)
        indexes = source_lines(manifest.table("tool").table("pdm"), "source", 1, main=False)
        packages = _package_lines(checkout, lock, chosen)
        environment, notices = read_lines(checkout, path, chain(indexes, packages))
        environment = exactly(environment, self.name, manifest.file, more=packaged(installation))
        direct = asked_for(project, chosen)
        return Detection(
            environment=environment,
            requires=python_of(project),
            notices=(*notices, *about_passwords(checkout, path, manifest.file), *installation.notices),
            server=server_evidence(environment.names, direct),
        )


def _check(lock: Table, manifest: Table) -> None:
    metadata = lock.table("metadata")
    if "inherit_metadata" not in metadata.texts("strategy"):
        raise InvalidRepositoryError(
            f"`{lock.file}` has no environment markers",
            file=lock.file,
            hint="Run `pdm lock --strategy inherit_metadata` with PDM 2.11 or newer, and commit `pdm.lock`",
        )
    recorded = metadata.text("content_hash").removeprefix("sha256:")
    if recorded and recorded not in _content_hashes(manifest):
        raise outdated(lock, manifest, command="pdm lock")


def _content_hashes(manifest: Table) -> set[str]:
    """What `pdm.lock` records of `pyproject.toml`; old releases knew fewer of the settings of a resolution."""
    project, pdm = manifest.table("project"), manifest.table("tool").table("pdm")
    groups: dict[str, list[Any]] = {}
    for table in (manifest.table("dependency-groups"), pdm.table("dev-dependencies")):
        for name, members in table.items.items():
            groups[normalised(name)] = [*groups.get(normalised(name), ()), *_list(members)]
    resolution = pdm.table("resolution")
    known = {
        "sources": pdm.items.get("source", []),
        "dependencies": project.items.get("dependencies", []),
        "optional-dependencies": project.items.get("optional-dependencies", {}),
        "requires-python": project.items.get("requires-python", ""),
    }
    variants: list[dict[str, Any]] = [
        {"dev-dependencies": groups, "resolution": resolution.items},
        {"dev-dependencies": groups, "overrides": resolution.items.get("overrides", {})},
        {
            "dev-dependencies": pdm.items.get("dev-dependencies", {}),
            "overrides": resolution.items.get("overrides", {}),
        },
    ]
    return {_hash({**known, **variant}) for variant in variants}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _hash(value: dict[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _chosen(options: Options, lock: Table, project: Project) -> Selection:
    """Only what was locked can be installed."""
    locked = {normalised(name) for name in lock.table("metadata").texts("groups")}
    return select(
        options,
        lock.file,
        extras=[name for name in project.extras or () if name in locked],
        groups=[name for name in project.groups if name in locked],
        default=[name for name in project.default_groups if name in locked],
    )


def _package_lines(checkout: Checkout, lock: Table, chosen: Selection) -> Iterator[Line]:
    numbers = lines_of(checkout.read(lock.file), r'name = "([^"]*)"')
    wanted = {"default", *chosen.extras, *chosen.groups}
    for package in lock.tables("package"):
        name = package.text("name")
        line = Line(file=lock.file, number=numbers.get(name, 1), text=name)
        if wanted & {normalised(group) for group in package.texts("groups")}:
            text = requirement(name, _entry(package), line)
            yield Line(file=line.file, number=line.number, text=" ".join(text.split()))


def _entry(package: Table) -> Table:
    """A package in the words of Pipenv. Its extras are locked as packages of their own."""
    items = package.only("git", "ref", "revision", "subdirectory", "path", "url", "editable")
    hashes = [file.text("hash") for file in package.tables("files") if file.text("hash")]
    entry = {**items, "version": package.text("version"), "hashes": sorted(set(hashes))}
    if "marker" in package:
        entry["markers"] = package.text("marker")
    return Table(file=package.file, items=entry, place=package.place)
