"""Which buildpack repo2docker chooses, what it reads, and where it stops: each seen with repo2docker 2026.4.0 (`benchmarks/binder.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.writing import Files, write

from r2i.binder.making import binder_of
from r2i.binder.values import Binder

R_DAY = "r-4.1-2022-01-01"
PROJECT = '[project]\nname = "x"\n'
BUILDS = '[build-system]\nrequires = ["hatchling"]\n'


def made(tmp_path: Path, files: Files) -> Binder:
    return binder_of(write(tmp_path, files))


def stop(binder: Binder) -> tuple[str, str | None, int | None]:
    assert binder.error is not None
    return binder.error.stage, binder.error.file, binder.error.line


@pytest.mark.parametrize(
    ("files", "buildpack", "because"),
    [
        ({"Dockerfile": "FROM x", "Project.toml": ""}, "DockerBuildPack", "Dockerfile"),
        (
            {"Project.toml": "", "REQUIRE": "", "environment.yml": ""},
            "JuliaProjectTomlBuildPack",
            "Project.toml",
        ),
        ({"JuliaProject.toml": "", "Project.toml": ""}, "JuliaProjectTomlBuildPack", "JuliaProject.toml"),
        ({"REQUIRE": "julia 0.6", "default.nix": ""}, "JuliaRequireBuildPack", "REQUIRE"),
        ({"default.nix": "{}", "runtime.txt": R_DAY}, "NixBuildPack", "default.nix"),
        ({"runtime.txt": R_DAY, "environment.yml": ""}, "RBuildPack", "runtime.txt"),
        ({"DESCRIPTION": "", "environment.yml": ""}, "RBuildPack", "DESCRIPTION"),
        ({"environment.yml": "", "Pipfile": ""}, "CondaBuildPack", "environment.yml"),
        ({"environment.yaml": "", "Pipfile": ""}, "CondaBuildPack", "environment.yaml"),
        ({"Pipfile": "", "requirements.txt": ""}, "PipfileBuildPack", "Pipfile"),
        ({"Pipfile.lock": "{}", "runtime.txt": "python-3.9"}, "PipfileBuildPack", "Pipfile.lock"),
        ({"Pipfile": "", "runtime.txt": "julia-1.10"}, "PythonBuildPack", None),
        ({"runtime.txt": "python-3.9"}, "PythonBuildPack", "runtime.txt"),
        ({"runtime.txt": "r-4.4", "requirements.txt": ""}, "PythonBuildPack", None),
        ({"setup.py": ""}, "PythonBuildPack", "setup.py"),
        ({"pyproject.toml": PROJECT + BUILDS}, "PythonBuildPack", "pyproject.toml"),
        ({"pyproject.toml": PROJECT}, "PythonBuildPack", None),
        ({"requirements.txt": ""}, "PythonBuildPack", "requirements.txt"),
        ({"install.R": ""}, "PythonBuildPack", None),
        ({"README.md": ""}, "PythonBuildPack", None),
    ],
)
def test_the_first_that_accepts_the_files(
    tmp_path: Path, files: Files, buildpack: str, because: str | None
) -> None:
    binder = made(tmp_path, files)

    assert (binder.buildpack, binder.error) == (buildpack, None)
    assert binder.reason is not None
    assert (binder.reason.file, binder.default) == (because, because is None)


@pytest.mark.parametrize("directory", ["binder", ".binder"])
def test_a_directory_of_the_configuration_hides_the_root(tmp_path: Path, directory: str) -> None:
    binder = made(
        tmp_path,
        {f"{directory}/apt.txt": "curl\n", "requirements.txt": "", "setup.py": "", "DESCRIPTION": ""},
    )

    assert (binder.config_dir, binder.buildpack, binder.default) == (directory, "PythonBuildPack", True)
    assert [evidence.file for evidence in binder.reads] == [f"{directory}/apt.txt"]
    assert {ignored.file for ignored in binder.ignored} == {"requirements.txt", "setup.py", "DESCRIPTION"}
    assert {ignored.reason for ignored in binder.ignored} == {
        f"only files in `{directory}/` count because it exists"
    }


def test_two_directories_stop_it(tmp_path: Path) -> None:
    binder = made(tmp_path, {"binder/x": "", ".binder/x": ""})

    assert stop(binder) == ("detection", ".binder", None)
    assert (binder.buildpack, binder.config_dir) == (None, None)


def test_a_file_named_binder_hides_nothing(tmp_path: Path) -> None:
    assert made(tmp_path, {"binder": "", "Pipfile": ""}).buildpack == "PipfileBuildPack"


@pytest.mark.parametrize(
    ("dockerfile", "stops"),
    [
        ("FROM andrewosh/binder-base\n", True),
        ("# x\r\nFROM Andrewosh/Binder-Base:1\r\n", True),
        ("FROM x # andrewosh/binder-base\n", False),
        ("FROM x\nFROM andrewosh/binder-base\n", False),
        ("from andrewosh/binder-base\n", False),
        ("\xe9\nFROM x\n".encode("latin-1"), True),
        (b"FROM x\n" + b"#" * 9000 + b"\n\xe9\n", False),
    ],
)
def test_a_dockerfile_of_the_root_is_read_even_where_it_does_not_count(
    tmp_path: Path, dockerfile: str | bytes, *, stops: bool
) -> None:
    binder = made(tmp_path, {"Dockerfile": dockerfile, "binder/environment.yml": ""})

    assert binder.buildpack == (None if stops else "CondaBuildPack")
    assert (binder.error is not None) == stops


@pytest.mark.parametrize("name", ["Dockerfile", "runtime.txt"])
def test_a_directory_where_a_file_belongs_stops_the_choice(tmp_path: Path, name: str) -> None:
    assert stop(made(tmp_path, {f"{name}/x": ""})) == ("detection", name, None)


@pytest.mark.parametrize(
    ("name", "buildpack", "stage"),
    [
        ("binder/Dockerfile", "DockerBuildPack", "dockerfile"),
        ("environment.yml", "CondaBuildPack", "python"),
        ("Pipfile", "PipfileBuildPack", "python"),
        ("Project.toml", "JuliaProjectTomlBuildPack", "dockerfile"),
        ("requirements.txt", "PythonBuildPack", "dockerfile"),
        ("apt.txt", "PythonBuildPack", "dockerfile"),
    ],
)
def test_a_directory_selects_a_buildpack_and_stops_it_later(
    tmp_path: Path, name: str, buildpack: str, stage: str
) -> None:
    binder = made(tmp_path, {f"{name}/x": ""})

    assert (binder.buildpack, stop(binder)) == (buildpack, (stage, name, None))


def test_a_broken_link_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").symlink_to("nowhere")
    (tmp_path / "Dockerfile").symlink_to("/etc/hostname")
    (tmp_path / "Pipfile").symlink_to("other")

    assert made(tmp_path, {"other": ""}).buildpack == "PipfileBuildPack"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("curl\n# Wget\nlibfoo # X\n", None),
        ("curl; echo x\n", None),
        ("curl=1.2\n-n\n", None),
        ("curl\nWget\n", 2),
        ("\ufeffcurl\n", 1),
        ("$(x)\n", 1),
    ],
)
def test_names_of_apt_packages(tmp_path: Path, text: str, line: int | None) -> None:
    binder = made(tmp_path, {"apt.txt": text})

    assert binder.error is None if line is None else stop(binder) == ("dockerfile", "apt.txt", line)


def test_the_own_dockerfile_is_all_that_counts(tmp_path: Path) -> None:
    binder = made(tmp_path, {"Dockerfile": "FROM x\n", "apt.txt": "Foo", "runtime.txt": "", "uv.lock": ""})

    assert (binder.error, binder.base_image, binder.python, binder.kernels) == (None, None, None, ())
    assert [ignored.file for ignored in binder.ignored] == ["runtime.txt", "apt.txt", "uv.lock"]


def test_require_stops_as_it_starts_to_build(tmp_path: Path) -> None:
    binder = made(tmp_path, {"REQUIRE": "julia 0.6\n"})

    assert binder.error is None
    assert binder.build_error is not None
    assert (binder.build_error.stage, binder.build_error.file) == ("build", "REQUIRE")


def test_an_ignore_file_that_is_no_text_stops_as_it_starts_to_build(tmp_path: Path) -> None:
    binder = made(tmp_path, {".dockerignore": b"\xe9\n"})

    assert (binder.error, binder.build_error and binder.build_error.file) == (None, ".dockerignore")


def test_files_are_read_or_ignored_with_a_reason(tmp_path: Path) -> None:
    files = (
        "environment.yml",
        "environment.yaml",
        "requirements.txt",
        "Pipfile",
        "runtime.txt",
        "install.R",
        "uv.lock",
    )
    binder = made(tmp_path, {**dict.fromkeys(files, ""), "postBuild": "", "runtime.txt": "python-3.9"})

    assert [evidence.file for evidence in binder.reads] == ["environment.yml", "postBuild"]
    assert {ignored.file: ignored.reason for ignored in binder.ignored} == {
        "environment.yaml": "`environment.yml` counts",
        "install.R": "repo2docker runs it only with a date in `runtime.txt` or a `DESCRIPTION` in the root",
        "uv.lock": "repo2docker does not read this file",
        **dict.fromkeys(
            ("Pipfile", "requirements.txt", "runtime.txt"),
            "`environment.yml` selects CondaBuildPack, which does not read this file",
        ),
    }


def test_r_and_julia_install_conda_and_python_packages_too(tmp_path: Path) -> None:
    both = {"environment.yml": "dependencies: [r-dplyr]", "requirements.txt": "six\n", "install.R": ""}
    r = made(tmp_path / "r", {**both, "DESCRIPTION": ""})
    julia = made(tmp_path / "julia", {**both, "Project.toml": "", "Manifest.toml": ""})

    assert {evidence.file for evidence in r.reads} == {*both, "DESCRIPTION"}
    assert {evidence.file for evidence in julia.reads} == {*both, "Project.toml", "Manifest.toml"} - {
        "install.R"
    }
    assert [kernel.name for kernel in julia.kernels][:2] == ["python3", "ir"]
    assert r.rstudio
    assert julia.rstudio


def test_a_project_without_a_build_system_is_not_installed(tmp_path: Path) -> None:
    binder = made(tmp_path, {"requirements.txt": "", "pyproject.toml": PROJECT})

    assert [(e.file, "nothing is installed" in e.why) for e in binder.reads] == [
        ("requirements.txt", False),
        ("pyproject.toml", True),
    ]
