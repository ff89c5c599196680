"""`r2i build`: an image from a repository."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from r2i.cli.building import build_options, settings_from
from r2i.cli.common import parsed, plan_options, source_options
from r2i.cli.rescue import image_for


@click.command()
@source_options
@build_options
@plan_options
def build(source: str, ref: str | None, subdir: str, **chosen: Any) -> None:
    """Build an image of SOURCE, and print its name.

    SOURCE is a directory, a git URL, `owner/name` on GitHub, or a link to a branch or directory there.
    """
    from r2i.engines import choose

    started = time.monotonic()
    understood, settings = parsed(source, ref, subdir), settings_from(chosen)
    engine = choose(settings.engine, os.environ)
    image = image_for(engine, understood, settings, started=started)
    click.echo(settings.tags[0] if settings.tags else image.reference)
