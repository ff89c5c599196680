"""`conda_install.py`: in which order the scripts of packages are run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import conda_install


def records(directory: Path, **depends: list[str]) -> None:
    (directory / "conda-meta").mkdir()
    for name, needed in depends.items():
        file = directory / "conda-meta" / f"{name}-1.0-0.json"
        file.write_text(json.dumps({"name": name, "version": "1.0", "build_number": 0, "depends": needed}))


def order(directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(conda_install, "PREFIX", directory)
    return [record["name"] for record in conda_install.in_order(conda_install.installed_records())]


def test_what_is_needed_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records(tmp_path, app=["lib >=1", "__glibc >=2.17"], lib=["base"], base=[], other=["app"])

    assert order(tmp_path, monkeypatch) == ["base", "lib", "app", "other"]


def test_circles_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records(tmp_path, pip=["python"], python=["pip", "setuptools"], setuptools=["python"])

    assert order(tmp_path, monkeypatch) == ["setuptools", "python", "pip"]
