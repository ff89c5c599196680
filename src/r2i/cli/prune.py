"""`r2i prune`: remove images that r2i made, the ones that were used longest ago first."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from r2i.building.images import MadeImage, by_use, forget_gone, freed, made_of, superfluous
from r2i.cli.common import agreed, counted, engine_option, size, warn
from r2i.cli.images import age, engines_here, title
from r2i.cli.themes import Command
from r2i.engines import EngineChoice
from r2i.engines.bounds import duration_from, size_from
from r2i.engines.protocol import StoredImage
from r2i.errors import EngineError, UsageError
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.engines.protocol import Engine


@click.command(cls=Command, epilog="r2i prune --older-than 30d --dry-run\nr2i prune --keep-size 20g --yes")
@click.option(
    "--older-than", metavar="TIME", help="Remove images last used longer ago than TIME, such as `30d`."
)
@click.option(
    "--keep-size",
    metavar="SIZE",
    help="Remove images used longest ago until the rest takes at most SIZE, such as `20g`.",
)
@engine_option("Container engine whose images to remove; `auto` is all of them.")
@click.option("--dry-run", is_flag=True, help="Show the images without removing them.")
@click.option("-y", "--yes", is_flag=True, help="Skip the confirmation.")
def prune(
    *, older_than: str | None, keep_size: str | None, engine: EngineChoice, dry_run: bool, yes: bool
) -> None:
    """Remove images that r2i made, by the time of their last use or by size.

    Images of containers, running or not, and images that r2i did not make are never removed.
    """
    since, most = _bounds(older_than, keep_size)
    if not dry_run and not yes and not sys.stdin.isatty():
        raise UsageError("Cannot ask for confirmation: stdin is not a terminal", hint="Pass `--yes`")
    working, complete = engines_here(engine)
    stored = {each.name: each.stored() for each in working}
    made = by_use(image for name, images in stored.items() for image in made_of(name, images))
    chosen = superfluous(made, unused_since=since, keep_size=most)
    everything = [image for images in stored.values() for image in images]
    _show(chosen, everything)
    if dry_run:
        return
    if chosen and not yes and not agreed(f"Remove {counted(len(chosen), 'image')}?", default=False):
        raise click.Abort
    removed = _removed(chosen, working)
    gone = {image.id for image in removed}
    known = {name: {image.id for image in images} - gone for name, images in stored.items()}
    forget_gone(known, now=time.time(), complete=complete)
    if removed:
        click.echo(f"Removed {counted(len(removed), 'image')}, {size(freed(removed, everything))}")
    if len(removed) < len(chosen):
        raise EngineError(
            f"{len(chosen) - len(removed)} of {counted(len(chosen), 'image')} could not be removed",
            hint="Run `r2i images` to list what is left",
        )


def _bounds(older_than: str | None, keep_size: str | None) -> tuple[float | None, int | None]:
    """Since when an image must not have been used, and how much may be kept. Raises `UsageError`."""
    if older_than is None and keep_size is None:
        raise UsageError(
            "`r2i prune` needs an age or a size", hint="Pass `--older-than 30d` or `--keep-size 20g`"
        )
    since = None if older_than is None else time.time() - duration_from(older_than, option="--older-than")
    return since, None if keep_size is None else size_from(keep_size, option="--keep-size", least=0)


def _show(chosen: Sequence[MadeImage], everything: Sequence[StoredImage]) -> None:
    if not chosen:
        click.echo("No image to remove")
        return
    for image in chosen:
        repository = printable(image.repository)
        click.echo(f"{title(image)}  {size(image.stored.size)}  used {age(image.used)}  {repository}")
    amount = size(freed([image.stored for image in chosen], everything))
    click.echo(f"{counted(len(chosen), 'image')}, {amount} in layers that no other image has")


def _removed(chosen: Sequence[MadeImage], engines: Sequence[Engine]) -> list[StoredImage]:
    """Those that could be removed; the user is told why the others could not."""
    by_name = {engine.name: engine for engine in engines}
    removed = []
    for image in chosen:
        try:
            by_name[image.engine].remove(image.stored)
        except EngineError as error:
            warn(f"`{title(image)}` was not removed: {error.message}")
        else:
            removed.append(image.stored)
    return removed
