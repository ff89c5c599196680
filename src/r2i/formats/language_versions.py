"""Which version of a language its files ask for, and what is said where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from r2i.model import Evidence, Notice, VersionRequest


def strongest(requests: Iterable[VersionRequest]) -> VersionRequest | None:
    """The first that names a version."""
    return next((request for request in requests if request.version), None)


def day_of(requests: Iterable[VersionRequest]) -> VersionRequest | None:
    """The first that names the day whose packages are asked for."""
    return next((request for request in requests if request.day), None)


def minor_of(version: str) -> str:
    return ".".join(version.split(".")[:2])


def place_of(evidence: Evidence) -> str:
    """As the subject of a sentence: ``` `runtime.txt`, line 2, ```, or the reason where there is no file."""
    if evidence.file is None:
        return evidence.why
    return f"`{evidence.file}`" + (f", line {evidence.line}," if evidence.line else "")


def agrees(version: str, request: VersionRequest) -> bool:
    """Whether a version is of the release that is asked for, which may be a major (`4`) or a minor one (`4.5`, `4.5.1`)."""
    return f"{version}.".startswith(f"{minor_of(request.version)}.")


def overruled(
    language: str,
    version: str,
    winner: Evidence,
    others: Iterable[VersionRequest],
    *,
    level: Literal["info", "warning"] = "warning",
) -> Iterator[Notice]:
    """What says otherwise than the version that is taken; its evidence says who decides."""
    for other in others:
        if not other.version or agrees(version, other) or other.evidence == winner:
            continue
        who = f"{winner.why}" if winner.file is None else f"`{winner.file}` takes precedence: {version}"
        said = f"{language} {other.version} is requested here" if level == "warning" else other.evidence.why
        yield Notice(
            level=level, message=f"{said}, but {who}", file=other.evidence.file, line=other.evidence.line
        )
