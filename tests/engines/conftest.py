"""Real engines: a test that asks for `engine` runs with each that answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.real_engines import BASE, engine_of

from r2i.engines.podman import ATTEMPTS
from r2i.engines.protocol import BuildRequest, Engine, StepEvent
from r2i.model import Dockerfile, Image
from r2i.process import run

Build = Callable[..., "tuple[Image, list[StepEvent]]"]


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_of(request.param)


@pytest.fixture
def tag(engine: Engine) -> Iterator[str]:
    name = f"r2i-test-engine/{secrets.token_hex(4)}"
    yield name
    run([engine.name, "image", "rm", "--force", name])


@pytest.fixture
def base(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A base image with a file that no other has: nobody else builds, caches or collects the steps upon it."""
    directory, word = tmp_path_factory.mktemp("base"), secrets.token_hex(16)
    name = f"localhost/r2i-test-engine/base-{word}"
    (directory / "Dockerfile").write_text(f"FROM {BASE}\nCOPY word /etc/r2i-test-word\n")
    (directory / "word").write_text(word)
    argv = [engine.name, "build", "--tag", name, str(directory)]
    failures: list[str] = []
    while (done := run(argv)).returncode and len(failures) < ATTEMPTS:
        failures.append(done.stderr)  # Podman fails where another process removes an image at the same moment
    assert done.returncode == 0, failures
    yield name
    run([engine.name, "image", "rm", "--force", name])


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """The directory that `build` builds."""
    directory = tmp_path / "context"
    directory.mkdir()
    return directory


@pytest.fixture
def build(engine: Engine, tag: str, base: str, context: Path) -> Build:
    """Build a Dockerfile, in which `BASE` is the test's own base image."""

    def make(
        text: str, *, support: Mapping[str, str] | None = None, ignore: str = "", **more: Any
    ) -> tuple[Image, list[StepEvent]]:
        events: list[StepEvent] = []
        dockerfile = Dockerfile(
            text=text.replace("BASE", base), support=support or {}, ignore=ignore, layer_lines={}
        )
        image = engine.build(
            BuildRequest(context=context, dockerfile=dockerfile, tags=(tag,), **more), events.append
        )
        return image, events

    return make
