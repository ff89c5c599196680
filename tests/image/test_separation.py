"""`separation.py`: when the fetcher may start the environment's Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import separation
from r2i.process import run


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new environment of uv's, which belongs to who runs the test as it does to the fetcher in a build."""
    monkeypatch.setattr(separation, "ENVIRONMENT", tmp_path / "env")
    monkeypatch.setattr(separation, "FETCHER", os.getuid())
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "venv", "-q", "--no-config", "--offline", "--no-project", "--python", sys.executable]
    assert run([*command, str(tmp_path / "env")]).returncode == 0
    return next((tmp_path / "env/lib").glob("python*/site-packages"))


@pytest.mark.usefixtures("made")
def test_a_new_environment_is_untouched() -> None:
    assert separation.is_untouched()


@pytest.mark.parametrize("name", ["hostile.pth", "sitecustomize.py", "six.py", "six-1.0.dist-info"])
def test_whatever_is_installed_touches_it(made: Path, name: str) -> None:
    (made / name).touch()

    assert not separation.is_untouched()


@pytest.mark.usefixtures("made")
def test_one_of_the_user_is_not_for_the_fetcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "FETCHER", os.getuid() + 1)

    assert not separation.is_untouched()


def test_one_that_is_not_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "ENVIRONMENT", tmp_path / "nowhere")

    assert not separation.is_untouched()
