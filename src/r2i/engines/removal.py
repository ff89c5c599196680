"""Removing an image and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from r2i.engines import EngineName
from r2i.engines.failure import last_line
from r2i.engines.protocol import StoredImage
from r2i.errors import EngineError
from r2i.model import Image


def removable(image: StoredImage, find: Callable[[str], Image | None]) -> Iterator[str]:
    """What to remove one after another: names that are still those of the image, and what is left by its id.

    Without force, an engine removes an image by its id if it has one name at most and no container uses it.
    """
    for reference in image.references[1:]:
        found = find(reference)
        if found is not None and found.id == image.id:
            yield reference
    yield image.id


def not_removed(said: str, engine: EngineName) -> EngineError:
    if "container" in said.lower():
        return EngineError("A container uses it", hint=f"Run `{engine} ps --all` to list the containers")
    return EngineError(last_line(said))
