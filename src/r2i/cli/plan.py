"""`r2i plan`: what would be built, and why."""

from __future__ import annotations

import click

from r2i.checkout import Checkout
from r2i.cli.common import PlanChoices, TypedSource, checked_out, plan_options, source_options
from r2i.cli.themes import Command
from r2i.errors import R2iError
from r2i.model import Plan, Source


@click.command(
    cls=Command,
    epilog="r2i plan .\nr2i plan owner/name --python 3.12 --json\nr2i plan owner/name --binder",
)
@source_options
@plan_options
@click.option("--binder", is_flag=True, help="Also show what Binder would build, and each difference.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(typed: TypedSource, *, as_json: bool, binder: bool, plan: PlanChoices) -> None:
    """Show what r2i would build from SOURCE, and why.

    Needs no engine, and for a local directory no network.
    """
    understood = typed.understood()
    with checked_out(understood) as (checkout, source):
        if binder:
            _beside_binder(checkout, source, plan, as_json=as_json)
            return
        made = _made(checkout, source, plan)
    if as_json:
        from r2i.planning.plan_json import to_json

        click.echo(to_json(made), nl=False)
    else:
        from r2i.cli.plan_text import plan_lines

        click.echo("\n".join(plan_lines(made)))


def _made(checkout: Checkout, source: Source, plan: PlanChoices) -> Plan:
    from r2i.planning.compose import make_plan

    return make_plan(checkout, plan.options_for(checkout, source), source=source)


def _beside_binder(checkout: Checkout, source: Source, plan: PlanChoices, *, as_json: bool) -> None:
    """Both, and where r2i has none, Binder alone before the error."""
    from r2i.binder.contents import contents_of
    from r2i.binder.differences import differences
    from r2i.binder.making import binder_of
    from r2i.cli.plan_text import binder_lines, plan_lines
    from r2i.planning.plan_json import to_json_beside_binder

    made, failure = None, None
    try:
        made = _made(checkout, source, plan)
    except R2iError as error:
        failure = error
    binder = binder_of(checkout)
    contents = contents_of(checkout, binder)
    found = differences(made, binder, contents)
    if as_json:
        click.echo(to_json_beside_binder(made, failure, binder, contents, found), nl=False)
    else:
        lines = [*plan_lines(made), ""] if made is not None else []
        click.echo("\n".join([*lines, *binder_lines(binder, contents, found)]))
    if failure is not None:
        raise failure
