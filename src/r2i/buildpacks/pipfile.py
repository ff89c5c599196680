"""`Pipfile.lock`, or a `Pipfile` that has none: the Python environment of Pipenv."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from r2i.checkout import Checkout
from r2i.locks.environment import about_passwords, exactly
from r2i.locks.manifest import outdated
from r2i.locks.pipenv import LOCKED, categories, content_hashes, package_lines, source_lines
from r2i.locks.selection import HEEDED, Selection, select
from r2i.locks.shapes import Table, lines_of, read_json, read_toml
from r2i.model import Detection, Notice, Options, PythonConstraint, PythonEnvironment, PythonRequest
from r2i.requirements import read_lines
from r2i.requirements.lines import Line
from r2i.requirements.specifiers import normalised
from r2i.server_parts import server_evidence

#: Where an entry begins.
IN_PIPFILE = r'"?([A-Za-z0-9._-]+)"?\s*='
IN_LOCK = r'\s+"([^"]+)"\s*:'


class Pipfile:
    name = "pipfile"
    files = ("Pipfile.lock", "Pipfile")

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        manifest = checkout.config("Pipfile")
        pipfile = read_toml(checkout, manifest) if manifest else None
        lock = checkout.config("Pipfile.lock")
        if lock is not None:
            return self._locked(checkout, options, read_json(checkout, lock), pipfile)
        return self._resolved(checkout, options, pipfile) if pipfile else None

    def _locked(self, checkout: Checkout, options: Options, lock: Table, pipfile: Table | None) -> Detection:
        if pipfile is not None:
            _check_freshness(lock, pipfile)
        meta = lock.table("_meta")
        known = (key for key in lock.items if key not in ("_meta", *LOCKED.values()))
        chosen = select(options, lock.file, extras=(), groups=known)
        names = ("default", "develop", *_written(lock, chosen))
        numbers = lines_of(checkout.read(lock.file), IN_LOCK)
        packages = chain.from_iterable(package_lines(lock.table(name), numbers) for name in names)
        sources = source_lines(meta, "sources", numbers.get("sources", 1))
        environment, notices = read_lines(checkout, lock.file, chain(sources, packages))
        direct = {
            name for key in LOCKED for name in (pipfile.table(key).items if pipfile else environment.names)
        }
        return _detection(
            exactly(environment, self.name, pipfile.file if pipfile else None),
            (*notices, *about_passwords(checkout, lock.file)),
            meta.table("requires"),
            numbers,
            direct=direct,
        )

    def _resolved(self, checkout: Checkout, options: Options, pipfile: Table) -> Detection:
        chosen = select(options, pipfile.file, extras=(), groups=categories(pipfile))
        numbers = lines_of(checkout.read(pipfile.file), IN_PIPFILE)
        packages = chain.from_iterable(
            package_lines(pipfile.table(name), numbers) for name in (*LOCKED, *_written(pipfile, chosen))
        )
        sources = source_lines(pipfile, "source", numbers.get("url", 1))
        environment, notices = read_lines(checkout, pipfile.file, chain(sources, packages))
        environment = replace(environment, buildpack=self.name, heeds=HEEDED)
        return _detection(
            environment,
            (*notices, *about_passwords(checkout, pipfile.file)),
            pipfile.table("requires"),
            numbers,
            direct=environment.names,
        )


def _written(holder: Table, chosen: Selection) -> Iterator[str]:
    """The chosen categories as the file spells them."""
    return (key for key in holder.items if normalised(key) in chosen.groups)


def _check_freshness(lock: Table, pipfile: Table) -> None:
    recorded = lock.table("_meta").table("hash").text("sha256")
    if "source" in pipfile:
        stale = bool(recorded) and recorded not in content_hashes(pipfile)
    else:  # the index of the machine that locked is part of what was recorded then
        stale = any(
            {normalised(name) for name in pipfile.table(key).items}
            - {normalised(name) for name in lock.table(category).items}
            for key, category in LOCKED.items()
        )
    if stale:
        raise outdated(lock, pipfile, command="pipenv lock")


def _detection(
    environment: PythonEnvironment,
    notices: Iterable[Notice],
    requires: Table,
    numbers: dict[str, int],
    *,
    direct: Iterable[str],
) -> Detection:
    python, allowed = _python(requires, numbers)
    return Detection(
        environment=environment,
        python=python,
        requires=allowed,
        notices=tuple(notices),
        server=server_evidence(environment.names, {normalised(name) for name in direct}),
    )


def _python(
    requires: Table, numbers: dict[str, int]
) -> tuple[PythonRequest | None, tuple[PythonConstraint, ...]]:
    for key in ("python_full_version", "python_version"):
        version = requires.text(key).strip()
        line = Line(file=requires.file, number=numbers.get(key, 1), text=version)
        if not version or version == "*":
            continue
        if re.fullmatch(r"\d+\.\d+(\.\d+)?", version, re.ASCII):
            return PythonRequest(version=version, evidence=line.evidence(f"asks for Python {version}")), ()
        specifier = f"=={version}.*" if version.isdecimal() else version
        return None, (_constraint(specifier, line),)
    return None, ()


def _constraint(specifier: str, line: Line) -> PythonConstraint:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(specifier)
    except (InvalidSpecifier, ValueError) as error:
        raise line.error(
            f"`{specifier}` is not a version of Python", hint='Write it like `python_version = "3.11"`'
        ) from error
    return PythonConstraint(specifier=specifier, evidence=line.evidence(f"allows Python {specifier}"))
