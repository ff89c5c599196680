"""`poetry.lock`: what Poetry locked for the `pyproject.toml` beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from r2i.checkout import Checkout
from r2i.locks.environment import about_passwords, emitted, local_argument, locked, locked_names
from r2i.locks.manifest import asked_for, manifest_beside, packaged, python_of
from r2i.locks.selection import Selection, select
from r2i.locks.shapes import Table, read_toml
from r2i.model import Detection, Evidence, Options
from r2i.requirements.specifiers import normalised
from r2i.server_parts import server_evidence

#: What Poetry's own hash of `pyproject.toml` is made of, and `poetry export` reads.
OF_POETRY = ("dependencies", "source", "extras", "dev-dependencies", "group")
OF_PROJECT = ("requires-python", "dependencies", "optional-dependencies")


class PoetryLock:
    name = "poetry_lock"
    files = ("poetry.lock",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config("poetry.lock")
        if path is None:
            return None
        lock = read_toml(checkout, path)
        manifest, project, installation = manifest_beside(checkout, path, command="poetry lock")
        chosen = select(
            options,
            manifest.file,
            extras=project.extras or (),
            groups=project.groups,
            default=project.default_groups,
        )
        names = locked_names(checkout, path, lock.tables("package"))
        environment = locked(
            self.name,
            path,
            lock=("poetry", *_arguments(chosen)),
            files={"poetry.lock": emitted(lock.items), "pyproject.toml": emitted(_reduced(manifest))},
            names=names,
            evidence=(Evidence(why="what it was locked for", file=manifest.file),),
            local=(*_local(checkout, lock, chosen), *packaged(installation)),
            tools=("poetry",),
        )
        direct = asked_for(project, chosen)
        return Detection(
            environment=environment,
            requires=python_of(project),
            notices=(*about_passwords(checkout, path, manifest.file), *installation.notices),
            server=server_evidence({name: names[name] for name in names if name in direct}),
        )


def _arguments(chosen: Selection) -> tuple[str, ...]:
    groups = tuple(word for name in chosen.groups for word in ("--with", name))
    return (*groups, *(word for name in chosen.extras for word in ("--extras", name)))


def _reduced(manifest: Table) -> dict[str, Any]:
    """As much of `pyproject.toml` as the lock was made for, so that an edit of the rest builds nothing anew."""
    poetry = manifest.table("tool").table("poetry").only(*OF_POETRY)
    reduced: dict[str, Any] = {"tool": {"poetry": {**poetry, "package-mode": False}}}
    if "project" in manifest:
        kept = manifest.table("project").only(*OF_PROJECT)
        reduced["project"] = {"name": "locked", "version": "0", **kept}
    return {**reduced, **manifest.only("dependency-groups")}


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
