"""`poetry.lock`: what Poetry locked for the `pyproject.toml` beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from r2i.checkout import Checkout
from r2i.facts.server_parts import server_evidence
from r2i.formats.locks.environment import (
    about_passwords,
    emitted,
    local_argument,
    locked,
    locked_names,
    locked_pins,
)
from r2i.formats.locks.manifest import asked_for, manifest_beside, outdated, python_of
from r2i.formats.locks.poetry import OF_POETRY, OF_PROJECT, content_hash, content_hashes
from r2i.formats.locks.selection import Selection, select
from r2i.formats.locks.shapes import Table, read_toml
from r2i.formats.projects.packaging import Installation
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Detection, Evidence, Notice, Options


class PoetryLock:
    name = "poetry_lock"
    files = ("poetry.lock",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config("poetry.lock")
        if path is None:
            return None
        lock = read_toml(checkout, path)
        manifest, project, installation = manifest_beside(checkout, path, command="poetry lock")
        reduced = _reduced(manifest)
        extras, groups = project.extras or (), project.groups
        chosen = select(options, manifest.file, extras=extras, groups=groups, default=project.default_groups)
        names = locked_names(checkout, path, lock.tables("package"))
        direct = asked_for(project, chosen)
        if not _is_fresh(lock, manifest, names=names.keys(), direct=direct):
            raise outdated(lock, manifest, command="poetry lock")
        environment = locked(
            self.name,
            path,
            lock=("poetry", *_arguments(chosen)),
            files=_files(reduced, lock),
            names=names,
            pins=locked_pins(names, lock.tables("package")),
            evidence=(Evidence(why="project of this lock file", file=manifest.file),),
            local=(*_local(checkout, lock, chosen), *installation.arguments),
            tools=("poetry",),
        )
        return Detection(
            environment=environment,
            requires=python_of(project),
            notices=(
                *about_passwords(checkout, path, manifest.file),
                *installation.notices,
                *_no_package(installation),
            ),
            server=server_evidence(names, direct),
        )


def _files(reduced: Mapping[str, Any], lock: Table) -> dict[str, str]:
    """What Poetry reads: bytes that change only when what is installed changes."""
    return {"poetry.lock": emitted(_as_if_made_for(reduced, lock)), "pyproject.toml": emitted(reduced)}


def _no_package(installation: Installation) -> Iterator[Notice]:
    """Poetry said nothing of it before its release 2, and so there are many such projects."""
    if (refused := installation.refused) is not None:
        yield Notice(
            level="warning",
            message=f"The project itself is not installed: {refused.message}",
            file=refused.file,
            line=refused.line,
        )


def _arguments(chosen: Selection) -> tuple[str, ...]:
    groups = tuple(word for name in chosen.groups for word in ("--with", name))
    return (*groups, *(word for name in chosen.extras for word in ("--extras", name)))


def _is_fresh(
    lock: Table, manifest: Table, *, names: AbstractSet[str], direct: AbstractSet[str | None]
) -> bool:
    """Merges of Git leave locks without the hash; the names are left to be compared then."""
    recorded = lock.table("metadata").text("content-hash")
    return recorded in content_hashes(manifest.items) if recorded else direct - {None} <= names


def _reduced(manifest: Table) -> dict[str, Any]:
    """As much of `pyproject.toml` as the lock was made for, so that an edit of the rest builds nothing anew."""
    poetry = manifest.table("tool").table("poetry")
    kept = {**poetry.only(*OF_POETRY), "package-mode": False}
    if "source" in poetry:
        kept["source"] = [_source(source) for source in poetry.tables("source")]
    reduced: dict[str, Any] = {"tool": {"poetry": kept}}
    if "project" in manifest:
        project = manifest.table("project").only(*OF_PROJECT)
        reduced["project"] = {"name": "locked", "version": "0", **project}
    return {**reduced, **manifest.only("dependency-groups")}


def _source(source: Table) -> dict[str, str]:
    """An index in the words of Poetry 2, which refuses those of before."""
    priority = source.text("priority")
    if source.flag("secondary") or priority == "secondary":
        priority = "supplemental"
    kept = {key: source.text(key) for key in ("name", "url") if key in source}
    return {**kept, "priority": priority if priority in ("supplemental", "explicit") else "primary"}


def _as_if_made_for(reduced: Mapping[str, Any], lock: Table) -> dict[str, Any]:
    """The lock with what Poetry compares, which was done by now."""
    metadata = {**lock.table("metadata").items, "content-hash": content_hash(reduced)}
    return {**lock.items, "metadata": metadata}


def _local(checkout: Checkout, lock: Table, chosen: Selection) -> Iterator[str]:
    """Arguments that install what lies in the repository."""
    by_extra = {
        normalised(name.partition(" ")[0])
        for extra in lock.table("extras").items
        if normalised(extra) in chosen.extras
        for name in lock.table("extras").texts(extra)
    }
    groups = {"main", *chosen.groups}
    for package in lock.tables("package"):
        source = package.table("source")
        if source.text("type") not in ("directory", "file"):
            continue
        # Only Poetry 2 writes the groups down.
        if "groups" in package and not groups & {normalised(name) for name in package.texts("groups")}:
            continue
        if package.flag("optional") and normalised(package.text("name")) not in by_extra:
            continue
        where = local_argument(checkout, lock.file, source.text("url"))
        yield from ("-e", where) if package.flag("develop") else (where,)
