"""S1: what a repository and its image weigh, since every start on a hub waits for it."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator

from r2i.check.findings import Finding, Rule
from r2i.check.settings import MAX_SIZE
from r2i.check.size import forecast_of, smaller, spoken_size
from r2i.check.subject import Subject

#: What GitHub warns of, in bytes; beyond twice of it, it does not take a file.
LARGE_FILE = 50_000_000

#: What hosts of repositories ask not to exceed, in bytes.
LARGE_REPOSITORY = 1_000_000_000

NAMED = 4


def _image(subject: Subject) -> Iterator[Finding]:
    forecast, budget = subject.once(forecast_of), subject.settings.max_size
    if forecast is None or forecast.unpacked <= budget:
        return
    asked = [part for part in forecast.parts if part.evidence and part.evidence.file]
    named = ", ".join(f"`{part.name}` {spoken_size(part.unpacked)}" for part in asked[:NAMED])
    evidence = asked[0].evidence if asked else None
    less = smaller(subject.environment)
    hints = [less[part.name] for part in asked if part.name in less]
    yield Finding(
        message=f"The image will be about {spoken_size(forecast.unpacked)}, which exceeds {spoken_size(budget)}"
        + (f": {named}" if named else ""),
        file=evidence.file if evidence else None,
        line=evidence.line if evidence else None,
        hint=hints[0] if hints else "Remove packages that no notebook needs, or increase `max-size`",
        severity="info" if budget == MAX_SIZE else None,  # a limit that nobody set
    )


def _large_files(subject: Subject) -> Iterator[Finding]:
    for path, size in subject.tracked.items():
        if size > LARGE_FILE:
            yield Finding(
                message=f"`{path}` has {spoken_size(size)}, and is part of every image and clone",
                file=path,
                hint="Publish it in a data repository (Zenodo, OSF) or an object store, and download it in `postBuild`",
            )


def _repository(subject: Subject) -> Iterator[Finding]:
    total = sum(size for size in subject.tracked.values() if size <= LARGE_FILE)
    if total <= LARGE_REPOSITORY:
        return
    directories: dict[str, int] = defaultdict(int)
    for path, size in subject.tracked.items():
        directories[posixpath.dirname(path) or "."] += size
    largest = max(directories, key=lambda directory: directories[directory])
    yield Finding(
        message=f"The files of the repository have {spoken_size(total)}, "
        f"of which `{largest}` has {spoken_size(directories[largest])}",
        hint="Publish data in a data repository (Zenodo, OSF) or an object store, and download it in `postBuild`",
    )


RULES = (
    Rule(
        code="S101",
        name="image-too-large",
        severity="warning",
        why="The first user on each machine of a hub waits until the image is downloaded and unpacked.",
        find=_image,
        follows_file=True,
    ),
    Rule(
        code="S102",
        name="large-file",
        severity="info",
        why="Git keeps every version of the file forever, and every build copies it.",
        find=_large_files,
    ),
    Rule(
        code="S103",
        name="large-repository",
        severity="info",
        why="Every build fetches and copies the whole repository.",
        find=_repository,
    ),
)
