"""The forecast of an image's size says what it knows and what it does not, and comes close to real images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.size import Forecast, SizePart, forecast, smaller, spoken_size
from r2i.checkout import Checkout
from r2i.model import Options
from r2i.planning.compose import make_plan
from r2i.planning.environment import declared_environment
from r2i.process import run
from tests.building import image_of


def forecast_of(directory: Path, files: dict[str, str], repository: int = 0) -> Forecast:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    checkout = Checkout.open(directory)
    options = Options()
    found = forecast(
        make_plan(checkout, options), declared_environment(checkout, options), repository=repository
    )
    assert found is not None
    return found


def part(found: Forecast, name: str) -> SizePart:
    return next(part for part in found.parts if part.name == name)


def test_what_several_need_is_counted_once(tmp_path: Path) -> None:
    found = forecast_of(tmp_path, {"requirements.txt": "scikit-learn\nnumpy\nscipy\n"})
    alone = forecast_of(tmp_path / "alone", {"requirements.txt": "scikit-learn\n"})

    assert found.unpacked == alone.unpacked
    assert [part.name for part in found.parts if part.evidence and part.evidence.file] == ["scikit-learn"]


def test_what_is_not_known_is_named(tmp_path: Path) -> None:
    found = forecast_of(
        tmp_path, {"requirements.txt": "numpy\nnobodys-package\n", "apt.txt": "nobodys-tool\n"}
    )

    assert found.unknown == ("nobodys-package", "nobodys-tool")
    assert found.sentence.endswith(", 2 packages unknown (`nobodys-package`, `nobodys-tool`)")


@pytest.mark.parametrize(
    ("compat", "download", "unpacked"),
    [("~1.6", 125e6, 450e6), ("~1.10", 175e6, 600e6), ("~1.11", 260e6, 1.05e9)],
)
def test_julia_is_part_of_it_and_its_packages_are_not(
    tmp_path: Path, compat: str, download: float, unpacked: float
) -> None:
    project = f'[deps]\nCSV = "336ed68f-0bac-5ca0-87d4-7b16caf5d00b"\n\n[compat]\njulia = "{compat}"\n'
    found = forecast_of(tmp_path, {"Project.toml": project})

    assert part(found, "Julia") == SizePart(name="Julia", download=int(download), unpacked=int(unpacked))
    assert found.unmeasured == ("Project.toml",)
    assert found.sentence.endswith(" to download, without the packages of `Project.toml`")


def test_packages_of_r_scripts_are_not_part_of_it(tmp_path: Path) -> None:
    files = {"install.R": 'install.packages("ggplot2")\n', "requirements.txt": "nobodys-package\n"}
    found = forecast_of(tmp_path, files)

    assert part(found, "R").unpacked == 529_000_000
    assert found.sentence.endswith(
        ", 1 package unknown (`nobodys-package`), without the packages of `install.R`"
    )


def test_node_is_part_of_it(tmp_path: Path) -> None:
    files = {
        "package.json": "{}\n",
        "postBuild": "#!/bin/bash\nyarn install\n",
        "requirements.txt": "numpy\n",
    }
    found = forecast_of(tmp_path, files)

    assert found.unknown == ()
    assert part(found, "npm").unpacked > 5e7
    assert part(found, "yarnpkg").unpacked > 5e6


def test_the_repository_is_part_of_it(tmp_path: Path) -> None:
    files = {"requirements.txt": "numpy\n"}

    assert forecast_of(tmp_path, files, 10**9).unpacked - forecast_of(tmp_path, files).unpacked == 10**9


@pytest.mark.parametrize(
    ("requirement", "least", "most"),
    [
        ("tensorflow==1.15", 4e8, 9e8),
        ("tensorflow==2.3.0", 8e8, 13e8),
        ("tensorflow<2.1", 4e8, 9e8),
        ("tensorflow==2.20.0", 18e8, 26e8),
        ("torch==1.8.1", 16e8, 20e8),
        ("torch==1.13.1", 33e8, 37e8),
    ],
)
def test_old_releases_weigh_what_they_weighed(
    requirement: str, least: float, most: float, tmp_path: Path
) -> None:
    found = forecast_of(tmp_path, {"requirements.txt": f"{requirement}\n"})

    assert least < part(found, re.split("[=<]", requirement)[0]).unpacked < most


def test_pytorch_without_cuda_is_smaller(tmp_path: Path) -> None:
    whole = forecast_of(tmp_path / "a", {"requirements.txt": "torch==2.7.1\n"})
    index = "--extra-index-url https://download.pytorch.org/whl/cpu\ntorch==2.7.1\n"
    small = forecast_of(tmp_path / "b", {"requirements.txt": index})

    assert part(whole, "torch").unpacked > 4e9
    assert part(small, "torch").unpacked < 1.2e9


def test_a_lock_says_all(tmp_path: Path) -> None:
    lock = """\
lock-version = "1.0"
created-by = "x"
requires-python = ">=3.11"

[[packages]]
name = "scikit-learn"
version = "1.7.0"
wheels = [{url = "https://example.org/scikit_learn-1.7.0-py3-none-any.whl", hashes = {sha256 = "%s"}}]
"""
    found = forecast_of(tmp_path, {"pylock.toml": lock % ("a" * 64)})

    assert part(found, "scikit-learn").unpacked < 80e6


def test_packages_of_debian_count_with_what_they_need(tmp_path: Path) -> None:
    found = forecast_of(tmp_path, {"apt.txt": "texlive-latex-extra\ngit\n"})

    assert part(found, "texlive-latex-extra").unpacked > 300e6
    assert not [part for part in found.parts if part.name == "git"]


def test_conda_has_names_of_its_own(tmp_path: Path) -> None:
    text = "channels: [conda-forge]\ndependencies: [python=3.12, matplotlib-base, pytorch]\n"
    found = forecast_of(tmp_path, {"environment.yml": text})

    assert found.unknown == ()
    assert part(found, "matplotlib-base").unpacked > 50e6
    assert part(found, "pytorch").unpacked < 1.2e9


def test_limits_of_the_classic_notebook_are_no_part_of_a_name(tmp_path: Path) -> None:
    forecast = forecast_of(tmp_path, {"requirements.txt": "notebook<7\n"})

    assert not [name for name in forecast.unknown if "<" in name]


def test_layers_share_what_they_need(tmp_path: Path) -> None:
    toolchain = forecast_of(tmp_path / "a", {"apt.txt": "gfortran\n"})
    asked = [part for part in toolchain.parts if part.name == "gfortran"]

    assert sum(part.unpacked for part in asked) < 300e6


def test_a_dockerfile_is_not_forecast(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n", encoding="utf-8")
    checkout = Checkout.open(tmp_path)

    assert forecast(make_plan(checkout, Options()), None, repository=1) is None


@given(st.integers(0, 10**13))
def test_sizes_are_spoken_with_two_digits(size: int) -> None:
    number, unit = spoken_size(size).split()
    said = float(number) * {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]

    assert abs(said - size) <= 0.051 * size


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "1 kB"),
        (73_400_000, "73 MB"),
        (4_000_000_000, "4 GB"),
        (1_940_000_000, "1.9 GB"),
    ],
)
def test_sizes_as_people_say_them(size: int, words: str) -> None:
    assert spoken_size(size) == words


def test_there_is_a_hint_for_what_weighs_most(tmp_path: Path) -> None:
    for name in smaller(None):
        file = "apt.txt" if name.startswith("texlive") else "requirements.txt"

        assert part(forecast_of(tmp_path / name, {file: f"{name}\n"}), name).unpacked > 500e6


@pytest.mark.drift
@pytest.mark.engine
def test_the_forecast_comes_close_to_the_image(tmp_path: Path) -> None:
    files = {"requirements.txt": "sympy\npandas\n", "apt.txt": "graphviz\n"}
    found = forecast_of(tmp_path / "forecast", files)
    with image_of(tmp_path / "forecast") as image:
        size = int(run(["docker", "image", "inspect", "--format", "{{.Size}}", image.tag]).stdout)

    assert 0.9 < found.unpacked / size < 1.1
