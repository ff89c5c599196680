"""`r2i init` with an engine: what it pins is what was installed, and works."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from r2i.process import Completed, run
from tests.building import R2I
from tests.ready.repositories import files_of, notebook, repository

pytestmark = pytest.mark.engine

Init = Callable[..., Completed]


@pytest.fixture
def init() -> Iterator[Init]:
    """`r2i init --yes`; the images are removed at the end."""
    label = f"r2i-test={secrets.token_hex(6)}"

    def call(directory: Path, *options: str) -> Completed:
        arguments = ["--yes", "--engine", "docker", "--progress", "plain", "--label", label]
        environ = {**os.environ, "NO_COLOR": "1"}
        return run([R2I, "init", str(directory), *arguments, *options], env=environ, timeout=800)

    yield call
    images = run(["docker", "images", "--all", "--quiet", "--filter", f"label={label}"]).stdout.split()
    if images:
        run(["docker", "image", "rm", "--force", *dict.fromkeys(images)])


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)$", text, re.MULTILINE))


def test_a_notebook_with_a_module_beside_it(init: Init, tmp_path: Path) -> None:
    directory = repository(
        tmp_path,
        {
            "a.ipynb": notebook("import numpy as np\nfrom helpers import table", "!dot -V"),
            "helpers.py": "from tabulate import tabulate as table\nfrom graphviz.sources import Source\n",
            "README.md": "# A\n",
        },
    )
    done = init(directory)

    assert done.returncode == 0, done.stderr
    assert "all 3 imports work in the image" in done.stderr
    files = files_of(directory)
    assert pins(files["requirements.txt"]).keys() == {"graphviz", "numpy", "tabulate"}
    assert files["apt.txt"] == "graphviz\n"
    again = init(directory)
    assert again.returncode == 0
    assert "Nothing to write" in again.stderr
    assert "Building" not in again.stderr
    assert files_of(directory) == files


def test_a_module_that_needs_a_screen_elsewhere(init: Init, tmp_path: Path) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("import cv2\nfrom cv2 import imread")})
    done = init(directory)

    assert done.returncode == 0, done.stderr
    assert "all 2 imports work in the image" in done.stderr
    text = (directory / "requirements.txt").read_text(encoding="utf-8")
    assert pins(text).keys() == {"opencv-python-headless"}


def test_requirements_that_are_there_are_pinned_as_they_stand(init: Init, tmp_path: Path) -> None:
    text = "# what we need\npandas   # tables\ntabulate[widechars]>=0.8\nsix==1.16.0\n"
    directory = repository(
        tmp_path, {"requirements.txt": text, "a.ipynb": notebook("import pandas, tabulate, six, yaml")}
    )
    done = init(directory)

    assert done.returncode == 0, done.stderr
    written = (directory / "requirements.txt").read_text(encoding="utf-8")
    version = r"\d[\w.]*"
    assert re.fullmatch(
        rf"# what we need\npandas=={version}   # tables\ntabulate\[widechars\]=={version}\nsix==1\.16\.0\n"
        rf"pyyaml=={version}\n",
        written,
    )


def test_what_an_import_calls_for_is_added(init: Init, tmp_path: Path) -> None:
    """A library that the wheel does not bring, and a name that is not there."""
    directory = repository(
        tmp_path,
        {
            "binder/requirements.txt": "opencv-python==4.10.0.84\n",
            "binder/runtime.txt": "python-3.13\n",
            "a.ipynb": notebook("import cv2\nfrom cv2 import no_such_name", "%pip install six"),
        },
    )
    done = init(directory)

    assert done.returncode == 0, done.stderr
    assert "libgl1" in (directory / "binder/apt.txt").read_text(encoding="utf-8").split()
    assert "a.ipynb:5 imports `cv2.no_such_name` (cell 1), and this import fails in the image" in done.stderr


def test_where_the_build_fails_nothing_is_written(init: Init, tmp_path: Path) -> None:
    directory = repository(
        tmp_path, {"a.ipynb": notebook("import six", "%pip install 'six==99'"), "README.md": "# A\n"}
    )
    before = files_of(directory)
    done = init(directory)

    assert done.returncode == 7, done.stderr
    assert files_of(directory) == before
