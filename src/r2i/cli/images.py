"""`r2i images`: the images that r2i made, on every engine here."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from r2i.building.images import MADE_LABEL, MadeImage, by_use, made_of, size_of
from r2i.cli.common import counted, engine_option, size, warn
from r2i.cli.themes import Command
from r2i.engines import EngineChoice
from r2i.model import Json
from r2i.planning.plan_json import PLAN_LABEL
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.engines.protocol import Engine

COLUMNS = ("USED", "CREATED", "SIZE", "ENGINE", "REPOSITORY", "REVISION", "NAME")

#: As much of a commit as git shows.
SHORT = 12

#: From which age on, in seconds, it is told in that unit.
AGES = ((2 * 86400, "day", 86400), (2 * 3600, "hour", 3600), (120, "minute", 60))


@click.command(cls=Command, epilog="r2i images\nr2i images --engine podman --json")
@engine_option("Container engine whose images to list; `auto` is all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def images(*, engine: EngineChoice, as_json: bool) -> None:
    """List the images that r2i made, the one that was used last first.

    The total counts a layer that several images share once.
    """
    working, _ = engines_here(engine)
    made = by_use(image for each in working for image in made_of(each.name, each.stored(MADE_LABEL)))
    if as_json:
        import json

        click.echo(json.dumps(_document(made), indent=2))
        return
    for line in _lines(made):
        click.echo(line)


def engines_here(engine: EngineChoice) -> tuple[list[Engine], bool]:
    """The engines that work, and whether these are all; the user is told of one that is installed and does not."""
    from r2i.engines.choice import all_that_work

    working, troubles = all_that_work(engine, os.environ)
    for trouble in troubles:
        warn(f"{trouble.message}. r2i cannot see its images")
    return working, engine == "auto" and not troubles


def title(image: MadeImage) -> str:
    """What people call an image."""
    return printable(image.stored.references[0] if image.stored.references else image.stored.id[7:19])


def age(moment: float) -> str:
    seconds = time.time() - moment
    for least, unit, length in AGES:
        if seconds >= least:
            return f"{int(seconds / length)} {unit}s ago"
    return "just now"


def _lines(made: Sequence[MadeImage]) -> list[str]:
    head = f"{counted(len(made), 'image')}, {size(size_of(image.stored for image in made))}"
    if not made:
        return [head]
    rows = [COLUMNS, *map(_row, made)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return [head, *(line.rstrip() for line in lines)]


def _row(image: MadeImage) -> tuple[str, ...]:
    names = ", ".join(map(printable, image.stored.references)) or "-"
    return (
        age(image.used),
        age(image.stored.created),
        size(image.stored.size),
        image.engine,
        printable(image.repository),
        printable(image.revision)[:SHORT] or "-",
        names,
    )


def _document(made: Sequence[MadeImage]) -> dict[str, Json]:
    return {
        "version": 1,
        "size": size_of(image.stored for image in made),
        "images": [
            {
                "engine": image.engine,
                "id": image.stored.id,
                "names": list(image.stored.references),
                "repository": image.repository,
                "revision": image.revision or None,
                "plan": image.stored.labels.get(PLAN_LABEL),
                "size": image.stored.size,
                "created": _moment(image.stored.created),
                "used": _moment(image.used),
                "in_use": image.stored.in_use,
            }
            for image in made
        ],
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
