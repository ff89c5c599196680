"""Several builds at the same time, of the same and of different repositories."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest

from r2i.engines import EngineName
from r2i.process import Completed, run
from tests.building import R2I, write
from tests.cases import ROOT
from tests.real_engines import BASE, engine_of, remove_image

pytestmark = pytest.mark.engine


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    engine_of(name)
    return name


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    places = {"TMPDIR": str(tmp_path / "tmp"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return {**os.environ, **places, "NO_COLOR": "1"}


@pytest.fixture
def repositories(tmp_path: Path) -> list[str]:
    """Two tiny ones, whose builds take some seconds."""
    urls = []
    for number in range(2):
        dockerfile = f"FROM {BASE}\nRUN sleep 2; echo {secrets.token_hex(8)} >/etc/word\nUSER 1000\n"
        folder = write(tmp_path / f"repo{number}", {"Dockerfile": dockerfile})
        for words in (
            "init -q",
            "add -A",
            "-c user.name=a -c user.email=a@example.org commit -q -m one",
        ):
            subprocess.run(["git", *words.split()], cwd=folder, check=True)
        urls.append(f"file://{folder}")
    return urls


@pytest.fixture
def removed(engine: EngineName) -> Iterator[set[str]]:
    """Names of images to remove in the end."""
    names: set[str] = set()
    yield names
    for name in names:
        remove_image(engine, name)


def test_each_content_is_built_once_and_nothing_is_left(
    engine: EngineName,
    repositories: list[str],
    environ: dict[str, str],
    removed: set[str],
    tmp_path: Path,
) -> None:
    def build(url: str) -> Completed:
        argv = [R2I, "build", url, "--engine", engine, "--progress", "json"]
        return run(argv, env=environ, timeout=300)

    with ThreadPoolExecutor(6) as pool:
        builds = list(pool.map(build, repositories * 3))
    removed |= {done.stdout.strip() for done in builds if done.stdout}
    listed = run([R2I, "images", "--engine", engine, "--json"], env=environ, timeout=60)
    document = json.loads(listed.stdout)
    names = {
        name.removeprefix("localhost/"): image for image in document["images"] for name in image["names"]
    }

    assert [done.returncode for done in builds] == [0] * 6, [done.stderr for done in builds]
    for first in range(2):
        same = builds[first::2]
        assert len({done.stdout for done in same}) == 1
        assert sum('"state": "done"' in done.stderr for done in same) == 1
        # One that begins late may find the image without waiting.
        assert all("up to date" in done.stderr for done in same if '"state": "done"' not in done.stderr)
    assert any("Waiting for another build of" in done.stderr for done in builds)
    jsonschema.validate(
        document, json.loads((ROOT / "docs" / "images.schema.json").read_text(encoding="utf-8"))
    )
    for name in removed:
        assert name.rpartition(":")[2].startswith(names[name]["revision"][:12])
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "cache/r2i/turns").iterdir()) == []
    assert len(list((tmp_path / "cache/r2i/uses").iterdir())) == 2
