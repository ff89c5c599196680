"""Builds of a changed plan: what is pinned by a checksum has another one where a stand-in is in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from r2i.building.requests import Work, build_request
from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.engines.protocol import StepEvent
from r2i.model import Plan
from r2i.planning.render import render
from r2i.sources import parse
from tests.building import Built, fresh_tag
from tests.real_engines import engine_of, remove_image


@dataclass(frozen=True, kw_only=True)
class PlannedBuild:
    """`made` are the titles of the layers that did not come from the cache."""

    image: Built
    made: frozenset[str]


@contextmanager
def planned_build(repo: Path, plan: Plan, name: str, environ: Mapping[str, str]) -> Iterator[PlannedBuild]:
    """Build a repository by this plan, with more settings of the machine."""
    engine, tag, events = engine_of("docker"), fresh_tag(name), list[StepEvent]()
    checkout = Checkout.open(repo)
    dockerfile = render(plan, checkout)
    work = Work(
        source=parse(str(repo), cwd=repo), checkout=checkout, plan=plan, dockerfile=dockerfile, tags=(tag,)
    )
    environ = {**os.environ, **environ}
    request, _, _ = build_request(engine, work, BuildSettings(), environ=environ, home=Path.home(), base=None)
    try:
        engine.build(request, events.append)
        lines = [event.line for event in events if event.state == "done" and event.line is not None]
        titles = {plan.layers[dockerfile.layer_lines[line]].title for line in lines}
        yield PlannedBuild(image=Built(tag=tag, log=""), made=frozenset(titles))
    finally:
        remove_image("docker", tag)
