"""RStudio and Shiny beside Jupyter: the evidence for them, and what they add to an image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.writing import Files, write

from r2i.facts.pins import base_image, pins
from r2i.facts.r import r_facts, rstudio_build
from r2i.model import Layer, Options, Plan
from r2i.planning.compose import make_plan

R: Files = {"install.R": 'install.packages("greeting")\n'}
LINK = "https://mybinder.org/v2/gh/a/b/HEAD?urlpath="
CONDA = "dependencies:\n  - python\n  - r-base=4.3\n  - r-irkernel\n"
APP = "library(shiny)\nshinyApp(fluidPage(), function(input, output) {})\n"


def plan_of(top: Path, files: Files, *, rstudio: bool = False) -> Plan:
    return make_plan(write(top, files), Options(rstudio=rstudio))


def of_interfaces(plan: Plan) -> dict[str, Layer]:
    """The layers by template."""
    names = ("server_proxy", "rstudio", "shiny")
    return {layer.template: layer for layer in plan.layers if layer.template in names}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"README.md": f"# Title\n[![Binder](x)]({LINK}rstudio)\n"}, "rstudio README.md:2 a link opens `rstudio`"),
        ({"README.rst": f".. _x: {LINK}%2Frstudio\n"}, "rstudio README.rst:1 a link opens `rstudio`"),
        ({"README.md": f"{LINK}shiny/bus-dashboard/"}, "shiny README.md:1 a link opens `shiny`"),
        (
            {"postBuild": "#!/bin/bash\npip install jupyter-rsession-proxy\n"},
            "rstudio postBuild:2 it mentions `jupyter-rsession-proxy`",
        ),
        ({"postBuild": "pip install jupyter-shiny-proxy\n"}, "shiny postBuild:1 it mentions `jupyter-shiny-proxy`"),
        ({"app.R": APP}, "shiny app.R:None it is a Shiny app"),
        ({"dash/server.R": "function(input, output) {}\n"}, "shiny dash/server.R:None it is a Shiny app"),
        ({"README.md": f"{LINK}lab\n", "app.R": "print(1)\n", ".cache/app.R": APP}, ""),
    ],
)  # fmt: skip
def test_an_interface_is_there_by_its_evidence(tmp_path: Path, files: Files, expected: str) -> None:
    plan = plan_of(tmp_path, {**R, **files})
    found = [
        f"{name} {evidence.file}:{evidence.line} {evidence.why}"
        for name, layer in of_interfaces(plan).items()
        if name != "server_proxy"
        for evidence in layer.evidence
    ]

    assert found == ([expected] if expected else [])
    assert plan.jupyter is not None
    assert ("server_proxy" in of_interfaces(plan)) is (bool(expected) and plan.jupyter.mode == "split")


@pytest.mark.parametrize("files", [R, {"environment.yml": CONDA}, {"apt.txt": "r-base\n"}])
def test_the_option_adds_rstudio_to_every_r(tmp_path: Path, files: Files) -> None:
    plan = plan_of(tmp_path, files, rstudio=True)

    assert of_interfaces(plan)["rstudio"].evidence[0].why == "`--rstudio`"
    assert of_interfaces(plan)["rstudio"].variables["asked"] is True
    assert "`--rstudio` has no effect: the image has no R" not in [notice.message for notice in plan.notices]


@pytest.mark.parametrize("files", [{"requirements.txt": "six\n"}, {"README.md": f"{LINK}rstudio\n"}])
def test_without_r_there_is_no_rstudio(tmp_path: Path, files: Files) -> None:
    plan = plan_of(tmp_path, files, rstudio=True)

    assert not of_interfaces(plan)
    assert "`--rstudio` has no effect: the image has no R" in [notice.message for notice in plan.notices]


@pytest.mark.parametrize(
    ("more", "packages"),
    [
        ({}, ("r-cran-shiny",)),
        ({"apt.txt": "r-cran-shiny\n"}, ()),
        ({"install.R": 'install.packages("shiny")\n'}, ()),
        ({"install.R": 'install.packages("adegenet")\n'}, ()),  # which needs it
    ],
)
def test_the_package_of_shiny_comes_from_where_it_is_declared(
    tmp_path: Path, more: Files, packages: tuple[str, ...]
) -> None:
    plan = plan_of(tmp_path, {**R, "app.R": APP, **more})

    assert of_interfaces(plan)["shiny"].variables["packages"] == packages


def test_the_shiny_of_conda_has_to_be_asked_for(tmp_path: Path) -> None:
    without = plan_of(tmp_path / "without", {"environment.yml": CONDA, "app.R": APP})
    with_it = plan_of(tmp_path / "with", {"environment.yml": f"{CONDA}  - r-shiny\n", "app.R": APP})

    assert not of_interfaces(without)
    assert (
        "app.R",
        "Shiny is not among the conda packages: add `r-shiny` to them, or the app cannot start",
    ) in [(notice.file, notice.message) for notice in without.notices]
    assert of_interfaces(with_it)["shiny"].variables["packages"] == ()


def test_a_joined_server_has_the_proxies_in_the_environment(tmp_path: Path) -> None:
    files = {**R, "requirements.txt": "nbgitpuller\n", "app.R": APP, "README.md": f"{LINK}rstudio\n"}
    plan = plan_of(tmp_path, files)
    [environment] = [layer for layer in plan.layers if layer.template == "environment"]

    assert {*of_interfaces(plan)} == {"rstudio", "shiny"}
    packages = environment.variables["packages"]
    assert isinstance(packages, tuple)
    assert {"jupyter-rsession-proxy", "jupyter-server-proxy"} <= {*packages}


def test_the_plan_says_what_is_downloaded(tmp_path: Path) -> None:
    layers = of_interfaces(plan_of(tmp_path, R, rstudio=True))

    assert layers["rstudio"].title == "RStudio Server 2026.09.0+174, downloaded from download2.rstudio.org"
    assert layers["server_proxy"].title == "Jupyter server proxy, for RStudio"
    assert layers["server_proxy"].variables["locks"] == ("proxy.lock", "rstudio.lock")


def test_the_table_has_one_build_for_each_release() -> None:
    builds = r_facts()["rstudio"]["builds"]
    fitting = [release for build in builds for release in build["releases"]]

    assert sorted(fitting) == sorted(row["name"] for row in pins()["releases"])
    assert r_facts()["rstudio"]["server"] == "https://download2.rstudio.org"
    for build in builds:
        version = build["version"].replace("+", "-")
        assert re.fullmatch(rf"server/(jammy|focal)/amd64/rstudio-server-{version}-amd64\.deb", build["path"])
        assert re.fullmatch(r"[0-9a-f]{64}", build["sha256"])
    assert rstudio_build(base_image("debian:11")).version.startswith("2024.12")
    assert rstudio_build(base_image("example.org/own:1")) == rstudio_build(base_image("debian:13"))


def test_a_readme_that_is_no_text_is_no_evidence(tmp_path: Path) -> None:
    checkout = write(tmp_path, {**R})
    (tmp_path / "README.md").write_bytes(b"\xff\xfe?urlpath=rstudio")

    assert not of_interfaces(make_plan(checkout, Options()))
