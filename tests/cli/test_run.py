"""`r2i run` on real engines, also on one that is reached over a network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.building import R2I, fresh_tag
from tests.real_engines import BASE, engine_of, remove_image
from tests.serving import docker_over_a_network
from tests.writing import write

from r2i.engines import EngineName
from r2i.process import Completed, run

pytestmark = pytest.mark.engine


@pytest.fixture(params=["docker", "docker over a network", "podman"])
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[EngineName, dict[str, str]]]:
    name: EngineName = "podman" if request.param == "podman" else "docker"
    engine_of(name)
    if request.param in {"docker", "podman"}:
        yield name, {}
    else:
        with docker_over_a_network() as variables:
            yield name, variables


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path / "repo", {"Dockerfile": f"FROM {BASE}\nUSER 1000\n"})
    return tmp_path / "repo"


def r2i_run(
    engine: tuple[EngineName, dict[str, str]], repository: Path, *words: str, **environ: str
) -> Completed:
    name, variables = engine
    tag = fresh_tag("cli-run")
    argv = [R2I, "run", str(repository), "--engine", name, "--tag", tag, *words]
    try:
        return run(argv, env={**os.environ, "NO_COLOR": "1", **variables, **environ}, timeout=120)
    finally:
        remove_image(name, tag)


def test_the_command_has_the_settings_of_the_host_and_they_hold_no_credentials(
    engine: tuple[EngineName, dict[str, str]], repository: Path
) -> None:
    script = "id -u; echo $PIP_INDEX_URL; cat /proc/1/environ /proc/self/environ /.r2i-host | grep -ac s3cret"
    index = "https://ada:s3cret@pypi.example.org/simple"

    done = r2i_run(engine, repository, "--", "sh", "-c", script, PIP_INDEX_URL=index)

    assert done.stdout.splitlines() == ["1000", "https://pypi.example.org/simple", "0"], done.stderr
    assert done.returncode == 1, "grep found nothing, and its status is ours"


def test_more_processors_than_there_are_cost_no_build(
    engine: tuple[EngineName, dict[str, str]], repository: Path
) -> None:
    done = r2i_run(engine, repository, "--cpus", "1000", "--progress", "json", "--", "true")

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(done.stderr)["message"].startswith("Error: `--cpus 1000` is out of range")
