"""Whether a lock still has what its manifest asks for: as far as versions tell, without solving anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.formats.conda.environment_yml import read_environment_yml
from r2i.formats.conda.specs import Spec
from r2i.formats.conda_locks.packages import CondaPackage, Lock, PypiPackage
from r2i.formats.conda_locks.versions import build_satisfies, satisfies
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import Named, named, normalised


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a manifest asks for, each with its line."""

    file: str
    conda: tuple[tuple[Spec, Line], ...] = ()
    pypi: tuple[tuple[Named, Line], ...] = ()


def require_agreement(lock: Lock, wishes: Wishes) -> None:
    """Raise an error that names the first wish which the lock does not fulfil."""
    error = next(disagreements(lock, wishes), None)
    if error is not None:
        raise error


def disagreements(lock: Lock, wishes: Wishes) -> Iterator[InvalidRepositoryError]:
    """What is surely not as it is asked for; a name that the lock may know under another is not among it."""
    conda = {package.name: package for package in lock.locked.conda}
    for spec, line in wishes.conda:
        package = conda.get(spec.name)
        if spec.name.startswith("__"):
            continue
        if package is None:
            yield _stale(lock, line, f"`{lock.file}` does not lock it")
        elif not _fulfils(package, spec):
            yield _stale(lock, line, f"`{lock.file}` locks {package.version}")
    pypi = {package.name: package for package in lock.locked.pypi}
    provided = {normalised(name) for name in (*conda, *lock.provides)}
    for wish, line in wishes.pypi:
        name = normalised(wish.name)
        locked = pypi.get(name)
        if locked is not None and not _allows(wish.specifier, locked):
            yield _stale(lock, line, f"`{lock.file}` locks {locked.version}")
        elif locked is None and lock.provides and name not in provided and not wish.marker:
            yield _stale(lock, line, f"`{lock.file}` does not lock it")


def wishes_of_environment(checkout: Checkout, path: str) -> Wishes:
    """The dependencies of an `environment.yml`; one that cannot be read asks for nothing."""
    try:
        found = read_environment_yml(checkout, path)
    except R2iError:
        return Wishes(file=path)
    return Wishes(
        file=path,
        conda=tuple((dependency.spec, dependency.line) for dependency in found.dependencies),
        pypi=tuple(named_requirements(found.pip)),
    )


def named_requirements(lines: Iterable[Line]) -> Iterator[tuple[Named, Line]]:
    """Those that are a name and versions, and neither options nor places."""
    for line in lines:
        with suppress(R2iError):
            yield named(" ".join(line.text.split()), line), line


def _fulfils(package: CondaPackage, spec: Spec) -> bool:
    return satisfies(package.version, spec.version or "*") and build_satisfies(
        package.build, spec.build or "*"
    )


def _allows(specifier: str, locked: PypiPackage) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return not locked.version or SpecifierSet(specifier).contains(locked.version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion, ValueError):  # ValueError: more digits than Python reads
        return True


def _stale(lock: Lock, line: Line, found: str) -> InvalidRepositoryError:
    return line.error(
        f"{quoted(line.text)} is required here, but {found}",
        hint=f"Run `{lock.renew}`, and commit `{lock.file}`",
    )
