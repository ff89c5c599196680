"""What repo2docker builds is not refused, where that is asked for: problems that it does not have are warnings."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.building import write
from tests.cases import Case, all_cases, case

from r2i.binder.making import binder_of
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, NoBuildpackError, R2iError
from r2i.model import Evidence, Options, Plan
from r2i.planning.compose import make_plan

AS_REPO2DOCKER = Options(as_repo2docker=True)

#: Of what repo2docker only reads nobody knows yet whether its installers take it: these they do not take, or it would
#: run or read what no repository may (docs/repo2docker.md).
REFUSED_BY_INSTALLERS = {
    "fails-apt-injection",
    "fails-apt-option",
    "fails-apt-removes",
    "fails-apt-two-versions",
    "fails-apt-upper-case",
    "fails-conda-channel",
    "fails-conda-extra",
    "fails-conda-indented",
    "fails-conda-injection",
    "fails-conda-key",
    "fails-conda-password",
    "fails-conda-pip",
    "fails-conda-pip-file",
    "fails-conda-spec",
    "fails-julia-uuid",
    "fails-nix-empty",
    "fails-package-extra",
    "fails-package-file",
    "fails-package-flat-layout",
    "fails-package-group",
    "fails-package-setup-py",
    "fails-package-setup-py-requirement",
    "fails-pipfile-mercurial",
    "fails-post-build-ignored",
    "fails-post-build-link",
    "fails-requirements-author-path",
    "fails-requirements-conda-export",
    "fails-requirements-file",
    "fails-requirements-ignored",
    "fails-requirements-injection",
    "fails-requirements-itself",
    "fails-requirements-link",
    "fails-requirements-missing-include",
    "fails-requirements-no-project",
    "fails-requirements-option",
    "fails-requirements-outside",
    "fails-requirements-python",
    "fails-requirements-table",
    "fails-requirements-variable",
    "fails-start",
    "fails-start-outside",
}

CASES = [one for one in all_cases() if one.fails == "plan"]


def plan_of(one: Case) -> Plan:
    options = Options(**{**one.options, "as_repo2docker": True})
    return make_plan(Checkout.open(one.repo, subdirectory=one.subdir), options)


def planned(directory: Path, options: Options = AS_REPO2DOCKER) -> Plan:
    return make_plan(Checkout.open(directory), options)


def warnings(plan: Plan) -> list[str]:
    return [notice.message for notice in plan.notices if notice.level == "warning"]


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_every_repository_that_repo2docker_builds_has_a_plan(one: Case) -> None:
    binder = binder_of(Checkout.open(one.repo, subdirectory=one.subdir))
    stops = binder.error is not None or binder.build_error is not None
    if stops or one.name in REFUSED_BY_INSTALLERS:
        with pytest.raises(R2iError):
            plan_of(one)
    else:
        assert warnings(plan_of(one))


def test_a_lock_that_does_not_fit_is_passed_over_and_not_its_manifest() -> None:
    plan = plan_of(case("fails-uv-lock"))

    assert (
        warnings(plan)[0] == "`uv.lock` does not lock `attrs>=25`; r2i ignores `uv.lock`, as repo2docker does"
    )
    assert any(e.file == "pyproject.toml" for layer in plan.layers for e in layer.evidence)


def test_a_package_that_only_ubuntu_has_leads_to_ubuntu() -> None:
    plan = plan_of(case("fails-apt-gone"))

    assert plan.base.reference == "docker.io/library/ubuntu:24.04"
    assert any("wkhtmltopdf" in layer.variables.get("packages", ()) for layer in plan.layers)  # type: ignore[operator]
    assert "not in Debian 13" in warnings(plan)[0]


@pytest.mark.parametrize(
    "package",
    ["openjdk-8-jdk", "openjdk-17-jdk", "gcc-11", "clang-14", "php8.3", "libboost1.74-dev", "nodejs=18.19*"],
)
def test_a_version_that_only_ubuntu_has_leads_to_ubuntu(package: str, tmp_path: Path) -> None:
    plan = planned(write(tmp_path, {"apt.txt": f"less\n{package}\n"}))

    (layer,) = (layer for layer in plan.layers if layer.template == "apt")
    assert plan.base.reference == "docker.io/library/ubuntu:24.04"
    assert package in layer.variables["packages"]  # type: ignore[operator]
    assert "the image is built on Ubuntu 24.04, as in repo2docker" in warnings(plan)[0]
    assert (
        make_plan(Checkout.open(tmp_path), Options()).base.reference == "docker.io/library/debian:trixie-slim"
    )


@pytest.mark.parametrize("package", ["firefox", "libmysqlclient-dev", "libgl1-mesa-glx", "openjdk-21-jdk"])
def test_a_new_name_of_the_same_package_needs_no_ubuntu(package: str, tmp_path: Path) -> None:
    plan = planned(write(tmp_path, {"apt.txt": f"{package}\n"}))

    assert plan.base.reference == "docker.io/library/debian:trixie-slim"


def test_a_base_image_that_somebody_names_stays(tmp_path: Path) -> None:
    write(tmp_path, {"apt.txt": "wkhtmltopdf\n"})

    with pytest.raises(InvalidRepositoryError, match="not in Debian 13"):
        planned(tmp_path, replace(AS_REPO2DOCKER, base_image="debian:trixie-slim"))


def test_a_name_in_runtime_txt_that_nobody_knows_is_the_default_python(tmp_path: Path) -> None:
    write(tmp_path, {"runtime.txt": "17-c\n", "requirements.txt": "six\n"})

    plan = planned(tmp_path)

    assert "r2i ignores `runtime.txt`, as repo2docker does" in warnings(plan)[0]
    assert plan.python == planned(write(tmp_path / "other", {"requirements.txt": "six\n"})).python


def test_python_2_is_the_last_of_its_releases(tmp_path: Path) -> None:
    plan = planned(write(tmp_path, {"runtime.txt": "python-2\n"}))

    assert plan.python is not None
    assert plan.python.version == "2.7"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Pipfile", '[packages]\nsix = "*"\n\n[requires]\npython_version = "3.11"\n'),
        ("environment.yml", "dependencies: [python=3.11, six]\n"),
        ("environment.yml", "dependencies: [six]\n"),
    ],
)
def test_runtime_txt_is_passed_over_where_repo2docker_does_not_read_it(
    name: str, text: str, tmp_path: Path
) -> None:
    plan = planned(write(tmp_path, {f"binder/{name}": text, "binder/runtime.txt": "python-3.10\n"}))

    alone = planned(write(tmp_path / "other", {f"binder/{name}": text}))
    assert plan.python == alone.python
    assert f"`binder/runtime.txt` is ignored, as repo2docker does beside `binder/{name}`" in warnings(plan)


def test_runtime_txt_counts_beside_requirements(tmp_path: Path) -> None:
    plan = planned(write(tmp_path, {"requirements.txt": "six\n", "runtime.txt": "python-3.10\n"}))

    assert plan.python is not None
    assert plan.python.version == "3.10"
    assert warnings(plan) == []


@pytest.mark.parametrize(("python", "count"), [("2.7", 1), ("3.11", 0)])
def test_packages_for_the_server_of_repo2docker_are_not_passed_over_in_silence(
    python: str, count: int, tmp_path: Path
) -> None:
    plan = planned(write(tmp_path, {"runtime.txt": f"python-{python}\n", "requirements3.txt": "six\n"}))

    assert (
        len([said for said in warnings(plan) if said.startswith("`requirements3.txt` is ignored")]) == count
    )


def test_a_link_that_leads_nowhere_is_no_file(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "six\n"})
    (tmp_path / "postBuild").symlink_to("nowhere")
    (tmp_path / "binder").symlink_to("nowhere", target_is_directory=True)

    plan = planned(tmp_path)

    assert [said.split("`")[1] for said in warnings(plan)] == ["binder", "postBuild"]
    assert not any(layer.template == "post_build" for layer in plan.layers)


def test_a_link_to_a_file_of_this_machine_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "repo", {"requirements.txt": "six\n"})
    write(tmp_path, {"secret": "x\n"})
    (tmp_path / "repo" / "apt.txt").symlink_to(os.path.relpath(tmp_path / "secret", tmp_path / "repo"))

    with pytest.raises(InvalidRepositoryError, match="leads out of the repository"):
        planned(tmp_path / "repo")


def test_the_same_is_refused_where_nobody_asks_for_it() -> None:
    with pytest.raises(InvalidRepositoryError):
        make_plan(Checkout.open(case("fails-uv-lock").repo), Options())


def test_rstudio_is_not_missed_in_an_image_without_r(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "six\n"})

    assert warnings(planned(tmp_path, replace(AS_REPO2DOCKER, rstudio=True))) == []


@pytest.mark.parametrize(
    "files", [{"README.md": "words\n"}, {"binder/notes": "x", "requirements.txt": "six\n"}]
)
def test_a_declaration_can_be_required(files: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path, files)

    with pytest.raises(NoBuildpackError, match=r"No file in .* declares an environment"):
        planned(tmp_path, replace(AS_REPO2DOCKER, must_declare=True))


@pytest.mark.parametrize("name", ["postBuild", "apt.txt", "requirements.txt"])
def test_any_file_of_the_configuration_declares_something(name: str, tmp_path: Path) -> None:
    write(tmp_path, {name: ""})

    assert planned(tmp_path, replace(AS_REPO2DOCKER, must_declare=True)).layers


@pytest.mark.parametrize("script", ["postBuild", "start"])
def test_a_script_has_the_compilers_and_programs_of_repo2docker(script: str, tmp_path: Path) -> None:
    write(tmp_path / "one", {script: "#!/bin/bash\nbash b.sh\n", "b.sh": "make\n"})
    write(tmp_path / "other", {"apt.txt": "gcc\n", "postBuild": "#!/bin/bash\nmake\n"})

    layers = [
        layer
        for name in ("one", "other")
        for layer in planned(tmp_path / name).layers
        if layer.template == "toolchain"
    ]

    assert len(layers) == 2
    assert {"make", "g++", "procps", "gettext-base", "file", "patch"} <= {*layers[0].variables["packages"]}  # type: ignore[misc]
    assert layers[0].variables == layers[1].variables
    assert layers[0].evidence[0] == Evidence(why="images of repo2docker have it", file=script)


@pytest.mark.parametrize(
    "command",
    [
        "conda install -y gdal",
        "mamba update x",
        '"${CONDA_DIR}/bin/conda" clean',
        "cd a && $CONDA_DIR/bin/mamba x",
    ],
)
def test_a_script_that_calls_conda_is_told_that_the_image_has_none(command: str, tmp_path: Path) -> None:
    script = f"#!/bin/bash\n# conda install\n{command}\n"
    plan = planned(write(tmp_path, {"postBuild": script, "requirements.txt": "six\n"}))
    with_conda = planned(
        write(tmp_path / "other", {"postBuild": script, "environment.yml": "dependencies: []\n"})
    )

    (said,) = (notice for notice in plan.notices if "only images with an `environment.yml`" in notice.message)
    assert (said.level, said.file, said.line) == ("warning", "postBuild", 3)
    assert warnings(with_conda) == []
    assert not any(
        "`environment.yml`" in said.message for said in make_plan(Checkout.open(tmp_path), Options()).notices
    )


def test_an_ordinary_plan_has_no_programs_of_repo2docker(tmp_path: Path) -> None:
    write(tmp_path, {"postBuild": "#!/bin/bash\nbash b.sh\n", "requirements.txt": "six\n"})

    without_script = planned(write(tmp_path / "other", {"requirements.txt": "six\n"}))

    assert not [each for each in planned(tmp_path, Options()).layers if each.template == "toolchain"]
    assert not [each for each in without_script.layers if each.template == "toolchain"]
