"""What became of a build, as JSON for other programs (`docs/metadata.schema.json`)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from r2i import __version__
from r2i.building.settings import BuildSettings
from r2i.edits.outputs import write_output
from r2i.engines import EngineName
from r2i.engines.failure import shortened
from r2i.engines.protocol import StepEvent
from r2i.host.addresses import mask
from r2i.model import Dockerfile, Image, Json, Plan, Source
from r2i.planning.plan_json import PLAN_LABEL
from r2i.quoting import clean

#: Raised when a field changes its meaning or goes away; new fields do not raise it.
SCHEMA_VERSION = 1

OPTION = "--metadata-file"

#: Instructions that run or copy something.
STEPS = frozenset({"RUN", "COPY", "ADD"})


@dataclass
class LayerTime:
    """How long a layer took, and the steps of it that ran."""

    title: str
    ran: set[str] = field(default_factory=set)
    seconds: float = 0.0


@dataclass
class BuildTimes:
    """The steps of a build, added up by the layers of its plan; those of a repository's own `Dockerfile` are its layers."""

    plan: Plan
    dockerfile: Dockerfile
    credentials: Sequence[str] = ()
    began: float = field(default_factory=time.monotonic)
    _layers: dict[int, LayerTime] = field(default_factory=dict)

    def told(self, listen: Callable[[StepEvent], None]) -> Callable[[StepEvent], None]:
        """A listener that notes the times of what it passes on."""

        def both(event: StepEvent) -> None:
            self._take(event)
            listen(event)

        return both

    def as_json(self) -> dict[str, Json]:
        layers: list[Json] = [
            {"title": each.title, "cached": not each.ran, "seconds": round(each.seconds, 3)}
            for _, each in sorted(self._layers.items())
        ]
        return {"seconds": round(time.monotonic() - self.began, 3), "layers": layers}

    def _take(self, event: StepEvent) -> None:
        if event.line is None or event.state not in {"cached", "done"}:
            return
        keyword = event.text.partition(" ")[0].upper()
        if keyword == "FROM":  # BuildKit fetches the images of all stages at once, before anything else
            return
        owner = self.dockerfile.layer_lines.get(event.line)
        key = event.line if owner is None else owner
        if key not in self._layers:
            title = shortened(event.text) if owner is None else self.plan.layers[owner].title
            self._layers[key] = LayerTime(title=mask(clean(title), credentials=self.credentials))
        layer = self._layers[key]
        layer.seconds += event.seconds or 0.0
        # What only sets something may be a step or not.
        if event.state == "done" and keyword in STEPS:
            layer.ran.add(event.step)
        else:
            # BuildKit says last of a step whose layer it has fetched that it was cached.
            layer.ran.discard(event.step)


@dataclass
class Account:
    """What a build was: its source, its plan, and its times, which an image that was there already has not.

    The plan of such an image may not be known, but its labels tell of it. `boundary` is that of the checkout.
    """

    source: Source | None = None
    plan: Plan | None = None
    times: BuildTimes | None = None
    boundary: Path = Path(os.devnull)

    def begin(self, source: Source) -> None:
        self.source, self.plan, self.times = source, None, None


def write_metadata(
    path: Path, image: Image, account: Account, *, engine: EngineName, settings: BuildSettings
) -> None:
    """Write the file."""
    plan, source, times = account.plan, account.source, account.times
    assert source is not None  # noqa: S101 - there is an image
    labels = image.labels if plan is None else plan.labels
    platforms = settings.platforms or ((image.platform,) if image.platform else ())
    built: dict[str, Json] = {"seconds": None, "layers": None} if times is None else times.as_json()
    document: dict[str, Json] = {
        "schema": SCHEMA_VERSION,
        "r2i": __version__,
        "engine": engine,
        "image": {
            "references": [*dict.fromkeys((*settings.tags, image.reference))] if image.reference else [],
            "id": image.id or None,
            "digest": image.digest,
            "platforms": [*platforms],
            "size": image.size or None,
        },
        "plan": labels.get(PLAN_LABEL),
        "source": {
            "provider": source.provider,
            "location": source.location,
            "ref": source.ref,
            "subdirectory": source.subdirectory,
            "revision": labels.get("org.opencontainers.image.revision"),
        },
        "found": times is None,
        **built,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    write_output(OPTION, path, text, boundary=account.boundary)
