"""Which Julia, from the strongest evidence that there is.

A version that a file names is taken. Otherwise, of those that `[compat]` allows: that of the manifest, that of the notebooks, else the newest.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from r2i.errors import InvalidRepositoryError
from r2i.facts.julia import releases
from r2i.formats.julia.files import OF_A_MINOR, JuliaManifest, JuliaProject
from r2i.formats.language_versions import agrees, minor_of, overruled, place_of, strongest
from r2i.formats.requirements.lines import quoted
from r2i.model import Evidence, Notice, VersionRequest


@dataclass(frozen=True, kw_only=True)
class ChosenJulia:
    version: str
    evidence: Evidence
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JuliaClaims:
    """All that is said of the version; `requests` are the strongest, of those that name one."""

    requests: tuple[VersionRequest, ...]
    manifests: tuple[JuliaManifest, ...]
    ran_on: VersionRequest | None
    project: JuliaProject | None


def choose_julia(claims: JuliaClaims) -> ChosenJulia:
    """Raise `InvalidRepositoryError` where files contradict one another, or allow no version that r2i can install."""
    allowed = _allowed(claims.project)
    named = strongest(claims.requests)
    if named is not None:
        return _finished(_named(named, allowed, claims.project), named.evidence, claims)
    for manifest in claims.manifests:
        if manifest.request is not None and not manifest.guessed:
            _known(manifest.request, "Update r2i, or resolve the packages with an older Julia")
    for request in _weaker(claims):
        if version := _newest(minor_of(request.version), allowed):
            return _finished(version, request.evidence, claims)
    return _finished(allowed[-1], _of_the_newest(allowed, claims.project), claims)


def _weaker(claims: JuliaClaims) -> Iterator[VersionRequest]:
    """What gives way to what the project allows."""
    made_by = [(manifest.guessed, manifest.request) for manifest in claims.manifests if manifest.request]
    yield from (request for guessed, request in made_by if not guessed)
    if claims.ran_on is not None and claims.ran_on.version:
        yield claims.ran_on
    yield from (request for guessed, request in made_by if guessed)


def _allowed(project: JuliaProject | None) -> Sequence[str]:
    if project is None or project.compat is None:
        return releases()
    compat, at = project.compat, project.compat_evidence
    allowed = [version for version in releases() if compat.allows(version)]
    if not allowed:
        raise InvalidRepositoryError(
            f"No Julia that r2i can install is allowed by {quoted(' '.join(compat.text.split()))}",
            file=at.file,
            line=at.line,
            hint=f'Allow one of {_known_versions()}, such as `julia = "{minor_of(releases()[-1])}"`',
        )
    return allowed


def _named(request: VersionRequest, allowed: Sequence[str], project: JuliaProject | None) -> str:
    _known(request, f"Choose one of {_known_versions()}, such as `julia-{minor_of(releases()[-1])}`")
    # A patch release that r2i does not list gives way to the newest one.
    wanted = request.version if _newest(request.version, releases()) else minor_of(request.version)
    if version := _newest(wanted, allowed):
        return version
    assert project is not None  # noqa: S101 - for mypy
    at = project.compat_evidence
    raise InvalidRepositoryError(
        f"Julia {request.version} is requested, but {place_of(at)} {at.why}",
        file=request.evidence.file,
        line=request.evidence.line,
        hint="Change one of the two versions",
    )


def _known(request: VersionRequest, hint: str) -> None:
    if not _newest(minor_of(request.version), releases()):
        at = request.evidence
        message = f"r2i cannot install Julia {request.version}"
        raise InvalidRepositoryError(message, file=at.file, line=at.line, hint=hint)


def _newest(version: str, among: Sequence[str]) -> str | None:
    """The newest release of a major or minor one, or itself."""
    found = [each for each in among if f"{each}.".startswith(f"{version}.")]
    return found[-1] if found else None


def _of_the_newest(allowed: Sequence[str], project: JuliaProject | None) -> Evidence:
    newest = allowed[-1]
    if project is None or project.compat is None:
        return Evidence(why=f"no file sets a version; {newest} is the newest release")
    at = project.compat_evidence
    return Evidence(why=f"{at.why}; {newest} is the newest of these", file=at.file, line=at.line)


def _finished(version: str, winner: Evidence, claims: JuliaClaims) -> ChosenJulia:
    """With what is said of files that name another version."""
    notices = [*overruled("Julia", version, winner, claims.requests)]
    named = strongest(claims.requests)
    if named and not f"{version}.".startswith(f"{named.version}."):
        message = (
            f"Julia {named.version} is requested; the newest patch release of {minor_of(version)} is used"
        )
        notices.append(Notice(level="info", message=message, file=winner.file, line=winner.line))
    manifest = manifest_of(version, claims.manifests)
    # A format is of more than one release.
    made_by = manifest.request if manifest and not manifest.guessed else None
    for request in (made_by, claims.ran_on):
        if request is not None and request.evidence != winner:
            decides = _decides(request, winner, claims)
            notices += overruled("Julia", version, decides, [request], level="info")
    return ChosenJulia(version=version, evidence=winner, notices=tuple(notices))


def _decides(request: VersionRequest, winner: Evidence, claims: JuliaClaims) -> Evidence:
    """What the weaker evidence gave way to: the stronger one, or what the project allows."""
    project = claims.project
    if project is None or project.compat is None or _newest(minor_of(request.version), _allowed(project)):
        return winner
    return project.compat_evidence


def manifest_of(version: str, manifests: Sequence[JuliaManifest]) -> JuliaManifest | None:
    """The manifest that counts for a version: that of its minor release, else the one of all."""
    named = {OF_A_MINOR.fullmatch(posixpath.basename(each.path)): each for each in reversed(manifests)}
    own = [each for match, each in named.items() if match and match[1] == minor_of(version)]
    return own[-1] if own else named.get(None)


def resolved_again(version: str, manifest: JuliaManifest | None) -> bool:
    """Whether the manifest was made by another minor release, so that its versions may not fit."""
    return (
        manifest is not None
        and manifest.request is not None
        and not manifest.guessed
        and not agrees(version, manifest.request)
    )


def _known_versions() -> str:
    return f"{minor_of(releases()[0])} to {minor_of(releases()[-1])}"
