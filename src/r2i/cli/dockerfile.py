"""`r2i dockerfile`: the Dockerfile itself, or a folder that builds without r2i."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from r2i.cli.as_of import asked, dated
from r2i.cli.common import (
    checked_out,
    note,
    options_from,
    parsed,
    plan_options,
    show_warnings,
    source_options,
)


@click.command()
@source_options
@plan_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a folder to build.",
)
def dockerfile(source: str, ref: str | None, subdir: str, *, output: Path | None, **chosen: Any) -> None:
    """Print the Dockerfile that SOURCE is built with.

    With `-o DIR`, write a folder with everything that it needs: `docker build DIR` makes the same image.
    """
    from r2i.planner import make_plan
    from r2i.render import render

    understood = parsed(source, ref, subdir)
    with checked_out(understood) as checkout:
        options = dated(
            options_from(chosen), asked(chosen["as_of"]), checkout=checkout, source=understood, note=note
        )
        plan = make_plan(checkout, options, source=understood)
        rendered = render(plan, checkout)
        if output is not None:
            from r2i.export import export

            export(plan, checkout, output)
    show_warnings(plan.notices)
    if output is None:
        click.echo(rendered.text, nl=not rendered.text.endswith("\n"))
    else:
        note(f"Wrote {output}: build it with `docker build {output}`")
