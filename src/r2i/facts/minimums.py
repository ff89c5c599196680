"""The oldest programs that r2i works with: what the doctor says of a version is what a build does with it."""

from __future__ import annotations

#: BuildKit with here-documents, `COPY --link`, named contexts and source policies is in the daemon since this version.
DOCKER = (24,)
BUILDX = (0, 13)

#: Named contexts and secret mounts came with this version.
PODMAN = (4,)

#: `GIT_CONFIG_COUNT`, on which all safety of fetching rests, is of this version (2021).
GIT = (2, 31)

#: `HGRCSKIPREPO`, without which a directory's own configuration would run code, is in this version.
MERCURIAL = (6, 0)


def written(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
