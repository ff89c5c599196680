"""Which Pythons the files of a repository allow (`requires-python`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from r2i.errors import InvalidRepositoryError
from r2i.facts.pins import pythons
from r2i.facts.python_wheels import spoken
from r2i.formats.language_versions import place_of
from r2i.formats.requirements.specifiers import specifier_set
from r2i.model import PythonConstraint

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

#: More patch releases than any minor release has had.
PATCHES = 40


def allowed(requires: tuple[PythonConstraint, ...]) -> dict[str, str]:
    """The minor releases that all constraints allow, each with the version to ask for."""
    versions = versions_of(requires)
    if not versions:
        raise _contradiction(requires)
    return versions


def versions_of(requires: Iterable[PythonConstraint]) -> dict[str, str]:
    """Prefer releases whose newest patch release is allowed: who writes `<=3.11` does not mean 3.11.0."""
    requires = tuple(requires)
    if not requires:
        return {minor: minor for minor in pythons()}
    from packaging.specifiers import SpecifierSet

    together = SpecifierSet()
    for constraint in requires:
        together &= _specifier(constraint)
    newest = {
        minor: minor for minor in pythons() if together.contains(f"{minor}.{PATCHES}", prereleases=True)
    }
    if newest:
        return newest
    patches = ((minor, f"{minor}.{patch}") for minor in pythons() for patch in range(PATCHES))
    return {minor: version for minor, version in patches if together.contains(version, prereleases=True)}


def _specifier(constraint: PythonConstraint) -> SpecifierSet:
    try:
        found = specifier_set(constraint.specifier)
        found.contains("3.9.0", prereleases=True)
    except ValueError as error:  # ValueError: more digits than Python reads
        raise InvalidRepositoryError(
            f"`{constraint.specifier[:60]}` is not a valid range of Python versions",
            file=constraint.evidence.file,
            line=constraint.evidence.line,
            hint="Write it like `>=3.9` or `>=3.9,<3.13`",
        ) from error
    return found


def _contradiction(requires: tuple[PythonConstraint, ...]) -> InvalidRepositoryError:
    last = next(n for n in range(len(requires)) if not versions_of(requires[: n + 1]))
    guilty = requires[last]
    if not versions_of([guilty]):
        message = f"`{guilty.specifier}` allows no Python version that r2i can install"
        hint = f"Allow {spoken(pythons(), 'or')}, as `>=3.9` does"
    else:
        others = requires[:last]
        other = next((c for c in others if not versions_of([c, guilty])), others[-1])
        message = f"`{guilty.specifier}` excludes every Python version that {place_of(other.evidence)} allows: `{other.specifier}`"
        hint = "Make the two ranges overlap"
    return InvalidRepositoryError(message, file=guilty.evidence.file, line=guilty.evidence.line, hint=hint)
