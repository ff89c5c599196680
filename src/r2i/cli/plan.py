"""`r2i plan`: what would be built, and why."""

from __future__ import annotations

from collections.abc import Iterator

import click

from r2i.cli.common import PlanChoices, TypedSource, checked_out, plan_options, source_options
from r2i.cli.themes import Command
from r2i.model import Evidence, Layer, Notice, Plan
from r2i.quoting import printable

PROVIDERS = {"base": "from the base image", "uv": "installed by uv", "conda": "from conda packages"}


@click.command(cls=Command, epilog="r2i plan .\nr2i plan owner/name --python 3.12 --json")
@source_options
@plan_options
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(typed: TypedSource, *, as_json: bool, plan: PlanChoices) -> None:
    """Show what r2i would build from SOURCE, and why.

    Needs no engine, and for a local directory no network.
    """
    from r2i.planning.compose import make_plan
    from r2i.planning.plan_json import to_json

    understood = typed.understood()
    with checked_out(understood) as checkout:
        options = plan.options_for(checkout, understood)
        made = make_plan(checkout, options, source=understood)
    if as_json:
        click.echo(to_json(made), nl=False)
    else:
        click.echo("\n".join(_lines(made)))


def _lines(plan: Plan) -> Iterator[str]:
    yield from _facts(plan)
    if plan.layers:
        yield _heading("Layers, in build order")
        for number, layer in enumerate(plan.layers, 1):
            yield from _layer(number, layer)
    if plan.ignored:
        yield _heading("Ignored")
        for ignored in plan.ignored:
            yield f"  {click.style(printable(ignored.file), bold=True)}  {printable(ignored.reason)}"
    if plan.notices:
        yield _heading("Notes and warnings")
        yield from (_notice(notice) for notice in plan.notices)


def _facts(plan: Plan) -> Iterator[str]:
    yield _fact("Base image", plan.base.reference if plan.dockerfile is None else "set by the Dockerfile")
    if plan.base.evidence is not None:
        yield " " * 14 + _reason(plan.base.evidence)
    if plan.dockerfile is not None:
        yield _fact("Dockerfile", f"`{plan.dockerfile}` in the repository, used unchanged")
    if plan.python is not None:
        yield _fact("Python", f"{plan.python.version} {PROVIDERS[plan.python.provider]}")
        yield " " * 14 + _reason(plan.python.evidence)
    for language in plan.languages:
        yield _fact(language.name, f"{language.version} {language.provider}".strip())
        yield " " * 14 + _reason(language.evidence)
    if plan.as_of is not None:
        yield _fact("As of", f"{plan.as_of.moment}: {_reason(plan.as_of.evidence)}")
    if plan.jupyter is not None:
        if plan.jupyter.mode == "split":
            yield _fact("Jupyter", "in a separate environment (locked, the same in every image)")
        else:
            yield _fact("Jupyter", "in the repository's environment, with its pinned versions")
            for evidence in plan.jupyter.evidence:
                yield " " * 14 + _reason(evidence)
    yield _fact("User", f"{plan.user_name} ({plan.user_id})")
    yield _fact("Directory", plan.repo_dir)


def _layer(number: int, layer: Layer) -> Iterator[str]:
    yield f"  {number:>2}  {click.style(printable(layer.title), bold=True)}  {click.style(layer.stage.name.lower(), dim=True)}"
    for evidence in layer.evidence[:8]:
        yield f"      {_reason(evidence)}"
    if len(layer.evidence) > 8:
        yield f"      … and {len(layer.evidence) - 8} more"


def _notice(notice: Notice) -> str:
    word = click.style("Warning:", fg="yellow") if notice.level == "warning" else "Note:"
    place = _place(notice)
    return f"  {word} {place}{printable(notice.message)}"


def _reason(evidence: Evidence) -> str:
    return f"{_place(evidence)}{printable(evidence.why)}"


def _place(found: Evidence | Notice) -> str:
    if found.file is None:
        return ""
    file = printable(found.file)
    return f"{file}:{found.line}: " if found.line else f"{file}: "


def _heading(text: str) -> str:
    return "\n" + click.style(text, underline=True)


def _fact(name: str, value: str) -> str:
    return f"{name + ':':<14}{value}"
