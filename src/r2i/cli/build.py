"""`r2i build`: an image from a repository."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import click

from r2i.building.settings import BuildSettings
from r2i.cli.building import BuildChoices, build_options
from r2i.cli.choices import collected
from r2i.cli.common import PlanChoices, TypedSource, note, plan_options, source_options
from r2i.cli.rescue import image_for
from r2i.cli.themes import Command
from r2i.engines.outputs import checked_outputs, output_from


@dataclass(frozen=True, kw_only=True)
class DeliveryChoices:
    """Where the image and what is said of it go, as it was typed."""

    push: bool
    reuse: bool
    outputs: tuple[str, ...]
    metadata_file: Path | None

    def settings(self, settings: BuildSettings) -> BuildSettings:
        """Raises `UsageError` where an option cannot be read."""
        outputs = tuple(output_from(text) for text in self.outputs)
        checked = checked_outputs(outputs, tags=settings.tags, platforms=settings.platforms)
        return replace(
            settings, push=self.push, reuse=self.reuse, outputs=checked, metadata_file=self.metadata_file
        )


delivery_options = collected(
    DeliveryChoices,
    "delivery",
    (
        click.option(
            "--metadata-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write the names, digests and layer times of the image as JSON.",
        ),
        click.option(
            "--output",
            "outputs",
            multiple=True,
            metavar="OUTPUT",
            help="Destination of the image, such as `type=oci,dest=FILE`, or `none`; repeatable. [default: local store]",
        ),
        click.option(
            "--reuse",
            is_flag=True,
            help="Pull the image of a `--tag` from its registry instead of building, if it was built from the same.",
        ),
        click.option("--push", is_flag=True, help="Push the image to the registry of each `--tag`."),
    ),
)


@click.command(
    cls=Command,
    epilog="r2i build .\nr2i build owner/name --ref v1.0 --tag name:1.0\nr2i build . --tag ghcr.io/owner/name:1.0 --push",
)
@source_options
@build_options
@delivery_options
@plan_options
def build(typed: TypedSource, building: BuildChoices, delivery: DeliveryChoices, plan: PlanChoices) -> None:
    """Build an image of SOURCE and print its name."""
    from r2i.engines.choice import choose

    started = time.monotonic()
    understood = typed.understood()
    settings = delivery.settings(building.settings(plan))
    engine = choose(settings.engine, os.environ, builder=settings.builder)
    image = image_for(
        engine, understood, settings, kind=building.progress, write=building.write, started=started
    )
    if image.reference:
        click.echo(settings.tags[0] if settings.tags else image.reference)
    else:
        note("The image is in the cache of the builder only")
