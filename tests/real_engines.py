"""Engines that answer on this machine; a test of one that does not is skipped, and says why."""

from __future__ import annotations

import os

import pytest

from r2i.engines import EngineName
from r2i.engines.choice import choose
from r2i.engines.protocol import Engine
from r2i.errors import EngineError
from r2i.process import run

BASE = "docker.io/library/debian:trixie-slim"


def engine_of(name: EngineName) -> Engine:
    try:
        engine = choose(name, os.environ)
    except EngineError as error:
        pytest.skip(f"{name}: {error}")
    if engine.find(BASE) is None:
        pytest.skip(f"{name} has no {BASE}")
    return engine


def remove_image(engine: str, tag: str, *, all_names: bool = False) -> None:
    """Podman's cache are the untagged images below, which go with the last image upon them if nothing is said.

    A revision has a name of r2i beside its tag: `all_names` is for an image that no other test can have.
    """
    if all_names:
        tag = run([engine, "image", "inspect", "--format={{.Id}}", tag]).stdout.strip() or tag
    run([engine, "image", "rm", "--force", "--no-prune", tag])
