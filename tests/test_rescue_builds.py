"""`--rescue` for real: repositories that fail today, built, run and asked."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from r2i.process import run
from tests.building import R2I, fresh_tag, image_of, notebook, write
from tests.children import started
from tests.conda_channel import conda_channel, need_python
from tests.pythons import python_downloads

pytestmark = pytest.mark.engine


def repository(tmp_path: Path, name: str, requirements: str, *, says: str) -> Path:
    files = {"requirements.txt": requirements, "it.ipynb": notebook(says)}
    return write(tmp_path / name, files)


def test_a_pin_that_the_table_of_wheels_knows_needs_no_rescue(tmp_path: Path) -> None:
    directory = repository(
        tmp_path,
        "tables",
        "psycopg2-binary==2.8.5\n",
        says="import psycopg2, sys; print(psycopg2.__version__.split()[0], sys.version_info[:2])",
    )
    with (
        python_downloads(["3.8"]) as address,
        image_of(directory, "--rescue", UV_PYTHON_DOWNLOADS_JSON_URL=address) as image,
    ):
        assert "2.8.5 (3, 8)" in image.executed("it.ipynb")
        assert "Rescue" not in image.log


def test_a_pin_that_no_table_knows_is_rescued_by_the_python_of_its_wheels(tmp_path: Path) -> None:
    directory = repository(
        tmp_path,
        "tokens",
        "tokenizers==0.10.3\n",
        says="import tokenizers, sys; print(tokenizers.__version__, sys.version_info[:2])",
    )
    with (
        python_downloads(["3.9"]) as address,
        image_of(directory, "--rescue", UV_PYTHON_DOWNLOADS_JSON_URL=address) as image,
    ):
        assert "0.10.3 (3, 9)" in image.executed("it.ipynb")
        assert "`tokenizers==0.10.3`" in image.log
        assert "Rescued by one change" in image.log
        assert "--python 3.9`" in image.log.partition("The same build")[2]
        assert "+python-3.9" in image.log


def test_an_old_pandas_runs_on_the_python_of_its_time(tmp_path: Path) -> None:
    directory = repository(
        tmp_path,
        "pandas",
        "pandas==0.23.4\n",
        says="import pandas, sys; print(pandas.__version__, sys.version_info[:2])",
    )
    need_python("3.7")
    with conda_channel() as alias, image_of(directory, "--rescue", CONDA_CHANNEL_ALIAS=alias) as image:
        assert "0.23.4 (3, 7)" in image.executed("it.ipynb")
        assert "Rescue" not in image.log


def test_a_missing_program_and_a_wrong_name_are_mended_for_good(tmp_path: Path) -> None:
    directory = repository(
        tmp_path, "mended", "psycopg2==2.9.10\nyaml\n", says="import psycopg2, yaml; print('both')"
    )
    with image_of(directory, "--rescue", "--write") as image:
        assert "both" in image.executed("it.ipynb")
        assert "Rescued by 2 changes" in image.log
    assert (directory / "apt.txt").read_text() == "libpq-dev\n"
    assert (directory / "requirements.txt").read_text() == "psycopg2==2.9.10\npyyaml\n"
    with image_of(directory) as image:
        assert "both" in image.executed("it.ipynb")
        assert "Rescue" not in image.log


def test_ctrl_c_in_a_rescue_leaves_nothing(tmp_path: Path) -> None:
    directory = repository(tmp_path, "stopped", "psycopg2==2.9.10\nspacy==2.0.0\n", says="1")
    tag = fresh_tag("stopped")
    before = sorted(directory.rglob("*"))
    command = [
        R2I,
        "build",
        str(directory),
        "--engine",
        "docker",
        "--progress",
        "plain",
        "--tag",
        tag,
        "--rescue",
        "--write",
    ]
    with started(*command, stderr=subprocess.PIPE, start_new_session=True) as build:
        assert build.stderr is not None
        rescuing = False
        for line in build.stderr:
            rescuing = rescuing or line.startswith("Rescue:")
            if rescuing and line.startswith("["):  # a step of the build that the change led to
                os.killpg(build.pid, signal.SIGINT)
                break
        rest = build.stderr.read()
        code = build.wait(timeout=60)

    assert code == 130, rest
    assert sorted(directory.rglob("*")) == before
    assert not run(["docker", "image", "ls", "-q", tag]).stdout
    assert not run(["docker", "ps", "-aq", "--filter", f"ancestor={tag}"]).stdout
