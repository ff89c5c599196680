"""The Python environment that a lock describes, in the words of the template that installs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.locks.selection import HEEDED
from r2i.locks.shapes import Table, lines_of
from r2i.model import Evidence, Notice, Pin, PythonEnvironment
from r2i.projects.toml import toml_text
from r2i.requirements.lines import quoted
from r2i.requirements.local import PATH, argument
from r2i.requirements.specifiers import normalised

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
    """`lock` are arguments of `install-locked`, `files` what it reads, by name."""
    return PythonEnvironment(
        buildpack=buildpack,
        defined_by=path,
        evidence=(Evidence(why=f"locks {len(names)} packages", file=path), *evidence),
        local=tuple(local),
        local_options=("--no-deps",),
        names=names,
        pins=tuple(pins),
        exact=True,
        heeds=HEEDED,
        template="locked",
        variables={"lock": lock, "exporters": tools},
        files={f"lock/{name}": text for name, text in files.items()},
        resources=("install-locked",),
        tools=tools,
    )


def exactly(
    environment: PythonEnvironment, buildpack: str, manifest: str | None, *, more: Iterable[str] = ()
) -> PythonEnvironment:
    """What was read as requirements, as a lock: nothing is added to it but `more`, which lies in the repository."""
    of_manifest = (Evidence(why="what it was locked for", file=manifest),) if manifest else ()
    text = environment.support.get(environment.entry or "", "")
    return replace(
        locked(
            buildpack,
            environment.defined_by,
            lock=("requirements",),
            files={"requirements.txt": text},
            names=environment.names,
            evidence=of_manifest,
            local=(*environment.local, *more),
        ),
        options=environment.options,
        pins=environment.pins,
    )


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
            message="A URL holds a password that everybody can read; it is not used: give it to the machine that builds"
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
        hint="Commit it, and make the lock anew",
    )
