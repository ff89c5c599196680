"""`r2i plan`: what would be built, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from r2i.cli.as_of import asked, dated
from r2i.cli.common import checked_out, note, options_from, parsed, plan_options, source_options
from r2i.model import Evidence, Layer, Notice, Plan
from r2i.quoting import printable

PROVIDERS = {"base": "from the base image", "uv": "installed by uv", "conda": "from conda's packages"}


@click.command()
@source_options
@plan_options
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def plan(source: str, ref: str | None, subdir: str, *, as_json: bool, **chosen: Any) -> None:
    """Show what would be built from SOURCE, and why.

    Needs no engine, and no network for a local directory.
    """
    from r2i.plan_json import to_json
    from r2i.planner import make_plan

    understood = parsed(source, ref, subdir)
    with checked_out(understood) as checkout:
        options = dated(
            options_from(chosen), asked(chosen["as_of"]), checkout=checkout, source=understood, note=note
        )
        made = make_plan(checkout, options, source=understood)
    if as_json:
        click.echo(to_json(made), nl=False)
    else:
        click.echo("\n".join(_lines(made)))


def _lines(plan: Plan) -> Iterator[str]:
    yield from _facts(plan)
    if plan.layers:
        yield _heading("Layers, in the order in which they are built")
        for number, layer in enumerate(plan.layers, 1):
            yield from _layer(number, layer)
    if plan.ignored:
        yield _heading("Not used")
        for ignored in plan.ignored:
            yield f"  {click.style(ignored.file, bold=True)}  {ignored.reason}"
    if plan.notices:
        yield _heading("To know")
        yield from (_notice(notice) for notice in plan.notices)


def _facts(plan: Plan) -> Iterator[str]:
    yield _fact("Base image", plan.base.reference if plan.dockerfile is None else "named by the Dockerfile")
    if plan.dockerfile is not None:
        yield _fact("Dockerfile", f"`{plan.dockerfile}` of the repository, used as it is")
    if plan.python is not None:
        yield _fact("Python", f"{plan.python.version} {PROVIDERS[plan.python.provider]}")
        yield " " * 14 + _reason(plan.python.evidence)
    if plan.as_of is not None:
        yield _fact("As of", f"{plan.as_of.moment}: {_reason(plan.as_of.evidence)}")
    if plan.jupyter is not None:
        if plan.jupyter.mode == "split":
            yield _fact(
                "Jupyter", "apart from the repository's environment (locked, the same for every repository)"
            )
        else:
            yield _fact("Jupyter", "in the repository's environment, under its pins")
            for evidence in plan.jupyter.evidence:
                yield " " * 14 + f"as {_reason(evidence)}"
    yield _fact("User", f"{plan.user_name} ({plan.user_id})")
    yield _fact("Files in", plan.repo_dir)


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
