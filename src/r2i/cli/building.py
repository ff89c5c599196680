"""What `build`, `run`, `check` and `init` share: the options of a build, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click

from r2i.building.settings import BuildSettings
from r2i.cli.as_of import asked
from r2i.cli.choices import collected
from r2i.cli.common import PlanChoices, ca_bundle_option, engine_option
from r2i.cli.output import for_programs
from r2i.engines import EngineChoice
from r2i.engines.bounds import Bounds, duration_from, size_from
from r2i.engines.layer_cache import layer_cache
from r2i.engines.naming import checked_reference
from r2i.engines.platforms import platforms_from
from r2i.errors import UsageError

#: Less does not start.
LEAST_MEMORY = 6 * 1024**2
LEAST_IMAGE = 1024**2


def _remembered(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """From here on, whatever is said on stderr is said in that form."""
    for_programs.set(value == "json")
    return value


@dataclass(frozen=True, kw_only=True)
class BuildChoices:
    """The options of a build, as they were typed."""

    engine: EngineChoice
    tags: tuple[str, ...]
    progress: Literal["auto", "rich", "plain", "json"]
    no_cache: bool
    trust_repository: bool
    platforms: tuple[str, ...]
    builder: str | None
    cache_from: tuple[str, ...]
    cache_to: tuple[str, ...]
    rescue: bool
    write: bool
    ca_bundle: Path | None
    build_timeout: str | None
    build_memory: str | None
    build_cpus: float | None
    build_processes: int | None
    max_image_size: str | None
    max_image_files: int | None

    def settings(self, plan: PlanChoices) -> BuildSettings:
        """Raises `UsageError` where an option cannot be read."""
        return BuildSettings(
            options=plan.options(),
            as_of=asked(plan.as_of),
            engine=self.engine,
            tags=tuple(checked_reference(tag) for tag in self.tags),
            no_cache=self.no_cache,
            ca_bundle=self.ca_bundle,
            bounds=self.bounds(),
            rescue=self.rescue,
            trusted=self.trust_repository,
            platforms=platforms_from(self.platforms),
            builder=self.builder,
            cache_from=tuple(layer_cache("--cache-from", text) for text in self.cache_from),
            cache_to=tuple(layer_cache("--cache-to", text) for text in self.cache_to),
        )

    def bounds(self) -> Bounds:
        """Raises `UsageError` where one cannot be read."""
        bounds = Bounds(cpus=self.build_cpus)
        if (cpus := bounds.cpus) is not None and not cpus < 2**20:  # nan, too
            raise UsageError(f"`--build-cpus {cpus:g}` is out of range", hint="Use a number such as `2`")
        if (time_ := self.build_timeout) is not None:
            bounds = replace(bounds, timeout=duration_from(time_, option="--build-timeout"))
        if (memory := self.build_memory) is not None:
            bounds = replace(bounds, memory=size_from(memory, option="--build-memory", least=LEAST_MEMORY))
        if (size := self.max_image_size) is not None:
            bounds = replace(bounds, image_size=size_from(size, option="--max-image-size", least=LEAST_IMAGE))
        if (processes := self.build_processes) is not None:
            bounds = replace(bounds, processes=processes)
        if (files := self.max_image_files) is not None:
            bounds = replace(bounds, image_files=files)
        return bounds


#: The most that a build may take, the last first.
BOUNDS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--max-image-files",
        type=click.IntRange(min=1),
        metavar="N",
        help="Limit on files written per build step. [default: 1000000]",
    ),
    click.option(
        "--max-image-size",
        metavar="SIZE",
        help="Limit on bytes written per build step, and on the image size. [default: 50g]",
    ),
    click.option(
        "--build-processes",
        type=click.IntRange(min=1),
        metavar="N",
        help="Limit on processes per build step. [default: 8192]",
    ),
    click.option(
        "--build-cpus",
        type=click.FloatRange(min=0.01),
        metavar="N",
        help="CPU limit per build step.",
    ),
    click.option("--build-memory", metavar="SIZE", help="Memory limit per build step, such as `4g`."),
    click.option(
        "--build-timeout",
        metavar="TIME",
        help="Time limit for the build, such as `90s` or `2h`. [default: 60m]",
    ),
)

#: What `build`, `run` and `check` share beyond the options of the plan, as the argument `building`.
build_options = collected(
    BuildChoices,
    "building",
    (
        ca_bundle_option,
        click.option(
            "--write", is_flag=True, help="Write the fixes found by `--rescue` into the repository's files."
        ),
        click.option(
            "--rescue",
            is_flag=True,
            help="Retry with a fix if a build step fails for a known cause.",
        ),
        click.option(
            "--trust-repository",
            is_flag=True,
            help="Give code from the repository access to this machine's credentials, and lift its other restrictions.",
        ),
        click.option(
            "--cache-to",
            multiple=True,
            metavar="CACHE",
            help="Export the layer cache, such as `type=registry,ref=NAME`; repeatable.",
        ),
        click.option(
            "--cache-from",
            multiple=True,
            metavar="CACHE",
            help="Use an exported layer cache, such as `type=registry,ref=NAME`; repeatable.",
        ),
        click.option("--no-cache", is_flag=True, help="Build without the layer cache."),
        click.option("--builder", metavar="NAME", help="Docker builder to use. [default: $BUILDX_BUILDER]"),
        click.option(
            "--platform",
            "platforms",
            multiple=True,
            metavar="LIST",
            help="Platforms of the image, such as `linux/arm64`. [default: the engine's]",
        ),
        click.option(
            "--progress",
            type=click.Choice(["auto", "rich", "plain", "json"]),
            default="auto",
            show_default=True,
            callback=_remembered,
            help="Format of the build progress.",
        ),
        click.option(
            "-t", "--tag", "tags", multiple=True, metavar="NAME", help="Tag of the image; repeatable."
        ),
        *BOUNDS,
        engine_option("Container engine to use."),
    ),
)
