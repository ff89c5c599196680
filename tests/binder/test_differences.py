"""What r2i and Binder do not share, and why; and the JSON with both."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from tests.cases import ROOT, Case, all_cases
from tests.writing import Files, write

from r2i.binder.contents import contents_of
from r2i.binder.differences import differences
from r2i.binder.making import binder_of
from r2i.binder.values import Binder, Difference
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.model import Options, Plan
from r2i.planning.compose import make_plan
from r2i.planning.plan_json import to_json_beside_binder

UBUNTU = "docker.io/library/buildpack-deps:24.04"
NOBLE = Options(base_image=UBUNTU)


def compared(tmp_path: Path, files: Files, options: Options | None = None) -> dict[str, Difference]:
    checkout = write(tmp_path, files)
    found = differences(make_plan(checkout, options or Options()), binder_of(checkout))
    assert len({each.what for each in found}) == len(found)
    return {each.what: each for each in found}


def test_the_python_and_both_reasons(tmp_path: Path) -> None:
    found = compared(tmp_path, {"pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.12"\n'})[
        "Python"
    ]

    assert (found.r2i, found.binder) == ("3.13", "3.14")
    assert found.r2i_reason is not None
    assert found.binder_reason is not None
    assert found.r2i_reason.file == found.binder_reason.file == "pyproject.toml"


@pytest.mark.parametrize("version", ["3.13", "3.13.1"])
def test_the_same_minor_release_is_no_difference(tmp_path: Path, version: str) -> None:
    found = compared(tmp_path, {"environment.yml": f"dependencies: [python={version}]\n"})

    assert "Python" not in found
    assert "Kernels" not in found


def test_the_base_image(tmp_path: Path) -> None:
    files = {"requirements.txt": "six\n"}
    found = compared(tmp_path, files)["Base image"]

    assert (found.r2i, found.binder) == ("docker.io/library/debian:trixie-slim", UBUNTU)
    assert "Base image" not in compared(tmp_path, files, NOBLE)


def test_the_server(tmp_path: Path) -> None:
    split = compared(tmp_path / "split", {"requirements.txt": "six\n"})["Jupyter"]
    joined = compared(tmp_path / "joined", {"requirements.txt": "jupyterlab\n"})["Jupyter"]
    old = compared(tmp_path / "old", {"runtime.txt": "python-2.7", "requirements.txt": "six\n"})["Jupyter"]

    assert split.r2i == "in a separate environment"
    assert split.binder.endswith(", in the repository's environment")
    assert split.binder.startswith("JupyterLab 4.")
    assert joined.r2i == "in the repository's environment"
    assert old.binder.endswith(" on Python 3.10, in a separate environment")


def test_r_of_conda_comes_with_a_kernel_and_rstudio(tmp_path: Path) -> None:
    found = compared(tmp_path, {"environment.yml": "dependencies: [r-base=4.1, r-dplyr]\n"})

    assert found["RStudio"].binder == "installed"
    assert "Kernels" not in found  # both have `ir`


def test_rstudio_in_both_is_no_difference(tmp_path: Path) -> None:
    files = {"runtime.txt": "r-2024-01-02\n", "install.R": 'install.packages("dplyr")\n'}

    assert compared(tmp_path / "without", files)["RStudio"].r2i == "none"
    assert "RStudio" not in compared(tmp_path / "with", files, Options(rstudio=True))


def test_rstudio_without_r_on_binder(tmp_path: Path) -> None:
    found = compared(tmp_path, {"install.R": 'install.packages("dplyr")\n'}, Options(rstudio=True))["RStudio"]

    assert (found.r2i, found.binder) == ("installed", "none")


def test_the_manifest_does_not_choose_julia_on_binder() -> None:
    checkout = Checkout.open(ROOT / "tests" / "fixtures" / "repos" / "julia-manifest" / "repo")
    plan, binder = make_plan(checkout, Options()), binder_of(checkout)
    [julia] = [each for each in differences(plan, binder) if each.what == "Julia"]

    assert binder.julia is not None
    assert (julia.r2i, julia.binder) == (
        f"{plan.languages[0].version} from julialang.org",
        binder.julia.version,
    )
    assert plan.languages[0].version != binder.julia.version
    assert julia.r2i_reason is not None
    assert julia.r2i_reason.file == "binder/Manifest.toml"


def test_the_same_julia_is_no_difference(tmp_path: Path) -> None:
    assert "Julia" not in compared(tmp_path, {"Project.toml": '[compat]\njulia = "=1.6.0"\n'})


def test_install_r_without_a_date_is_read_by_r2i_alone(tmp_path: Path) -> None:
    found = compared(tmp_path, {"install.R": 'install.packages("dplyr")\n'})

    assert (found["install.R"].r2i, found["install.R"].binder) == ("read", "ignored")
    assert found["R"].binder == "none"
    assert found["Kernels"].binder == "python3"


def test_files_that_one_of_both_reads(tmp_path: Path) -> None:
    files = {
        "uv.lock": 'version = 1\nrequires-python = ">=3.10"\n\n[[package]]\nname = "x"\nversion = "1"\nsource = { virtual = "." }\n',
        "pyproject.toml": '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.10"\n',
        "requirements.txt": "six\n",
    }
    found = compared(tmp_path, files)

    assert (found["uv.lock"].r2i, found["uv.lock"].binder) == ("read", "ignored")
    assert (found["requirements.txt"].r2i, found["requirements.txt"].binder) == ("ignored", "read")
    assert found["requirements.txt"].r2i_reason is not None
    assert "`uv.lock`" in found["requirements.txt"].r2i_reason.why


def test_the_same_dockerfile_is_no_difference(tmp_path: Path) -> None:
    assert compared(tmp_path, {"Dockerfile": "FROM debian\n", "apt.txt": "curl\n"}) == {}


def test_only_r2i_builds(tmp_path: Path) -> None:
    found = compared(tmp_path, {"runtime.txt": "python-3.12.1\n", "requirements.txt": ""})["Build"]

    assert (found.r2i, found.binder) == ("accepts the files", "stops with an error")
    assert found.binder_reason is not None
    assert found.binder_reason.file == "runtime.txt"


def test_only_binder_builds(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"requirements.txt": "--nope\n"})
    [found] = differences(None, binder_of(checkout))

    assert (found.what, found.r2i, found.binder) == ("Build", "stops with an error", "accepts the files")


def test_neither_builds(tmp_path: Path) -> None:
    assert differences(None, binder_of(write(tmp_path, {"binder/x": "", ".binder/x": ""}))) == ()


@cache
def schema() -> tuple[dict[str, Any], Registry[Any]]:
    own, of_plan = (
        json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))
        for name in ("plan-binder.schema.json", "plan.schema.json")
    )
    return own, Registry().with_resource("plan.schema.json", Resource.from_contents(of_plan))


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_the_json_follows_its_published_schema(case: Case) -> None:
    checkout = Checkout.open(case.repo, subdirectory=case.subdir)
    made, failure = _planned(checkout, case)
    binder: Binder = binder_of(checkout)
    contents = contents_of(checkout, binder)
    found = differences(made, binder, contents)
    document = json.loads(to_json_beside_binder(made, failure, binder, contents, found))
    own, registry = schema()

    jsonschema.Draft202012Validator(own, registry=registry).validate(document)
    assert (document["plan"] is None) == (document["error"] is not None)


def _planned(checkout: Checkout, case: Case) -> tuple[Plan | None, R2iError | None]:
    try:
        return make_plan(checkout, Options(**case.options)), None
    except R2iError as error:
        return None, error
