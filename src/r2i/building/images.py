"""The images that r2i made, how long ago each was used, and which of them to remove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from r2i.building.records import forget, records
from r2i.building.uses import forget_uses, last_use
from r2i.engines import EngineName
from r2i.engines.protocol import StoredImage

#: An image that r2i made from a repository has it; one that somebody made from such an image, too.
MADE_LABEL = "io.r2i.version"

#: How the names begin that r2i gives; Podman puts a registry before them.
OWN_NAMES = ("r2i/", "localhost/r2i/")

#: After how many seconds without use it is forgotten what r2i keeps of an image that is gone: a year.
LONG = 365 * 86400.0


@dataclass(frozen=True, kw_only=True)
class MadeImage:
    """An image that r2i made; `used` is when r2i last built, found or ran it, in seconds since 1970."""

    engine: EngineName
    stored: StoredImage
    used: float

    @property
    def repository(self) -> str:
        """Its address; `local` for a directory."""
        return self._label("org.opencontainers.image.source", "repo2docker.repo")

    @property
    def revision(self) -> str:
        """Empty for a directory that is no revision."""
        return self._label("org.opencontainers.image.revision", "repo2docker.ref")

    def _label(self, *names: str) -> str:
        return next((value for name in names if (value := self.stored.labels.get(name))), "")


def made_of(engine: EngineName, images: Iterable[StoredImage]) -> list[MadeImage]:
    """The images of an engine that r2i made."""
    return [
        MadeImage(engine=engine, stored=image, used=image.created if noted is None else noted)
        for image in images
        if MADE_LABEL in image.labels
        and ((noted := last_use(engine, image.id)) is not None or _is_of_r2i(image))
    ]


def by_use(images: Iterable[MadeImage]) -> list[MadeImage]:
    """The image that was used last first."""
    return sorted(images, key=lambda image: (-image.used, image.stored.id))


def _is_of_r2i(image: StoredImage) -> bool:
    """Whether an image with the label is no other one's child, as far as its names and its history tell.

    Nothing is written after the label; but an appendix may, and a repository's own Dockerfile leaves no step for it.
    """
    steps = [step.instruction for step in image.history if step.size or MADE_LABEL in step.instruction]
    labelled_last = bool(steps) and MADE_LABEL in steps[-1]
    return labelled_last or any(name.startswith(OWN_NAMES) for name in image.references)


def freed(removed: Sequence[StoredImage], everything: Iterable[StoredImage]) -> int:
    """The sizes of the layers that no other image has."""
    gone = {image.id for image in removed}
    kept = {layer for image in everything if image.id not in gone for layer in image.layers}
    layers = {layer: size for image in removed for layer, size in image.layers.items()}
    return sum(size for layer, size in layers.items() if layer not in kept)


def size_of(images: Iterable[StoredImage]) -> int:
    """What images take on the disk: a layer that several share counts once."""
    layers: dict[str, int] = {}
    for image in images:
        layers |= image.layers
    return sum(layers.values())


def superfluous(
    images: Sequence[MadeImage], *, unused_since: float | None, keep_size: int | None
) -> list[MadeImage]:
    """The images to remove, the one that was used longest ago first; none that a container uses.

    `images` begins with the one that was used last. Those go that were last used before `unused_since`, and then as many
    as it takes for the rest to fit into `keep_size`.
    """

    def is_old(image: MadeImage) -> bool:
        return not image.stored.in_use and unused_since is not None and image.used < unused_since

    old = [image for image in reversed(images) if is_old(image)]
    if keep_size is None:
        return old
    rest = [image for image in reversed(images) if not image.stored.in_use and not is_old(image)]
    kept = [image.stored for image in images if not is_old(image)]
    return old + rest[: _too_many(rest, kept, keep_size)]


def _too_many(candidates: Sequence[MadeImage], kept: Iterable[StoredImage], most: int) -> int:
    """How many candidates to remove, in their order, until what is kept fits."""
    users = Counter(layer for image in kept for layer in image.layers)
    sizes = {layer: size for image in kept for layer, size in image.layers.items()}
    total = sum(sizes.values())
    for number, candidate in enumerate(candidates):
        if total <= most:
            return number
        total -= sum(_left_alone(candidate.stored, users))
    return len(candidates)


def _left_alone(image: StoredImage, users: Counter[str]) -> Iterator[int]:
    """The sizes of the layers that nobody else uses, as the image goes."""
    for layer, size in image.layers.items():
        users[layer] -= 1
        if not users[layer]:
            yield size


def forget_gone(known: Mapping[EngineName, Collection[str]], *, now: float, complete: bool) -> None:
    """Remove what r2i has kept for long of images that are gone: `known` are those that each engine has.

    Another daemon of the same engine may have them: which one it was is not kept, since a build that finds its image asks
    no daemon who it is. Only where these engines are `complete` is it known which records, of whatever engine, are of none.
    """
    before = now - LONG
    for engine, ids in known.items():
        forget_uses(engine, known=ids, before=before)
    if complete:
        forget(records(), known={id_ for ids in known.values() for id_ in ids}, before=before)
