"""How to build, as values: the options of the plan, and what does not change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from r2i.engines import EngineChoice
from r2i.engines.bounds import Bounds
from r2i.engines.layer_cache import LayerCache
from r2i.engines.outputs import Output, in_store
from r2i.model import Options

#: What git has to be asked for; every other date stands in the options.
DateAsked: TypeAlias = Literal["commit", "auto"]

PUSHED = Output(kind="registry")


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """What may be chosen of a build.

    `as_of` takes the date from the history; `tags` name the image, which has a name of its own without any; `ca_bundle`
    is a file of certificates that build steps trust, too. With `rescue`, a step that fails for a known cause is built again
    with the change that mends it. `trusted` gives the repository's code the credentials of this machine. `engine_arguments`
    are words for the engine's own build command.
    `push` pushes the image under every tag, `reuse` looks under them for one that was built from the same before it builds.

    Without `platforms`, the image is for the machine of the engine; `builder` is one of `docker buildx ls`. Without
    `outputs`, the image comes into the local store. `metadata_file` is written once there is an image.
    """

    options: Options = field(default_factory=Options)
    as_of: DateAsked | None = None
    engine: EngineChoice = "auto"
    tags: tuple[str, ...] = ()
    no_cache: bool = False
    ca_bundle: Path | None = None
    bounds: Bounds = field(default_factory=Bounds)
    rescue: bool = False
    trusted: bool = False
    push: bool = False
    reuse: bool = False
    platforms: tuple[str, ...] = ()
    builder: str | None = None
    cache_from: tuple[LayerCache, ...] = ()
    cache_to: tuple[LayerCache, ...] = ()
    outputs: tuple[Output, ...] = ()
    metadata_file: Path | None = None
    engine_arguments: tuple[str, ...] = ()

    @property
    def builds_anyway(self) -> bool:
        """Whether an image that is there already does not do."""
        return self.no_cache or bool(self.cache_to or self.delivered or self.engine_arguments)

    @property
    def for_others(self) -> bool:
        """Whether other machines should recognise the image, or this one recognises theirs."""
        return self.push or self.reuse

    @property
    def delivered(self) -> tuple[Output, ...]:
        """The outputs; what is pushed comes into the local store for it, of several platforms the builder pushes it."""
        if not self.push or PUSHED in self.outputs:
            return self.outputs
        if len(self.platforms) > 1:
            return (*self.outputs, PUSHED)
        return self.outputs if in_store(self.outputs) else (*self.outputs, Output(kind="store"))

    @property
    def stores(self) -> bool:
        """Whether the image comes into the local store."""
        return in_store(self.delivered)

    @property
    def pushes_from_store(self) -> bool:
        return self.push and not self.pushed_by_builder

    @property
    def pushed_by_builder(self) -> bool:
        return PUSHED in self.delivered
