"""Images that are there already: what a build depends on, as a state, and the image that was built of it."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from r2i.building.records import (
    Record,
    content_state,
    fingerprint,
    own_digest,
    records,
    remember,
    remembered,
    revision_state,
)
from r2i.building.requests import BASE_NAME, build_args
from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.checkout.overlay import Overlay
from r2i.engines.protocol import Engine
from r2i.model import Dockerfile, Image, Plan, Source
from r2i.planning.plan_json import secret_digest

if TYPE_CHECKING:
    from r2i.sources.protocol import Revision


@dataclass(frozen=True)
class FoundAgain:
    """The images of one engine, as the records of this user tell them.

    Any image can have the name of another one, so its id has to be on record, with the state that it was built of.
    """

    engine: Engine

    def unchanged(self, tags: Sequence[str], states: Container[str]) -> Image | None:
        """The image that was built of one of these states of a directory, where it still has all its names."""
        record = self._record(tags[0])
        if record.get("fingerprint") not in states or self._on_another_base(record):
            return None
        found = [self.engine.find(tag) for tag in tags]
        return found[0] if all(image and image.id == record.get("image") for image in found) else None

    def of_revision(self, reference: str, state: str, tags: Sequence[str]) -> Image | None:
        """The image that was built of a revision before, from now on under all tags."""
        record = self._record(reference)
        if record.get("fingerprint") != state:
            return None
        known = self.engine.find(reference)
        if known is None or known.id != record.get("image") or self._on_another_base(record):
            return None
        for tag in tags:
            if (found := self.engine.find(tag)) is None or found.id != known.id:
                self.engine.tag(known.id, tag)
        return replace(known, reference=tags[0]) if tags else known

    def remember(self, image: Image, *, name: str, state: str, before: Mapping[str, Image | None]) -> None:
        """Keep what an image was built of; `before` are the base images as they were then."""
        # A base that was not there may have been pulled.
        bases = {
            reference: base.id if (base := known or self.engine.find(reference)) else ""
            for reference, known in before.items()
        }
        self._remember(image, name=name, state=state, bases=bases)

    def remember_pulled(self, image: Image, *, name: str, state: str) -> None:
        """The same of an image from a registry, whose labels name its base image."""
        base = image.labels.get(BASE_NAME)
        here = self.engine.find(base) if base else None
        self._remember(image, name=name, state=state, bases={base: here.id} if base and here else {})

    def _remember(self, image: Image, *, name: str, state: str, bases: Mapping[str, str]) -> None:
        remember(records(), f"{self.engine.name} {name}", fingerprint=state, image=image.id, bases=bases)

    def _record(self, name: str) -> Record:
        return remembered(records(), f"{self.engine.name} {name}")

    def _on_another_base(self, record: Record) -> bool:
        """Whether a base image was pulled or made anew since that build."""
        return any(
            (found := self.engine.find(reference)) is not None and found.id != id_
            for reference, id_ in record.get("bases", {}).items()
        )


def state_of_revision(source: Source, settings: BuildSettings, revision: Revision) -> str:
    return revision_state(
        source,
        settings.options,
        commit=str(revision.content_id),
        settings=repr((settings.trusted, settings.platforms)),
    )


def directory_state(source: Source, checkout: Checkout, settings: BuildSettings) -> str:
    """Known without a plan: what is planned and rendered depends on nothing else."""
    hidden = sorted(checkout.files.items()) if isinstance(checkout, Overlay) else []
    options = [settings.trusted, settings.platforms, asdict(settings.options)]
    chosen = [own_digest(), source.subdirectory, *options, hidden]
    return fingerprint(checkout.root, json.dumps(chosen, sort_keys=True))


def content_inputs(checkout: Checkout, plan: Plan, dockerfile: Dockerfile, settings: BuildSettings) -> str:
    """A digest of all that the image of a directory depends on, which other machines find, too."""
    given = {name: secret_digest(value) for name, value in build_args(plan, settings).items()}
    chosen = json.dumps([settings.trusted, settings.options.build_network, given], sort_keys=True)
    return f"sha256:{content_state(checkout, plan, dockerfile, chosen)}"
