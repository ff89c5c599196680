"""What `environment.yml` makes of a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.writing import planned, write

from r2i.buildpacks.conda import Conda
from r2i.model import Options, PythonEnvironment


def environment_of(top: Path, text: str, options: Options | None = None) -> PythonEnvironment:
    detection = Conda().detect(write(top, {"environment.yml": text}), options or Options())
    assert detection is not None
    assert detection.environment is not None
    return detection.environment


def wishes(environment: PythonEnvironment) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(environment.template.files["conda/environment.json"])
    return found


def test_without_the_file_there_is_nothing(tmp_path: Path) -> None:
    assert Conda().detect(write(tmp_path, {"requirements.txt": ""}), Options()) is None


def test_yml_counts_before_yaml(tmp_path: Path) -> None:
    files = {"environment.yml": "dependencies: [numpy]", "environment.yaml": "dependencies: [scipy]"}
    detection = Conda().detect(write(tmp_path, files), Options())

    assert detection is not None
    assert detection.environment is not None
    assert detection.environment.defined_by == "environment.yml"
    assert [(one.file, one.reason) for one in detection.ignored] == [
        ("environment.yaml", "`environment.yml` defines the Python environment")
    ]


def test_comments_names_and_order_of_keys_change_nothing_that_is_built(tmp_path: Path) -> None:
    one = environment_of(
        tmp_path / "1", "dependencies: [numpy>=1.2, {pip: [six]}]\nchannels: [conda-forge]\n"
    )
    text = (
        "# x\nname: y\nchannels:\n- conda-forge\ndependencies:\n\n- numpy >= 1.2 # z\n- pip:\n   - six # x\n"
    )
    other = environment_of(tmp_path / "2", text)

    assert (one.template.files, one.install.support) == (other.template.files, other.install.support)


def test_a_date_is_for_the_solver(tmp_path: Path) -> None:
    moment = "2021-06-30T00:00:00Z"

    assert wishes(environment_of(tmp_path, "{}", Options(as_of=moment)))["exclude_newer"] == moment


def test_the_users_python_takes_the_place_of_that_of_the_file(tmp_path: Path) -> None:
    plan, _ = planned(
        write(tmp_path, {"environment.yml": "dependencies: [python=3.9, numpy]"}), Options(python="3.12")
    )
    layer = next(layer for layer in plan.layers if layer.template == "conda")

    assert plan.python is not None
    assert plan.python.version == "3.12"
    assert json.loads(layer.support["conda/environment.json"])["specs"] == ["python 3.12.*", "numpy"]


def test_runtime_txt_does_not_count_beside_a_python_of_the_file(tmp_path: Path) -> None:
    files = {"environment.yml": "dependencies: [python=3.9]", "runtime.txt": "python-3.7"}
    plan, _ = planned(write(tmp_path, files))

    assert plan.python is not None
    assert (plan.python.version, plan.python.provider) == ("3.9", "conda")
    assert any(notice.file == "runtime.txt" for notice in plan.notices)


@pytest.mark.parametrize(
    ("dependencies", "version"),
    [
        ("[numpy]", None),
        ("[cuda-version=12.4, pytorch]", "12.4"),
        ("[cudatoolkit=11]", "11"),
        ("[__cuda>=12.1]", "12.1"),
        ("[pytorch-gpu]", "12.9"),
        ("['pytorch=2.*=cuda118*']", "12.9"),
        ("['tensorflow=2.4=gpu_py38h8a7d6ce_0']", "12.9"),
    ],
)
def test_cuda_is_there_where_it_is_asked_for(tmp_path: Path, dependencies: str, version: str | None) -> None:
    assert wishes(environment_of(tmp_path, f"dependencies: {dependencies}")).get("cuda") == version


def test_lines_for_pip_keep_their_lines_and_their_includes(tmp_path: Path) -> None:
    text = "dependencies:\n- pip:\n  - -r more/requirements.txt\n  - -e ./pkg\n  - six==1.16.0\n"
    files = {"more/requirements.txt": "tabulate\n", "pkg/pyproject.toml": ""}
    write(tmp_path, files)
    environment = environment_of(tmp_path, text)

    assert environment.install.support == {
        "pip-of-conda.txt": "-r more/requirements.txt\nsix==1.16.0\n",
        "more/requirements.txt": "tabulate\n",
    }
    assert environment.install.local == ("-e", "./pkg")
    assert environment.names["six"].line == 5


def test_values_of_variables_are_quoted(tmp_path: Path) -> None:
    environment = environment_of(tmp_path, "variables: {A: '\"; RUN $HOME'}")

    assert environment.template.variables["environ"] == ('A="\\"; RUN \\$HOME"',)


@pytest.mark.parametrize(
    ("dependencies", "added"),
    [("[python=3.12, r-base=4.3]", True), ("[r-base, r-irkernel=1.3]", False), ("[numpy]", False)],
)
def test_packages_of_r_get_the_kernel_that_binder_adds(
    tmp_path: Path,
    dependencies: str,
    added: bool,  # noqa: FBT001
) -> None:
    environment = environment_of(tmp_path, f"channels: [conda-forge]\ndependencies: {dependencies}\n")
    evidence = environment.names.get("r-irkernel")

    assert ("r-irkernel" in wishes(environment)["specs"]) == added
    assert (evidence is not None and "needs a kernel" in evidence.why) == added
