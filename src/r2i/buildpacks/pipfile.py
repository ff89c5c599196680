"""`Pipfile.lock`, or a `Pipfile` that has none: the Python environment of Pipenv."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from r2i.checkout import Checkout
from r2i.facts.server_parts import server_evidence
from r2i.formats.locks.environment import about_passwords, exactly
from r2i.formats.locks.pipenv import LOCKED, categories, content_hashes, package_lines, source_lines
from r2i.formats.locks.selection import HEEDED, Selection, select
from r2i.formats.locks.shapes import Table, lines_of, read_json, read_toml
from r2i.formats.requirements import read_lines
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import normalised, specifier_set
from r2i.model import Detection, Notice, Options, PythonConstraint, PythonEnvironment, VersionRequest

#: Where an entry begins.
IN_PIPFILE = r'"?([A-Za-z0-9._-]+)"?\s*='
IN_LOCK = r'\s+"([^"]+)"\s*:'

#: How many differences between a lock and its `Pipfile` are named.
MOST_DIFFERENCES = 5


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
        stale = tuple(_stale(lock, pipfile)) if pipfile is not None else ()
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
            (*stale, *notices, *about_passwords(checkout, lock.file)),
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
    return (key for key in holder.items if chosen.groups and normalised(key) in chosen.groups)


def _stale(lock: Table, pipfile: Table) -> Iterator[Notice]:
    """What is said of a lock that was made for another `Pipfile`: it is installed all the same, as on Binder."""
    different = [*_differences(lock, pipfile)]
    recorded = lock.table("_meta").table("hash").text("sha256")
    # Without sources the index of the machine that locked is part of what was recorded.
    stale = "source" in pipfile and bool(recorded) and recorded not in content_hashes(pipfile)
    if not different and not stale:
        return
    shown = ", ".join(different[:MOST_DIFFERENCES]) or f"its hash of `{pipfile.file}` differs"
    more = f", and {len(different) - MOST_DIFFERENCES} more" if len(different) > MOST_DIFFERENCES else ""
    yield Notice(
        level="warning",
        message=f"`{lock.file}` does not match `{pipfile.file}`, and is installed as it is: {shown}{more};"
        " `pipenv lock` updates it",
        file=lock.file,
    )


def _differences(lock: Table, pipfile: Table) -> Iterator[str]:
    for key, category in LOCKED.items():
        locked = {normalised(name): entry for name, entry in lock.table(category).items.items()}
        for name, wanted in pipfile.table(key).items.items():
            entry = locked.get(normalised(name))
            if entry is None:
                yield f"it lacks `{name}`"
            elif unwanted := _unwanted(wanted, entry):
                yield f"it has `{name}{unwanted}` instead of `{name}{_version(wanted)}`"
    for key in ("python_version", "python_full_version"):
        wanted = pipfile.table("requires").text(key)
        locked_version = lock.table("_meta").table("requires").text(key)
        if wanted != locked_version:
            yield f"it is for Python {locked_version or 'of any version'} instead of {wanted or 'any version'}"


def _unwanted(wanted: object, locked: object) -> str:
    """The locked version, where it is not one that is asked for."""
    asked, version = _version(wanted), _version(locked)
    if not asked.strip("* ") or not version.startswith("=="):
        return ""
    try:
        fits = specifier_set(asked).contains(version.lstrip("="), prereleases=True)
    except ValueError:
        return ""
    return "" if fits else version


def _version(entry: object) -> str:
    text = entry.get("version", "") if isinstance(entry, dict) else entry
    version = text.strip() if isinstance(text, str) else ""
    return f"=={version}" if version[:1].isdigit() else version


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
        requests={"python": python} if python else {},
        requires=allowed,
        notices=tuple(notices),
        server=server_evidence(environment.names, {normalised(name) for name in direct}),
    )


def _python(
    requires: Table, numbers: dict[str, int]
) -> tuple[VersionRequest | None, tuple[PythonConstraint, ...]]:
    for key in ("python_full_version", "python_version"):
        version = requires.text(key).strip()
        line = Line(file=requires.file, number=numbers.get(key, 1), text=version)
        if not version or version == "*":
            continue
        if re.fullmatch(r"\d+\.\d+(\.\d+)?", version, re.ASCII):
            return VersionRequest(version=version, evidence=line.evidence(f"requires Python {version}")), ()
        specifier = f"=={version}.*" if version.isdecimal() else version
        return None, (_constraint(specifier, line),)
    return None, ()


def _constraint(specifier: str, line: Line) -> PythonConstraint:
    try:
        specifier_set(specifier)
    except ValueError as error:
        raise line.error(
            f"{quoted(specifier)} is not a Python version", hint='Write it like `python_version = "3.11"`'
        ) from error
    return PythonConstraint(specifier=specifier, evidence=line.evidence(f"allows Python {specifier}"))
