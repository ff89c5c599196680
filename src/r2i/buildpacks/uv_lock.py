"""`uv.lock`: what uv locked for the `pyproject.toml` beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from r2i.formats.locks.manifest import manifest_beside, python_of
from r2i.formats.locks.selection import Selection, select
from r2i.formats.locks.shapes import Table, read_toml
from r2i.formats.locks.uv_freshness import check_freshness
from r2i.formats.projects.project import Project
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Detection, Evidence, Options

#: How a lock calls packages that lie in the repository.
LOCAL = ("editable", "virtual", "directory", "path")


class UvLock:
    name = "uv_lock"
    files = ("uv.lock",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config("uv.lock")
        if path is None:
            return None
        lock = read_toml(checkout, path)
        packages = lock.tables("package")
        manifest, project, _ = manifest_beside(checkout, path, command="uv lock")
        check_freshness(checkout, lock)
        chosen = select(
            options,
            manifest.file,
            extras=project.extras or (),
            groups=project.groups,
            default=project.default_groups,
        )
        names = locked_names(checkout, path, packages)
        roots = _roots(lock, packages)
        environment = locked(
            self.name,
            path,
            lock=("uv", *chosen.arguments()),
            files={
                "uv.lock": emitted(_without_versions(lock)),
                "pyproject.toml": emitted(_reduced(manifest, project)),
            },
            names=names,
            pins=locked_pins(names, packages),
            evidence=(Evidence(why="project of this lock file", file=manifest.file),),
            local=_local(checkout, path, packages, roots, chosen),
        )
        direct = {_name(edge) for root in roots for edge in _edges(root, chosen)}
        return Detection(
            environment=environment,
            requires=python_of(project),
            notices=about_passwords(checkout, path, manifest.file),
            server=server_evidence(names, direct),
        )


def _name(package: Table) -> str:
    return normalised(package.text("name"))


def _place(package: Table) -> str | None:
    """Where a package lies, relative to the lock; None for what comes from elsewhere."""
    source = package.table("source")
    return next((source.text(kind) for kind in LOCAL if kind in source), None)


def _roots(lock: Table, packages: Iterable[Table]) -> tuple[Table, ...]:
    """What `uv sync` installs: the project, or all members of a workspace without one."""
    if root := [package for package in packages if _place(package) == "."]:
        return tuple(root)
    members = {normalised(name) for name in lock.table("manifest").texts("members")}
    return tuple(package for package in packages if _name(package) in members)


def _edges(package: Table, chosen: Selection | None = None) -> Iterator[Table]:
    """What a package depends on; a root also by the extras and groups that are chosen."""
    yield from package.tables("dependencies")
    if chosen is None:
        return
    for kind, names in (("optional-dependencies", chosen.extras), ("dev-dependencies", chosen.groups)):
        table = package.table(kind)
        for key in table.items:
            if normalised(key) in names:
                yield from table.tables(key)


def _local(
    checkout: Checkout, path: str, packages: Iterable[Table], roots: Iterable[Table], chosen: Selection
) -> Iterator[str]:
    """Arguments that install what lies in the repository."""
    known = {_name(package): package for package in packages if _place(package) is not None}
    pending = [edge for root in roots for edge in (root, *_edges(root, chosen))]
    seen: set[tuple[str, str]] = set()
    while pending:
        edge = pending.pop()
        name = _name(edge)
        for extra in ("", *edge.texts("extra")):
            if name in known and (name, extra) not in seen:
                seen.add((name, extra))
                package = known[name]
                pending += package.table("optional-dependencies").tables(extra) if extra else _edges(package)
    for name, package in known.items():
        source = package.table("source")
        if (name, "") in seen and "virtual" not in source:
            where = local_argument(checkout, path, _place(package) or ".")
            yield from ("-e", where) if "editable" in source else (where,)


def _without_versions(lock: Table) -> dict[str, Any]:
    """The version of a package of the repository changes nothing of what is installed from elsewhere."""
    packages = [
        {key: value for key, value in package.items.items() if key not in ("version", "metadata")}
        if _place(package) is not None
        else package.items
        for package in lock.tables("package")
    ]
    return {**lock.items, "package": packages}


def _reduced(manifest: Table, project: Project) -> dict[str, Any]:
    """As much of `pyproject.toml` as exporting and installing need, so that an edit of the rest builds nothing anew."""
    reduced: dict[str, Any] = {}
    if "project" in manifest:
        kept = manifest.table("project").only("name", "requires-python")
        extras: dict[str, list[str]] = {name: [] for name in project.extras or ()}
        reduced["project"] = {**kept, "version": "0", "optional-dependencies": extras}
    settings = {**project.uv, **manifest.table("tool").table("uv").only("default-groups")}
    groups: dict[str, list[str]] = {name: [] for name in project.groups}
    return {**reduced, "dependency-groups": groups, "tool": {"uv": settings}}
