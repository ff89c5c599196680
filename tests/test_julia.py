"""Repositories in Julia, really built: with a real Julia, and a stand-in for IJulia (`tests/julia/stand_in.jl`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from r2i.building.requests import Work, build_request
from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.engines.protocol import StepEvent
from r2i.model import Options, Plan
from r2i.planning.compose import make_plan
from r2i.planning.render import render
from r2i.sources import parse
from tests.building import Built, fresh_tag, write
from tests.julia.servers import TIDES, VERSION, Servers, julia_servers
from tests.real_engines import engine_of, remove_image

pytestmark = pytest.mark.engine

PROJECT = f'[deps]\nTides = "{TIDES}"\n\n[compat]\njulia = "~1.5"\n'


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    engine_of("docker")
    with julia_servers() as found:
        yield found


def planned(checkout: Checkout, servers: Servers) -> Plan:
    """With the archive of the tests: it is not the official one, which has another checksum."""
    plan = make_plan(checkout, Options())
    layers = [
        replace(layer, variables={**layer.variables, "archives": servers.archives})
        if layer.template == "julia"
        else layer
        for layer in plan.layers
    ]
    return replace(plan, layers=tuple(layers))


@contextmanager
def julia_image(repo: Path, servers: Servers) -> Iterator[tuple[Built, list[StepEvent]]]:
    engine, tag, events = engine_of("docker"), fresh_tag("julia"), list[StepEvent]()
    checkout = Checkout.open(repo)
    plan = planned(checkout, servers)
    work = Work(
        source=parse(str(repo), cwd=repo),
        checkout=checkout,
        plan=plan,
        dockerfile=render(plan, checkout),
        tags=(tag,),
    )
    environ = {**os.environ, **servers.environ}
    request, _, _ = build_request(engine, work, BuildSettings(), environ=environ, home=Path.home(), base=None)
    try:
        engine.build(request, events.append)
        yield Built(tag=tag, log="\n".join(event.output for event in events)), events
    finally:
        remove_image("docker", tag)


@pytest.fixture(scope="module")
def built(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    repo = write(tmp_path_factory.mktemp("project"), {"Project.toml": PROJECT})
    with julia_image(repo, servers) as (image, _):
        yield image


def test_julia_is_on_the_path_and_finds_the_packages_of_the_project(built: Built) -> None:
    said = built.answer(
        "cd /tmp; julia -e \"using Tides; println(VERSION, ' ', Tides.high())\"".replace("\\'", '\\"')
    )

    assert said == f"{VERSION} hello from Greet 2.0.0\n"
