"""Which changes may be proposed after a failure: those that this source can take, and that change its plan."""

from __future__ import annotations

from collections.abc import Mapping

from r2i.building.dated import dated
from r2i.building.requests import Work
from r2i.building.rescue import with_change
from r2i.errors import R2iError
from r2i.model import Change, Options, Plan


def is_possible(change: Change, work: Work, options: Options, *, environ: Mapping[str, str]) -> bool:
    """Whether the same build with the change would be another one."""
    from r2i.planning.compose import make_plan

    try:
        changed = with_change(options, change)
        if change.option == "as-of":
            if change.value != "commit" or work.source.provider == "git":
                return True  # a date, or a history that is fetched once it is asked for
            changed = dated(
                options,
                "commit",
                checkout=work.checkout,
                source=work.source,
                environ=environ,
                note=lambda _: None,
            )
        plan = make_plan(work.checkout, changed, source=work.source)
    except R2iError:
        return False
    return _steps(plan) != _steps(work.plan)


def _steps(plan: Plan) -> list[object]:
    """What is run, without the labels of the image."""
    return [
        (layer.template, dict(layer.variables), dict(layer.support))
        for layer in plan.layers
        if layer.template != "final"
    ]
