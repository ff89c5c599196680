"""A Python that cannot be downloaded: what was only guessed gives way to that of the base image."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from tests.building import write
from tests.cli.fake_engines import OnlyBuilds

from r2i.building.settings import BuildSettings
from r2i.cli import rescue
from r2i.engines.protocol import BuildRequest, StepEvent
from r2i.errors import BuildFailedError, R2iError
from r2i.model import Image
from r2i.sources import parse

pytestmark = pytest.mark.usefixtures("home")

RAN_ON = json.dumps({"cells": [], "metadata": {"language_info": {"name": "python", "version": "3.9.7"}}})


@dataclass
class Unreachable(OnlyBuilds):
    """An engine whose steps reach no server that has a Python."""

    name: Literal["docker", "podman"] = "docker"
    builds: list[str] = field(default_factory=list)

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        lines = request.dockerfile.text.split("\n")
        self.builds.append(request.dockerfile.text)
        for number, line in enumerate(lines, 1):
            if "uv python install" in line:
                first = next(at for at in range(number, 0, -1) if lines[at - 1].startswith("RUN "))
                raise BuildFailedError(
                    "`RUN …` failed with exit status 1",
                    log=("error: Failed to download https://github.com/python.tar.gz",),
                    dockerfile_line=first,
                )
        return Image(reference=request.tags[0], id=f"sha256:{len(self.builds)}")

    def find(self, reference: str) -> Image | None:
        return None

    def digest(self, reference: str) -> str | None:
        return None


def built(engine: Unreachable, directory: Path) -> Image:
    source = parse(str(directory), ref=None, subdirectory="", cwd=directory)
    return rescue.image_for(engine, source, BuildSettings(), kind="plain", write=False, started=0)


def test_a_guess_gives_way_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = Unreachable()
    directory = write(tmp_path / "repo", {"a.ipynb": RAN_ON})

    image = built(engine, directory)

    assert image.id == "sha256:2"
    assert "uv python install" in engine.builds[0]
    assert "uv python install" not in engine.builds[1]
    said = capsys.readouterr().err
    assert (
        "Python 3.9 could not be downloaded, so the image has Python 3.13: the notebook ran on Python 3.9"
        in said
    )
    # With the network, the next build has what the notebook ran on.
    built(engine, directory)
    assert "uv python install" in engine.builds[2]


@pytest.mark.parametrize(
    "files",
    [
        {"runtime.txt": "python-3.9\n", "requirements.txt": "six\n"},
        {"requirements.txt": "numpy==1.19.5\nsix\ntoolz\n"},
        {"setup.py": 'from setuptools import setup\nsetup(name="a", python_requires="<3.10")\n'},
    ],
)
def test_what_a_file_leads_to_is_an_error(tmp_path: Path, files: dict[str, str]) -> None:
    engine = Unreachable()

    with pytest.raises(R2iError) as caught:
        built(engine, write(tmp_path / "repo", files))

    assert "Python 3.9" in caught.value.message
    assert len(engine.builds) == 1
