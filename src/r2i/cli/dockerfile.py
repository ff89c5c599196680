"""`r2i dockerfile`: the Dockerfile itself, or a folder that builds without r2i."""

from __future__ import annotations

from pathlib import Path

import click

from r2i.cli.common import (
    PlanChoices,
    TypedSource,
    checked_out,
    note,
    plan_options,
    show_warnings,
    source_options,
)
from r2i.cli.themes import Command


@click.command(cls=Command, epilog="r2i dockerfile .\nr2i dockerfile owner/name --output context")
@source_options
@plan_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the Dockerfile and all files it needs to DIR.",
)
def dockerfile(typed: TypedSource, *, output: Path | None, plan: PlanChoices) -> None:
    """Print the Dockerfile for SOURCE.

    With `-o DIR`, write it to a directory with everything it needs: `docker build DIR` builds the same image.
    """
    from r2i.planning.compose import make_plan
    from r2i.planning.render import render

    understood = typed.understood()
    with checked_out(understood) as (checkout, source):
        options = plan.options_for(checkout, source)
        made = make_plan(checkout, options, source=source)
        rendered = render(made, checkout)
        if output is not None:
            from r2i.building.export import export

            export(made, checkout, output)
    show_warnings(made.notices)
    if output is None:
        click.echo(rendered.text, nl=not rendered.text.endswith("\n"))
    else:
        note(f"Wrote {output}: build it with `docker build {output}`")
