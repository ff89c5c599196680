"""What uv is told beside the requirements, and when it is told nothing: then layers stay what they are."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from tests.building import write

from r2i.checkout import Checkout
from r2i.facts.old_releases import table
from r2i.model import Options, Stage
from r2i.planning.compose import make_plan


def settings(directory: Path, text: str, **options: Any) -> dict[str, Any]:
    checkout = Checkout.open(write(directory, {"requirements.txt": text}))
    plan = make_plan(checkout, Options(**options))
    layer = next(layer for layer in plan.layers if layer.stage is Stage.DEPENDENCIES)
    return tomllib.loads(layer.support.get("requirements/uv.toml", ""))


def versions(told: dict[str, Any]) -> list[str]:
    return [entry["version"] for entry in told.get("dependency-metadata", ())]


TOLD = [
    ("pandas==0.23.4\n", ["0.23.4"]),
    ("pandas==0.24.*\n", ["0.24.0", "0.24.1", "0.24.2"]),
    ("pandas<0.20\n", ["0.19.2"]),
    ("Pandas ~= 0.22.0\nsix\n", ["0.22.0"]),
    ("pandas==0.25.3\n", []),
    ("pandas>=1\n", []),
    ("pandas\n", []),
    ("seaborn==0.9.0\n", []),
    ("spacy>=2.0.12,<2.0.14\n", ["2.0.13"]),
    ("pyzmq==20.0.0\n", ["20.0.0"]),
]


@pytest.mark.parametrize(("text", "told"), TOLD)
def test_uv_is_told_of_the_releases_that_may_be_taken(text: str, told: list[str], tmp_path: Path) -> None:
    assert versions(settings(tmp_path, text, python="3.13")) == told


def test_of_an_old_day_anything_may_be_taken(tmp_path: Path) -> None:
    old = settings(tmp_path, "seaborn\n", as_of="2018-06-30T00:00:00Z", python="3.13")
    later = settings(tmp_path, "seaborn\n", as_of="2021-06-30T00:00:00Z", python="3.13")

    assert "0.23.4" in versions(old)
    assert later == {}


def test_build_tools_are_never_older_than_uv_takes_them(tmp_path: Path) -> None:
    old = settings(tmp_path, "seaborn\n", as_of="2018-06-30T00:00:00Z", python="3.13")
    pinned = settings(tmp_path, "setuptools==39.0\n", as_of="2018-06-30T00:00:00Z", python="3.13")

    assert old["exclude-newer-package"] == dict.fromkeys(("setuptools", "wheel"), "2019-02-06T00:00:00Z")
    assert pinned["exclude-newer-package"]["setuptools"] is False


def test_the_table_is_valid_and_says_a_release_once() -> None:
    said = [(release["name"], version) for release in table() for version in release["versions"]]

    assert len({*said}) == len(said)
    for release in table():
        assert release.keys() == {"name", "versions", "requires-dist"}
        assert [*map(Version, release["versions"])] == sorted(map(Version, release["versions"]))
        assert [*map(Requirement, release["requires-dist"])]


def test_pip_gets_neither_dates_nor_settings_and_that_is_said(tmp_path: Path) -> None:
    checkout = Checkout.open(write(tmp_path, {"requirements.txt": "pandas==0.23.4\n"}))
    plan = make_plan(checkout, Options(installer="pip", as_of="2018-06-30T00:00:00Z"))
    layer = next(layer for layer in plan.layers if layer.stage is Stage.DEPENDENCIES)

    assert layer.variables["options"] == ("--installer=pip",)
    assert "requirements/uv.toml" not in layer.support
    assert [notice.message for notice in plan.notices if "--as-of" in notice.message] == [
        "`--as-of` has no effect: the pip version of `--installer` cannot filter by date"
    ]
