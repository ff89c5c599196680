"""The distribution `r2i-repo2docker`: two names for `r2i repo2docker`, and nothing else."""

from __future__ import annotations

import os
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from tests.cases import ROOT

from r2i import __version__
from r2i.process import run

FOLDER = ROOT / "r2i-repo2docker"
UV = str(Path(sys.executable).with_name("uv"))


def test_it_is_of_the_same_version() -> None:
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == __version__
    assert project["dependencies"] == [f"r2i=={__version__}"]


@pytest.mark.slow
def test_it_installs_both_programs(tmp_path: Path) -> None:
    built = run([UV, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path / "dist"), str(FOLDER)])
    assert built.returncode == 0, built.stderr
    [wheel] = (tmp_path / "dist").glob("*.whl")
    environment = tmp_path / "environment"
    done = run([UV, "venv", "--quiet", "--python", sys.executable, str(environment)])
    assert done.returncode == 0, done.stderr
    python = str(environment / "bin" / "python")
    done = run([UV, "pip", "install", "--quiet", "--no-deps", "--python", python, str(wheel)])
    assert done.returncode == 0, done.stderr

    with zipfile.ZipFile(wheel) as archive:
        assert all(".dist-info/" in name for name in archive.namelist())
    # r2i itself is the one that is tested.
    path = os.pathsep.join(filter(None, sys.path))
    for name in ("jupyter-repo2docker", "repo2docker"):
        asked = run([str(environment / "bin" / name), "--version"], env={**os.environ, "PYTHONPATH": path})
        assert (asked.returncode, asked.stdout) == (0, f"{__version__}\n"), asked.stderr
