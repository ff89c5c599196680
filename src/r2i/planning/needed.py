"""Whether an image gets the files of the repository without which its build, or its start, would fail."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from r2i.checkout import Checkout
from r2i.checkout.ignore import Pattern, left_out_by, own_file, patterns
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.formats.requirements.local import PROJECT_FILES, without_extras
from r2i.formats.requirements.urls import is_archive
from r2i.model import Detection, Evidence, Stage
from r2i.quoting import printable


def check_needed(checkout: Checkout, detections: Iterable[Detection]) -> None:
    """Raise `InvalidRepositoryError` where an ignore file, or a link that leads nowhere in the image, keeps one out."""
    file = own_file(checkout)
    ignored = tuple(patterns(checkout.read(file), file)) if file else ()
    for need in _needs(checkout, detections, ignored):
        for path in checkout.trail(need.file or ""):
            pattern = left_out_by(path, ignored)
            if pattern is not None:
                raise InvalidRepositoryError(
                    f"`{printable(pattern.text)}` excludes `{printable(path)}` from the image, but the image needs it ({need.why})",
                    file=file,
                    line=pattern.line,
                    hint=f"Remove the line, or add `!{printable(path)}` below it",
                )


def _needs(
    checkout: Checkout, detections: Iterable[Detection], ignored: tuple[Pattern, ...]
) -> Iterator[Evidence]:
    for detection in detections:
        # What is run at this stage is what the layer was made for.
        yield from (why for layer in detection.layers if layer.stage is Stage.BUILD for why in layer.evidence)
        for argument in detection.environment.install.local if detection.environment else ():
            path = checkout.inside(without_extras(argument)[0]) if argument.startswith(".") else None
            if path is not None:
                yield from _of_requirement(argument, path, checkout, ignored)


def _of_requirement(
    argument: str, path: str, checkout: Checkout, ignored: tuple[Pattern, ...]
) -> Iterator[Evidence]:
    from r2i.formats.projects.reading import read_project

    why = f"`{argument}` is installed from it"
    if not checkout.is_dir(path):
        yield Evidence(why=why, file=path)
        return
    directory = "" if path == "." else path
    needed = [posixpath.join(directory, name) for name in PROJECT_FILES]
    either = [entry for entry in checkout.entries(directory) if is_archive(entry)]
    try:
        found = read_project(checkout, directory) if ignored else None
    except R2iError:
        found = None  # where it counts that has been said
    if found is not None:
        either = list(found[1].packages)
        needed += found[1].files
    yield from (Evidence(why=why, file=path) for path in needed if checkout.has(path))
    if either and all(left_out_by(path, ignored) for path in either):
        yield Evidence(why=why, file=either[0])
