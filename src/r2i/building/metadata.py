"""What became of a build, as JSON for other programs (`docs/metadata.schema.json`)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from r2i import __version__
from r2i.building.settings import BuildSettings
from r2i.edits.outputs import destination, write_output
from r2i.engines import EngineName
from r2i.engines.failure import shortened
from r2i.engines.protocol import StepEvent
from r2i.errors import UsageError
from r2i.host.addresses import mask
from r2i.model import Dockerfile, Image, Json, Plan, Source
from r2i.planning.plan_json import digest
from r2i.quoting import clean

#: Raised when a field changes its meaning or goes away; new fields do not raise it.
SCHEMA_VERSION = 1

OPTION = "--metadata-file"


@dataclass
class LayerTime:
    """How long a layer took; it is `cached` where no step of it ran."""

    title: str
    cached: bool = True
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
            {"title": each.title, "cached": each.cached, "seconds": round(each.seconds, 3)}
            for _, each in sorted(self._layers.items())
        ]
        return {"seconds": round(time.monotonic() - self.began, 3), "layers": layers}

    def _take(self, event: StepEvent) -> None:
        if event.line is None or event.state not in {"cached", "done"}:
            return
        owner = self.dockerfile.layer_lines.get(event.line)
        key = event.line if owner is None else owner
        if key not in self._layers:
            title = shortened(event.text) if owner is None else self.plan.layers[owner].title
            self._layers[key] = LayerTime(title=mask(clean(title), credentials=self.credentials))
        layer = self._layers[key]
        layer.cached = layer.cached and event.state == "cached"
        layer.seconds += event.seconds or 0.0


def check_place(path: Path, boundary: Path) -> None:
    """Raise `UsageError` for a file that could not be written after the build."""
    place = destination(OPTION, path, boundary=boundary)
    if place.is_dir() or not place.parent.is_dir():
        reason = "it is a directory" if place.is_dir() else "its directory does not exist"
        raise UsageError(f"`{OPTION} {path}` cannot be written: {reason}", hint="Choose another file")


def write_metadata(
    path: Path,
    image: Image,
    *,
    engine: EngineName,
    source: Source,
    settings: BuildSettings,
    plan: Plan | None,
    times: BuildTimes | None,
    boundary: Path,
) -> None:
    """Write the file; without `times`, the image was there already. Without a plan, the labels of the image tell of it."""
    labels = {"io.r2i.plan": digest(plan), **plan.labels} if plan is not None else image.labels
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
        "plan": labels.get("io.r2i.plan"),
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
    write_output(OPTION, path, text, boundary=boundary)
