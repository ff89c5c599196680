"""What locks hold, really installed: nothing is moved, downloaded or built more often than it must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.building import Built, build, image_of, write
from tests.cases import REPOS
from tests.index_hosts import with_real_hosts
from tests.serving import served
from tests.test_compiling import COMPILER, WORKS, leftovers, source_distribution

pytestmark = pytest.mark.engine


def pipfile_lock(**packages: Mapping[str, Any]) -> dict[str, str]:
    return {"Pipfile.lock": json.dumps({"_meta": {}, "default": packages, "develop": {}})}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a package, a lock and a notebook, of which an image was built."""
    directory = tmp_path_factory.mktemp("edited") / "edited"
    with_real_hosts(REPOS / "uv-lock" / "repo", directory)
    (directory / "analysis.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    (directory / "run.txt").write_text(str(uuid4()))  # an engine that remembers another run is no help
    return directory


@pytest.fixture(scope="module")
def built(project: Path) -> Iterator[Built]:
    with image_of(project) as image:
        yield image


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("analysis.ipynb", '"cells"', ' "cells"'),
        ("src/paper/__init__.py", "42", "43"),
        ("pyproject.toml", "[tool.ruff]", "# how it is written\n[tool.ruff]"),
        ("pyproject.toml", 'version = "0.3.0"', 'version = "0.3.1"'),
    ],
)
def test_an_edit_of_the_repository_reinstalls_only_its_own_package_and_downloads_nothing(
    file: str, old: str, new: str, project: Path, built: Built
) -> None:
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))
    done = build(project, built.tag)

    assert done.returncode == 0, done.stderr
    assert re.search(r"\[\d/\d uv\.lock\] cached", done.stderr)
    # Asked for once, of the cache: a second time would have been with the network.
    assert done.stderr.count("Building paper @") == 1
    assert "Download" not in done.stderr


@pytest.mark.parametrize(
    ("names", "mode"), [(("traitlets", "5.9.0"), "split"), (("nbgitpuller", "1.2.1"), "joined")]
)
def test_kernel_and_server_come_under_what_is_locked(
    names: tuple[str, str], mode: str, tmp_path: Path
) -> None:
    pins = dict([names, ("tornado", "6.4.1")])
    files = pipfile_lock(**{name: {"version": f"=={version}"} for name, version in pins.items()})
    with image_of(write(tmp_path / mode, files)) as image:
        listed = image.answer(
            "/srv/env/bin/python -m pip list --format freeze; command -v jupyter-lab"
        ).splitlines()

    assert {f"{name}=={version}" for name, version in pins.items()} <= set(listed)
    assert any(line.startswith("ipykernel==") for line in listed)
    assert listed[-1] == f"/srv/{'env' if mode == 'joined' else 'jupyter'}/bin/jupyter-lab"


def test_a_source_distribution_of_a_lock_is_compiled_and_no_compiler_is_left(tmp_path: Path) -> None:
    archive = source_distribution(tmp_path / "sdist")
    with served(archive.parent) as address:
        files = pipfile_lock(fast={"file": f"{address}/{archive.name}"})
        with image_of(write(tmp_path / "compiles", files)) as image:
            assert COMPILER in image.log
            assert image.answer(WORKS) == "True\n"
            assert leftovers(image) == ""


def test_a_hash_that_does_not_fit_fails_and_says_of_what(tmp_path: Path) -> None:
    files = pipfile_lock(six={"version": "==1.17.0", "hashes": [f"sha256:{'0' * 64}"]})
    done = build(write(tmp_path / "tampered", files), "r2i-test/tampered")

    assert done.returncode == 7, done.stderr
    assert "Hash mismatch for `six==1.17.0`" in done.stderr
    assert "Pipfile.lock" in done.stderr
