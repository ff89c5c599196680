"""The Python environment that a lock describes, in the words of the template that installs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.locks.selection import HEEDED
from r2i.formats.locks.shapes import Table, lines_of
from r2i.formats.projects.toml import toml_text
from r2i.formats.requirements.lines import quoted
from r2i.formats.requirements.local import PATH, argument
from r2i.formats.requirements.specifiers import normalised
from r2i.model import EnvironmentTemplate, Evidence, Notice, Pin, PipInstall, PythonEnvironment

#: `git@` of ssh is no secret.
PASSWORD = re.compile(r"(?<=//)(?!git@)[^/\s\"'@]+@")


def locked(
    buildpack: str,
    path: str,
    *,
    lock: tuple[str, ...],
    files: Mapping[str, str],
    names: Mapping[str, Evidence],
    pins: Iterable[Pin] = (),
    evidence: Iterable[Evidence] = (),
    local: Iterable[str] = (),
    tools: tuple[str, ...] = (),
) -> PythonEnvironment:
    """`lock` are arguments of `install_locked.py`, `files` what it reads, by name."""
    return PythonEnvironment(
        buildpack=buildpack,
        defined_by=path,
        evidence=(
            Evidence(why="locks 1 package" if len(names) == 1 else f"locks {len(names)} packages", file=path),
            *evidence,
        ),
        names=names,
        pins=tuple(pins),
        exact=True,
        heeds=HEEDED,
        install=PipInstall(local=tuple(local), local_options=("--no-deps",)),
        template=EnvironmentTemplate(
            name="locked",
            variables={"lock": lock, "exporters": tools},
            files={f"lock/{name}": text for name, text in files.items()},
            resources=("programs/install_locked.py",),
            tools=tools,
        ),
    )


def exactly(
    environment: PythonEnvironment, buildpack: str, manifest: str | None, *, more: Iterable[str] = ()
) -> PythonEnvironment:
    """What was read as requirements, as a lock: nothing is added to it but `more`, which lies in the repository."""
    of_manifest = (Evidence(why="project of this lock file", file=manifest),) if manifest else ()
    text = environment.install.support.get(environment.install.entry or "", "")
    lock = locked(
        buildpack,
        environment.defined_by,
        lock=("requirements",),
        files={"requirements.txt": text},
        names=environment.names,
        pins=environment.pins,
        evidence=of_manifest,
        local=(*environment.install.local, *more),
    )
    return replace(lock, install=replace(lock.install, options=environment.install.options))


def locked_names(checkout: Checkout, path: str, packages: Iterable[Table]) -> dict[str, Evidence]:
    """What the packages of a TOML lock are called, with the lines of their names."""
    lines = lines_of(checkout.read(path), r'name = "([^"]*)"')
    return {
        normalised(name): Evidence(
            why=f"locks `{normalised(name)}` {package.text('version')}".rstrip(),
            file=path,
            line=lines.get(name),
        )
        for package in packages
        for name in [package.text("name")]
    }


def locked_pins(names: Mapping[str, Evidence], packages: Iterable[Table]) -> Iterator[Pin]:
    """The versions of packages; of those that are locked in several, nothing here tells which one is for which Python."""
    versions: dict[str, set[str]] = {}
    for package in packages:
        versions.setdefault(normalised(package.text("name")), set()).add(package.text("version"))
    for name, found in versions.items():
        if len(found) == 1 and (version := found.pop()):
            yield Pin(name=name, specifier=f"=={version}", evidence=names[name])


def emitted(items: Mapping[str, Any]) -> str:
    """TOML without comments, and without what anybody could read a password from."""
    return PASSWORD.sub("", toml_text(items))


def about_passwords(checkout: Checkout, *paths: str) -> tuple[Notice, ...]:
    return tuple(
        Notice(
            level="warning",
            message="A URL contains a password that everybody can read; r2i does not use it: configure it on the build machine"
            " (`netrc`, or the index settings of pip or uv)",
            file=path,
            line=checkout.read(path)[: found.start()].count("\n") + 1,
        )
        for path in paths
        if (found := PASSWORD.search(checkout.read(path)))
    )


def local_argument(checkout: Checkout, lock: str, where: str) -> str:
    """A path relative to a lock as a word for `uv pip install` in the repository's root; raise where there is none."""
    found = checkout.inside(where, relative_to=lock)
    if found is None or not PATH.fullmatch(found):
        problem = "is not a path inside the repository"
    elif not checkout.has(found):
        problem = "does not exist"
    else:
        return argument(found)
    raise InvalidRepositoryError(
        f"{quoted(where)}, which `{lock}` names, {problem}",
        file=lock,
        hint="Commit it, and regenerate the lock file",
    )
