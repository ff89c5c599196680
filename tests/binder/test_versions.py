"""Which Python, R and Julia repo2docker takes, and which words stop it: seen with repo2docker 2026.4.0 (`benchmarks/binder.py`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.writing import Files, write

from r2i.binder.making import binder_of
from r2i.binder.values import Binder

STOPS = "stops"


def made(tmp_path: Path, files: Files) -> Binder:
    return binder_of(write(tmp_path, files))


def python(binder: Binder) -> str | None:
    return STOPS if binder.error is not None else binder.python


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("python-3.9", "3.9"),
        ("python-3.9\n", "3.9"),
        ("python-3", "3.10"),
        ("python-2", "2.7"),
        ("python-2.7", "2.7"),
        ("python-3.9-2024-01-01", "3.9"),
        ("python-2024-01-01", "3.10"),
        ("Python-3.9", "3.10"),
        ("ruby-3.1", "3.10"),
        ("r-4.4", "3.10"),
        ("python-3.9.5", STOPS),
        ("python-3.4", STOPS),
        ("python-3.15", STOPS),
        ("python-4", STOPS),
        ("python-latest", STOPS),
        ("python- 3.9", STOPS),
        ("python-3.9\n# why", STOPS),
        ("python-3.9\nr-4.1-2022-01-01", STOPS),
        ("\ufeffpython-3.9", "3.10"),
        ("python-3.9\ufffc", STOPS),
        ("python3.9", STOPS),
        ("3.9", STOPS),
        ("", STOPS),
        ("# python-3.9", "3.10"),
        ("r-2022-13-01", STOPS),
        ("r-20-22-01-01", STOPS),
        ("python--2022-01-01", STOPS),
    ],
)
def test_runtime_txt(tmp_path: Path, text: str, version: str) -> None:
    assert python(made(tmp_path, {"runtime.txt": text})) == version


@pytest.mark.parametrize(
    ("runtime", "requires", "version"),
    [
        (None, '">=3.9"', "3.10"),
        (None, '">=3.12"', "3.14"),
        (None, '"<3.10"', "3.9"),
        (None, '">=3.10.2"', "3.14"),
        (None, '"==3.10.4"', STOPS),
        (None, '"<3.8"', STOPS),
        (None, '"^3.9"', STOPS),
        (None, "3.9", STOPS),
        (None, '[">=3.11"]', "3.14"),
        (None, "[]", "3.10"),
        ("python-3.9", '">=3.10"', STOPS),
        ("python-3.11", '">=3.10"', "3.11"),
        ("python-3", '">=3.12"', "3.14"),
        ("r-2022-01-01", '">=3.12"', "3.10"),
    ],
)
def test_requires_python(tmp_path: Path, runtime: str | None, requires: str, version: str) -> None:
    files = {"pyproject.toml": f"[project]\nrequires-python = {requires}\n"}
    files |= {"runtime.txt": runtime} if runtime else {}

    assert python(made(tmp_path, files)) == version


def test_requires_python_counts_in_the_root_alone(tmp_path: Path) -> None:
    project = '[project]\nrequires-python = ">=3.12"\n'

    assert python(made(tmp_path, {"pyproject.toml": project, "binder/requirements.txt": ""})) == "3.10"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("", "3.10"),
        ("{}", "3.10"),
        ("dependencies: []", "3.10"),
        ("dependencies: [python=3.9]", "3.9"),
        ("dependencies: [python =3.9.5]", "3.9"),
        ("dependencies: ['python=3.9=h12debd9_1']", "3.9"),
        ("dependencies: [python=3]", "3.10"),
        ("dependencies: [python=2.7]", "2.7"),
        ("dependencies: [python>=3.11]", "3.10"),
        ("dependencies: [conda-forge::python=3.9]", "3.10"),
        ("dependencies: [python, python=3.9]", "3.9"),
        ("dependencies: [python=*, python=3.9]", "3.10"),
        ("dependencies: {python=3.9: null}", "3.9"),
        ("x: &x {dependencies: [python=3.9]}\n<<: *x", "3.9"),
        ("dependencies: [!!str python=3.9]", "3.10"),
        ("name: {{ x }}\ndependencies: [python=3.9]", "3.9"),
        ("dependencies: [python=3.*]", STOPS),
        ("dependencies: [python=3.15]", STOPS),
        ("dependencies: [python=4]", STOPS),
        ("dependencies:", STOPS),
        ("dependencies: 5", STOPS),
        ("dependencies: numpy", "3.10"),
        ("- numpy", STOPS),
        ("numpy", STOPS),
        ("null", "3.10"),
        ("a: 1\na: 2", STOPS),
        ("---\na: 1\n---\nb: 1", STOPS),
        ("dependencies: [python=3.9", STOPS),
        ("dependencies:\n- *x", STOPS),
        ("dependencies:\n\t- x", STOPS),
        ("dependencies:\n- pip:\n  - 1.0", STOPS),
        ("dependencies:\n- pip:\n  - -e .\n  - 1.0", "3.10"),
        ("dependencies:\n- pip: x", "3.10"),
    ],
)
def test_environment_yml(tmp_path: Path, text: str, version: str) -> None:
    files = {"environment.yml": text, "runtime.txt": "python-3.12"}

    assert python(made(tmp_path, files)) == version


REQUIRES = '[requires]\npython_version = "{}"\n'


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"Pipfile": ""}, "3.10"),
        ({"Pipfile": REQUIRES.format("3.8")}, "3.8"),
        ({"Pipfile": REQUIRES.format("3")}, "3.10"),
        ({"Pipfile": REQUIRES.format("3.8.1")}, "3.8"),
        ({"Pipfile": REQUIRES.format(">=3.8")}, "3.10"),
        ({"Pipfile": "[requires]\npython_version = 3.8\n"}, STOPS),
        ({"Pipfile": "[requires]\npython_version = 3.8.1\n"}, STOPS),
        ({"Pipfile": 'requires = "x"'}, STOPS),
        ({"Pipfile": "a = [1, 'b']\n"}, STOPS),
        ({"Pipfile": "a = [{b = 1}, 'c']\n"}, "3.10"),
        ({"Pipfile": "caf\xe9 = 1\n" + REQUIRES.format("3.8")}, "3.8"),
        ({"Pipfile": "\ufeff" + REQUIRES.format("3.8")}, STOPS),
        ({"Pipfile": "\ufeffa = 1\n"}, "3.10"),
        (
            {
                "Pipfile.lock": json.dumps({"_meta": {"requires": {"python_version": "3.9"}}}),
                "Pipfile": REQUIRES.format("3.8"),
            },
            "3.9",
        ),
        ({"Pipfile.lock": json.dumps({"_meta": {"requires": {}}}), "Pipfile": REQUIRES.format("3.8")}, "3.8"),
        (
            {
                "Pipfile.lock": json.dumps(
                    {"_meta": {"requires": {"python_full_version": "3.11.4", "python_version": "3.9"}}}
                )
            },
            "3.11",
        ),
        ({"Pipfile.lock": json.dumps({"_meta": {"requires": None}})}, STOPS),
        ({"Pipfile.lock": "[]"}, STOPS),
        ({"Pipfile.lock": "{"}, STOPS),
        ({"Pipfile.lock": "\ufeff{}"}, STOPS),
    ],
)
def test_pipfile(tmp_path: Path, files: Files, version: str) -> None:
    assert python(made(tmp_path, {**files, "runtime.txt": "python-3.12"})) == version


def test_the_line_that_decides_is_named(tmp_path: Path) -> None:
    binder = made(tmp_path, {"environment.yml": "name: x\ndependencies:\n- python=3.8\n"})

    assert binder.python_reason is not None
    assert (binder.python_reason.file, binder.python_reason.line) == ("environment.yml", 3)


@pytest.mark.parametrize(
    ("version", "server", "kernels"),
    [
        ("3.7", None, [("python3", "Python 3.7")]),
        ("3.6", "3.10", [("python3", "Python 3.6")]),
        ("2.7", "3.10", [("python3", "Python 3.10"), ("python2", "Python 2.7")]),
    ],
)
def test_an_old_python_is_a_kernel_beside_the_server(
    tmp_path: Path, version: str, server: str | None, kernels: list[tuple[str, str]]
) -> None:
    binder = made(tmp_path, {"runtime.txt": f"python-{version}", "requirements3.txt": ""})

    assert (binder.python, binder.server_python) == (version, server)
    assert [(kernel.name, kernel.language) for kernel in binder.kernels] == kernels
    assert ("requirements3.txt" in {evidence.file for evidence in binder.reads}) == (server is not None)


@pytest.mark.parametrize(
    ("runtime", "version", "day"),
    [
        ("r-2022-01-01", "4.4.2", "2022-01-01"),
        ("r-4.1-2022-01-01", "4.1.3", "2022-01-01"),
        ("r-4.1.0-2022-01-01", "4.1.0", "2022-01-01"),
        ("r-2018-12-07", "4.4.2", "2018-12-07"),
        ("r-2018-12-06", STOPS, ""),
        ("r-3.2-2022-01-01", STOPS, ""),
        ("r-4-2022-01-01", STOPS, ""),
    ],
)
def test_r_of_a_day(tmp_path: Path, runtime: str, version: str, day: str) -> None:
    binder = made(tmp_path, {"runtime.txt": runtime})

    assert binder.buildpack == "RBuildPack"
    if version == STOPS:
        assert (binder.error is not None, binder.r) == (True, None)
    else:
        assert binder.r is not None
        assert (binder.error, binder.r.version, binder.r.day) == (None, version, day)
        assert [kernel.name for kernel in binder.kernels] == ["python3", "ir"]


@pytest.mark.parametrize(
    ("runtime", "stops"), [("python-3.9", True), ("python-3.6", False), ("r-4.1", False)]
)
def test_a_description_takes_any_number_for_that_of_r(tmp_path: Path, runtime: str, *, stops: bool) -> None:
    binder = made(tmp_path, {"DESCRIPTION": "", "runtime.txt": runtime})

    assert (binder.buildpack, binder.error is not None) == ("RBuildPack", stops)


@pytest.mark.parametrize(
    ("dependency", "version"), [("r-base=4.1", "4.1"), ("r-base", ""), ("r-ggplot2", ""), ("rpy2", None)]
)
def test_r_packages_of_conda_bring_r_its_kernel_and_rstudio(
    tmp_path: Path, dependency: str, version: str | None
) -> None:
    binder = made(tmp_path, {"environment.yml": f"dependencies: [numpy, {dependency}]\n"})

    assert (binder.r.version if binder.r is not None else None) == version
    assert binder.rstudio == (version is not None)
    assert ("ir" in {kernel.name for kernel in binder.kernels}) == (version is not None)


@pytest.mark.parametrize(
    ("compat", "version"),
    [
        ('"=1.6.7"', "1.6.7"),
        ('"~1.6"', "1.6.7"),
        ('"~1.6.2"', "1.6.7"),
        ('"<1.6"', "1.5.4"),
        ('"<=1.6.3"', "1.6.3"),
        ('"≤1.6.3"', "1.6.3"),
        ('"0.7"', "0.7.0"),
        ('"~0"', "0.7.0"),
        ('"99"', STOPS),
        ('"0.0.3"', STOPS),
        ('"1.6, 1.7"', STOPS),
        ('"1.6 - 1.8"', STOPS),
        ('"*"', STOPS),
        ('"v1.6"', STOPS),
        ('">= 1.6"', STOPS),
        ('"=1.06.0"', STOPS),
        ('"1.6-rc1"', STOPS),
        ('""', STOPS),
        ("1.10", STOPS),
        ("1", STOPS),
    ],
)
def test_julia(tmp_path: Path, compat: str, version: str) -> None:
    binder = made(tmp_path, {"Project.toml": f"[compat]\njulia = {compat}\n"})

    assert (binder.julia.version if binder.julia is not None else STOPS) == version
    assert (binder.error is not None) == (version == STOPS)


@pytest.mark.parametrize(
    "compat",
    ['"1"', '"1.6"', '"^1.6"', '"^ 1.6"', '">=1.6"', '"!=1.6"', '" 1.6 "', '"1.6.1.2"', '"01.6"', None],
)
def test_the_newest_julia_where_the_compat_allows_it(tmp_path: Path, compat: str | None) -> None:
    newest = made(tmp_path / "newest", {"Project.toml": '[compat]\njulia = ">1.11"\n'}).julia
    found = made(tmp_path, {"Project.toml": f"[compat]\njulia = {compat}\n" if compat else ""}).julia

    assert newest is not None
    assert found is not None
    assert found.version == newest.version


def test_the_kernel_of_julia_is_of_its_minor_release(tmp_path: Path) -> None:
    binder = made(tmp_path, {"Project.toml": '[compat]\njulia = "~1.6"\n'})

    assert [kernel.name for kernel in binder.kernels] == ["python3", "julia-1.6"]
