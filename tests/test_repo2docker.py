"""What real repositories contain, in small: the drop-in for repo2docker makes of each what people rely on.

Each folder of `fixtures/repo2docker` has a repository and what is expected of it: `layers` are the beginnings of the titles of all
layers that install something for the repository, `files` what goes with them, `has` and `lacks` words of the Dockerfile and of such
files, `warns` parts of warnings. Where there is a `verify`, the image is built, and it runs inside.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from r2i.checkout import Checkout
from r2i.model import Dockerfile, Options, Plan
from r2i.planning.compose import make_plan
from r2i.planning.render import render
from r2i.process import Completed, run
from tests.building import R2I, Built, fresh_tag
from tests.cases import ROOT
from tests.real_engines import BASE, engine_of, remove_image

FOLDERS = sorted((ROOT / "tests" / "fixtures" / "repo2docker").iterdir())
USER = ("--user-id=1000", "--user-name=jovyan")


@dataclass(frozen=True, kw_only=True)
class Expected:
    about: str
    python: str = ""
    base: str = "docker.io/library/debian:trixie-slim"
    languages: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    has: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    warns: list[str] = field(default_factory=list)


def expected(folder: Path) -> Expected:
    return Expected(**tomllib.loads((folder / "case.toml").read_text(encoding="utf-8")))


def called(folder: Path, *words: str) -> Completed:
    argv = [R2I, "repo2docker", "--json-logs", *USER, *words, str(folder / "repo")]
    return run(argv, env={**os.environ, "NO_COLOR": "1"}, timeout=600)


def made(folder: Path) -> tuple[Plan, Dockerfile]:
    checkout = Checkout.open(folder / "repo")
    plan = make_plan(checkout, Options(as_repo2docker=True, rstudio=True))
    return plan, render(plan, checkout)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_image_is_planned_as_people_rely_on(folder: Path) -> None:
    wanted = expected(folder)
    plan, dockerfile = made(folder)
    text = "\n".join([dockerfile.text, *dockerfile.support.values()])
    warnings = [notice.message for notice in plan.notices if notice.level == "warning"]

    assert [word for word in wanted.has if word not in text] == []
    assert [word for word in wanted.lacks if word in text] == []
    assert [said for said in wanted.warns if not any(said in warning for warning in warnings)] == []
    if plan.dockerfile is None:
        assert plan.base.reference == wanted.base
        languages = [f"{one.name} {one.version}" for one in plan.languages]
        assert len(languages) == len(wanted.languages)
        assert all(map(str.startswith, languages, wanted.languages))
        assert plan.python is not None
        assert plan.python.version.startswith(wanted.python)
    layers = [layer for layer in plan.layers if layer.buildpack != "image" or layer.template == "environment"]
    assert len(layers) == len(wanted.layers), [layer.title for layer in layers]
    assert all(layer.title.startswith(title) for layer, title in zip(layers, wanted.layers, strict=True))
    support = {path: text for layer in layers for path, text in layer.support.items()}
    assert {path: support.get(path) for path in wanted.files} == wanted.files


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_drop_in_prints_that_dockerfile_and_those_warnings(folder: Path) -> None:
    plan, dockerfile = made(folder)

    done = called(folder, "--no-build")

    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip("\n") == dockerfile.text.rstrip("\n")
    messages = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    said = [message for message in messages if message.startswith("Warning: ")]
    assert len(said) == len([notice for notice in plan.notices if notice.level == "warning"])


@pytest.mark.engine
@pytest.mark.parametrize(
    "folder", [folder for folder in FOLDERS if (folder / "verify").exists()], ids=lambda folder: folder.name
)
def test_the_image_is_what_people_rely_on(folder: Path) -> None:
    engine_of("docker")
    tag = fresh_tag(folder.name)
    done = called(folder, "--no-run", f"--image-name={tag}")
    try:
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        asked = Built(tag=tag, log=done.stderr).ask((folder / "verify").read_text(encoding="utf-8"))
        assert asked.returncode == 0, asked.stdout + asked.stderr
    finally:
        remove_image("docker", tag)


@pytest.mark.engine
def test_a_command_runs_in_the_image_with_what_is_asked_for_it(tmp_path: Path) -> None:
    """Its output is told, and its exit status is ours."""
    engine_of("docker")
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "Dockerfile").write_text(f"FROM {BASE}\nUSER 1000\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("in the mount\n")
    tag = fresh_tag("repo2docker-run")
    script = 'cat /data/a.txt; echo "$GIVEN from $(id -u)" >&2; touch /data/b.txt || exit 7'
    options = ["--json-logs", *USER, f"--image={tag}", "-e", "GIVEN=yes", "-v", f"{tmp_path}/data:/data:ro"]
    try:
        argv = [R2I, "repo2docker", *options, str(tmp_path / "repo"), "--", "sh", "-c", script]
        done = run(argv, timeout=300)
    finally:
        remove_image("docker", tag)

    records = [json.loads(line) for line in done.stderr.splitlines()]
    told = {record["message"] for record in records if record["phase"] == "running"}
    assert done.returncode == 7, done.stderr
    assert done.stdout == ""
    assert {"in the mount\n", "yes from 1000\n"} <= told


@pytest.mark.engine
def test_a_server_that_ends_early_is_told_in_words(tmp_path: Path) -> None:
    engine_of("docker")
    program = r"printf '#!/bin/sh\necho broken\nexit 3\n' > /usr/local/bin/jupyter"
    dockerfile = f"FROM {BASE}\nRUN {program} && chmod +x /usr/local/bin/jupyter\nUSER 1000\n"
    (tmp_path / "Dockerfile").write_text(dockerfile)
    tag = fresh_tag("repo2docker-ends")
    try:
        done = run([R2I, "repo2docker", "--json-logs", *USER, f"--image={tag}", str(tmp_path)], timeout=300)
    finally:
        remove_image("docker", tag)

    told = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert done.returncode == 3, done.stderr
    assert "broken\n" in told
    assert told[-1].startswith("Error: Jupyter ended with status 3 before it was ready\nHint: ")
    assert "Traceback" not in done.stderr
