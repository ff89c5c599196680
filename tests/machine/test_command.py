"""`r2i doctor` and `r2i setup` as programs: what they print and how they exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from r2i.engines import EngineName
from r2i.machine import Machine
from r2i.machine.doctor import check_engine, check_image
from r2i.process import run

HERE = Machine(environ=os.environ, run=run, user="root", uid=os.getuid())
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/doctor.schema.json").read_text(encoding="utf-8"))

on_debian_as_root = pytest.mark.skipif(
    HERE.distribution.codename not in ("bookworm", "trixie") or os.getuid() != 0,
    reason="plans to install packages only as root on Debian",
)


def r2i(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from r2i.cli import main; main()", *arguments]
    env = {**os.environ, **environ}
    return subprocess.run(
        program, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_doctor_exits_with_6_where_no_engine_answers(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)

    done = r2i("doctor", "--engine", "docker", PATH=str(tmp_path), DOCKER_HOST="tcp://127.0.0.1:9")

    assert done.returncode == 6
    assert "✗ error    docker       no Docker answers at `tcp://127.0.0.1:9`" in done.stdout
    assert "→ unset DOCKER_HOST" in done.stdout
    assert done.stdout.endswith("One problem prevents building with Docker.\n")


def test_doctor_speaks_json_and_nothing_else(tmp_path: Path) -> None:
    done = r2i("doctor", "--json", PATH=str(tmp_path))
    document = json.loads(done.stdout)

    jsonschema.validate(document, SCHEMA)
    assert (done.returncode, document["ready"]) == (6, False)
    assert [row["problem"] for row in document["findings"]] == ["not-installed", "no-git"]


@pytest.mark.parametrize("command", [("doctor",), ("build", "."), ("run", ".")], ids=lambda words: words[0])
@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["missing", "empty", "another file"])
def test_a_ca_bundle_that_cannot_be_used_is_refused_before_anything_else(
    tmp_path: Path, command: tuple[str, ...], content: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)

    done = r2i(*command, "--ca-bundle", str(bundle), PATH=str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert f"The CA bundle `{bundle}` of `--ca-bundle`" in done.stderr
    assert "Hint: " in done.stderr


@pytest.mark.engine
@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_setup_does_nothing_on_a_machine_that_is_ready(engine: EngineName) -> None:
    if not check_engine(HERE, engine).ready or check_image(HERE, engine).status != "ok":
        pytest.skip(f"{engine} is not ready: `r2i setup --engine {engine}`")

    done = r2i("setup", "--engine", engine)

    assert (done.returncode, done.stdout) == (0, f"Nothing to do: {engine.capitalize()} is ready.\n")


def test_setup_does_not_replace_an_engine_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)

    done = r2i("setup", "--engine", "docker", "--yes", PATH=str(tmp_path), DOCKER_HOST="tcp://127.0.0.1:9")

    assert done.returncode == 6
    assert done.stderr.endswith("Hint: Run `unset DOCKER_HOST`\n")


@on_debian_as_root
def test_setup_does_not_ask_where_nobody_can_answer(tmp_path: Path) -> None:
    done = r2i("setup", PATH=str(tmp_path))

    assert done.returncode == 2
    assert done.stdout.startswith("r2i will run these steps:\n\n1. Install Docker from the packages of")
    assert "Hint: Run `r2i setup --yes`" in done.stderr


@on_debian_as_root
def test_dry_run_shows_the_steps_and_leaves_it_at_that(tmp_path: Path) -> None:
    done = r2i("setup", "--engine", "podman", "--dry-run", PATH=str(tmp_path))

    assert done.returncode == 0
    assert "apt-get install -y -q podman" in done.stdout
    assert "podman import" in done.stdout
    assert list(tmp_path.iterdir()) == []
