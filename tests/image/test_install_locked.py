"""`install_locked.py`: what an export of a lock leaves out, and what it finds installed."""

from __future__ import annotations

from pathlib import Path

import pytest

import install_locked

#: As Poetry exports a lock.
EXPORTED = """\
--extra-index-url https://index.example/simple

-e file:///tmp/lock/paper ; python_version >= "3.9" and python_version < "4.0"
colours @ file:///tmp/lock/colours ; python_version >= "3.9"
colours @ git+https://git.example/colours.git@a1b2 ; python_version >= "3.9"
six==1.16.0 ; python_version >= "3.9" \\
    --hash=sha256:1e61c37477a1626458e36f7b1d82aa5c9b094fa4802892072e49de9c60c4c926
"""


def test_what_lies_in_the_repository_is_left_out() -> None:
    lines = EXPORTED.splitlines(keepends=True)

    assert [*install_locked.remote(lines)] == [*lines[:2], *lines[4:]]


def test_what_is_installed_is_read_from_its_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install_locked, "ENVIRONMENT", tmp_path)
    modules = tmp_path / "lib/python3.9/site-packages"
    for name in ("six-1.16.0.dist-info", "ruamel.yaml-0.18.6+cpu.dist-info", "old-1.0-py3.9.egg-info"):
        (modules / name).mkdir(parents=True)
    for name in ("~ix-1.16.0.dist-info", "no version-info", "six"):
        (modules / name).mkdir(parents=True)

    assert dict(install_locked.installed()) == {"six": "1.16.0", "ruamel.yaml": "0.18.6+cpu", "old": "1.0"}
