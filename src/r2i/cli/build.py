"""`r2i build`: an image from a repository."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import click

from r2i.cli.building import BuildChoices, build_options
from r2i.cli.common import PlanChoices, TypedSource, plan_options, source_options
from r2i.cli.rescue import image_for
from r2i.cli.themes import Command


@click.command(
    cls=Command,
    epilog="r2i build .\nr2i build owner/name --ref v1.0 --tag name:1.0\nr2i build . --tag ghcr.io/owner/name:1.0 --push",
)
@source_options
@build_options
@plan_options
@click.option("--push", is_flag=True, help="Push the image to the registry of each `--tag`.")
@click.option(
    "--reuse",
    is_flag=True,
    help="Pull the image of a `--tag` from its registry instead of building, if it was built from the same.",
)
def build(typed: TypedSource, building: BuildChoices, plan: PlanChoices, *, push: bool, reuse: bool) -> None:
    """Build an image of SOURCE and print its name."""
    from r2i.engines.choice import choose

    started = time.monotonic()
    understood = typed.understood()
    settings = replace(building.settings(plan), push=push, reuse=reuse)
    engine = choose(settings.engine, os.environ)
    image = image_for(
        engine, understood, settings, kind=building.progress, write=building.write, started=started
    )
    click.echo(settings.tags[0] if settings.tags else image.reference)
