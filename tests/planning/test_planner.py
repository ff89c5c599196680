"""What is decided, from what evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.writing import Files, planned, write

from r2i.errors import InvalidRepositoryError, UsageError
from r2i.model import Notice, Options, Plan, Source, Stage
from r2i.planning.compose import make_plan
from r2i.planning.plan_json import SCHEMA_VERSION, digest, to_json


def plan_of(top: Path, files: Files, **options: object) -> Plan:
    return make_plan(write(top, files), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "options", "version", "provider"),
    [
        ({}, {}, "3.13", "base"),
        ({}, {"base_image": "debian:bookworm"}, "3.11", "base"),
        ({}, {"base_image": "example.org/unknown"}, "3.13", "uv"),
        ({"runtime.txt": "python-3.13"}, {}, "3.13", "base"),
        ({"runtime.txt": "python-3.13.2"}, {}, "3.13", "base"),
        ({"runtime.txt": "python-3.12"}, {}, "3.12", "uv"),
        ({"runtime.txt": "python-3.12.4"}, {}, "3.12.4", "uv"),
        ({"runtime.txt": "python-3.11"}, {"base_image": "debian:12"}, "3.11", "base"),
        ({".python-version": "3.10\n"}, {}, "3.10", "uv"),
        ({"runtime.txt": "python-3.9", ".python-version": "3.10\n"}, {}, "3.9", "uv"),
        ({"runtime.txt": "python-3.9"}, {"python": "3.14"}, "3.14", "uv"),
        ({"runtime.txt": "python-3"}, {}, "3.13", "base"),
    ],
)
def test_python_is_what_the_strongest_evidence_says(
    tmp_path: Path, files: Files, options: dict[str, object], version: str, provider: str
) -> None:
    python = plan_of(tmp_path, files, **options).python

    assert python is not None
    assert (python.version, python.provider) == (version, provider)


def test_evidence_that_loses_is_a_warning_where_it_says_otherwise(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"runtime.txt": "python-3.12.1", ".python-version": "3.11"})
    agreeing = plan_of(tmp_path / "b", {"runtime.txt": "python-3.12.1", ".python-version": "3.12"})

    assert [(n.level, n.file) for n in plan.notices] == [("warning", ".python-version")]
    assert agreeing.notices == ()


@pytest.mark.parametrize("version", ["2.6", "3.4", "3.16", "3.99"])
def test_a_python_that_nobody_provides_is_an_error_of_whoever_asked(tmp_path: Path, version: str) -> None:
    with pytest.raises(InvalidRepositoryError, match="cannot install Python") as caught:
        plan_of(tmp_path, {"runtime.txt": f"\npython-{version}"})
    assert caught.value.where == "runtime.txt:2"
    with pytest.raises(UsageError, match=r"cannot install Python|is not a Python version"):
        plan_of(tmp_path / "empty", {"a": ""}, python=version)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"user_name": "root"}, "is not a valid user name"),
        ({"user_name": "a b"}, "is not a valid user name"),
        ({"user_name": "a\n"}, "is not a valid user name"),
        ({"user_name": "-a"}, "is not a valid user name"),
        ({"user_name": "A"}, "is not a valid user name"),
        ({"user_id": 0}, "user id"),
        ({"user_id": -1}, "user id"),
        ({"user_id": 2**31}, "user id"),
        ({"repo_dir": "relative"}, "valid directory for the repository"),
        ({"repo_dir": "/"}, "valid directory for the repository"),
        ({"repo_dir": "/a b"}, "valid directory for the repository"),
        ({"repo_dir": "/a\nRUN x"}, "valid directory for the repository"),
        ({"repo_dir": "/a\n"}, "valid directory for the repository"),
        ({"repo_dir": "/srv/.."}, "valid directory for the repository"),
        ({"repo_dir": "/./a"}, "valid directory for the repository"),
        ({"repo_dir": "/$HOME"}, "valid directory for the repository"),
        ({"python": "3"}, "is not a Python version"),
        ({"python": "2.6"}, "is not a Python version"),
        ({"python": "3.12\n"}, "is not a Python version"),
        ({"python": "latest"}, "is not a Python version"),
        ({"base_image": "a b"}, "is not a valid image name"),
        ({"base_image": "a\nRUN x"}, "is not a valid image name"),
        ({"base_image": "--platform=x"}, "is not a valid image name"),
        ({"base_image": "$X"}, "is not a valid image name"),
        ({"base_image": ""}, "is not a valid image name"),
        ({"labels": {"a b": "c"}}, "is not a valid label name"),
        ({"labels": {"": "c"}}, "is not a valid label name"),
        ({"labels": {"a\nRUN": "c"}}, "is not a valid label name"),
        ({"labels": {"a": "\udce9"}}, "UTF-8"),
        ({"build_args": {"a": "\udce9"}}, "UTF-8"),
        ({"appendix": "RUN \udce9"}, "UTF-8"),
    ],
)
def test_wrong_options_are_usage_errors(tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        plan_of(tmp_path, {}, **options)

    assert caught.value.hint


@pytest.mark.parametrize("repo_dir", ["/srv/repo", "/home/jovyan/.work", "/a..b", "/a/..b/c", "/...", "/-"])
def test_odd_directories_of_the_image_are_fine(tmp_path: Path, repo_dir: str) -> None:
    assert plan_of(tmp_path, {}, repo_dir=repo_dir).variables["REPO_DIR"] == repo_dir


def test_one_definition_of_the_environment_wins_and_the_others_are_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "six\n", "pyproject.toml": "", "setup.py": ""})

    assert [(i.file, i.reason) for i in plan.ignored] == [
        ("pyproject.toml", "`requirements.txt` defines the Python environment"),
        ("setup.py", "`requirements.txt` defines the Python environment"),
    ]


def test_what_a_binder_directory_hides_is_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"binder/start": "#!/bin/sh\n", "apt.txt": "git", "environment.yml": ""})

    assert {i.file for i in plan.ignored} == {"apt.txt", "environment.yml"}
    assert all("`binder/`" in i.reason for i in plan.ignored)


def test_beside_a_dockerfile_nothing_counts_and_nothing_can_be_wrong(tmp_path: Path) -> None:
    broken: Files = {
        "runtime.txt": "nonsense",
        "requirements.txt": b"\xff",
        "install.R": "",
        "environment.yml": "",
    }
    plan = plan_of(tmp_path, {"Dockerfile": "FROM debian:12\n", **broken})

    assert (plan.dockerfile, plan.layers) == ("Dockerfile", ())
    assert {i.file for i in plan.ignored} == set(broken)


def test_a_dockerfile_is_given_the_user_and_the_directory(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path, {"Dockerfile": "FROM debian:12\n"}, user_name="ada", user_id=1815, build_args={"X": "y"}
    )

    assert list(plan.build_args) == ["NB_USER", "NB_UID", "REPO_DIR", "X"]
    assert list(plan.build_args.values())[:3] == ["ada", "1815", "/home/ada"]


def test_what_a_dockerfile_is_given_by_the_user_stands_in_no_plan(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM debian:12\n"}
    one, other = (plan_of(tmp_path, files, build_args={"TOKEN": value}) for value in ("sesame1", "sesame2"))

    assert "TOKEN" in to_json(one)
    assert "sesame" not in to_json(one) + repr(one)
    assert one.build_args != other.build_args


def test_nor_in_a_message(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`--build-arg TOKEN`") as caught:
        plan_of(tmp_path, {}, build_args={"TOKEN": "sesame\udce9"})
    assert "sesame" not in str(caught.value)


def test_layers_are_in_the_order_of_their_stages(tmp_path: Path) -> None:
    files = {"start": "", "postBuild": "gcc x.c", "requirements.txt": "-e .", "runtime.txt": "python-3.10"}
    files |= {"pyproject.toml": '[project]\nname = "a"\nversion = "1"\n', "apt.txt": "git"}
    stages = [layer.stage for layer in plan_of(tmp_path, files).layers]

    assert stages == sorted(stages)
    assert set(stages) == set(Stage) - {Stage.SOURCE}  # what is installed from the checkout brings its files


def test_the_server_is_joined_where_the_repository_brings_parts_of_it(tmp_path: Path) -> None:
    split = plan_of(tmp_path / "a", {"requirements.txt": "numpy"})
    joined = plan_of(tmp_path / "b", {"requirements.txt": "jupyterlab-git"})

    assert split.jupyter is not None
    assert joined.jupyter is not None
    assert (split.jupyter.mode, joined.jupyter.mode) == ("split", "joined")
    assert "/srv/jupyter/bin" in split.variables["PATH"]
    assert "/srv/jupyter/bin" not in joined.variables["PATH"]
    assert joined.jupyter.evidence[0].file == "requirements.txt"


def test_a_start_script_is_the_entry_point(tmp_path: Path) -> None:
    plan, dockerfile = planned(write(tmp_path, {".binder/start": '#!/bin/sh\nexec "$@"\n'}))

    assert plan.variables["R2D_ENTRYPOINT"] == "/home/jovyan/.binder/start"
    assert 'ENTRYPOINT ["/home/jovyan/.binder/start"]' in dockerfile.text


def test_labels_name_a_remote_source_and_nothing_of_a_local_one(tmp_path: Path) -> None:
    checkout = write(tmp_path, {})
    local = make_plan(checkout, Options(), source=Source(provider="local", location=str(tmp_path)))
    remote = make_plan(checkout, Options(), source=Source(provider="git", location="https://example.org/a"))

    assert str(tmp_path) not in to_json(local)
    assert local.labels["repo2docker.repo"] == "local"
    assert remote.labels["org.opencontainers.image.source"] == "https://example.org/a"


def test_a_label_of_the_user_wins(tmp_path: Path) -> None:
    assert plan_of(tmp_path, {}, labels={"repo2docker.repo": "x"}).labels["repo2docker.repo"] == "x"


def test_the_label_of_the_plan_is_its_digest_and_changes_with_it(tmp_path: Path) -> None:
    one, other = plan_of(tmp_path, {}), plan_of(tmp_path, {}, user_id=1001)

    assert one.labels["io.r2i.plan"].startswith("sha256:")
    assert one.labels["io.r2i.plan"] != other.labels["io.r2i.plan"]
    assert digest(one) == digest(plan_of(tmp_path, {}))


def test_what_is_only_said_of_a_plan_is_not_in_its_digest(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {})
    notice = Notice(level="warning", message="said in other words")

    assert digest(replace(plan, notices=(notice,))) == digest(plan)


def test_a_plan_is_json_though_a_file_name_is_no_text(tmp_path: Path) -> None:
    import os

    write(tmp_path, {os.fsdecode(b"caf\xe9.ipynb"): '{"source": ["%%cython\\n"]}'})
    plan, dockerfile = planned(write(tmp_path, {}))
    read = json.loads(to_json(plan).encode())

    assert read["schema"] == SCHEMA_VERSION
    assert r"caf\udce9.ipynb" in to_json(plan).replace("\\\\", "\\")
    dockerfile.text.encode()


def test_the_ignored_credentials_of_git_are_part_of_the_plan(tmp_path: Path) -> None:
    assert "**/.git/config" in plan_of(tmp_path, {"Dockerfile": "FROM debian:12\n"}).dockerignore
    assert "**/.git/config" in plan_of(tmp_path / "b", {"a": ""}).dockerignore


def test_options_that_do_nothing_are_said(tmp_path: Path) -> None:
    whole = plan_of(tmp_path / "a", {"Dockerfile": "FROM a\n"}, python="3.12", appendix="RUN true")
    made = plan_of(tmp_path / "b", {"start": 'exec "$@"'}, build_args={"A": "b"}, python="3.12")

    assert [n.message.split("`")[1] for n in whole.notices] == ["--python", "--appendix"]
    assert [n.message.split("`")[1] for n in made.notices if n.level == "warning"] == ["--build-arg"]


NOTHING_ASKED = "No file declares a dependency and there is no notebook: the image has only Jupyter"


@pytest.mark.parametrize(
    "files",
    [{}, {"README.md": ""}, {"binder/README.md": "", "apt.txt": "git"}],
    ids=["empty", "text", "hidden"],
)
def test_where_nothing_is_asked_for_that_is_said(tmp_path: Path, files: Files) -> None:
    plan = plan_of(tmp_path, files)

    assert [notice.message.partition(",")[0] for notice in plan.notices] == [NOTHING_ASKED]


@pytest.mark.parametrize(
    "files",
    [{"a/b.ipynb": "{}"}, {"requirements.txt": ""}, {"apt.txt": "git"}, {"runtime.txt": "python-3.13"}],
    ids=list,
)
def test_a_notebook_or_a_file_with_configuration_asks_for_something(tmp_path: Path, files: Files) -> None:
    assert plan_of(tmp_path, files).notices == ()


@pytest.mark.parametrize(
    ("pipfile", "warned"), [('paper = {path = "."}\nnumpy = "*"', []), ('numpy = "*"', ["six", "-e ."])]
)
def test_what_a_package_here_needs_comes_with_it(tmp_path: Path, pipfile: str, warned: list[str]) -> None:
    project = '[project]\nname = "paper"\nversion = "1"\ndependencies = ["six"]\n[build-system]\nrequires = ["hatchling"]\n'
    files = {"Pipfile": f"[packages]\n{pipfile}\n", "pyproject.toml": project}
    said = [notice.message for notice in plan_of(tmp_path, files).notices if notice.level == "warning"]

    assert len(said) == len(warned)
    assert all(word in message for word, message in zip(warned, said, strict=True))


@pytest.mark.parametrize(
    ("wanted", "differs"),
    [
        ("six==1.16.0", True),
        ("six===odd", True),
        ("six==1.17.0", False),
        ("six>=1.10,<2", False),
        ("six", False),
        ('six==1.16.0 ; python_version < "3"', False),
    ],
)
def test_a_version_that_the_winner_does_not_allow_is_named(
    tmp_path: Path, wanted: str, *, differs: bool
) -> None:
    project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["six>=1.17"]\n'
    said = plan_of(tmp_path, {"requirements.txt": wanted, "pyproject.toml": project}).notices
    words = f"`six>=1.17`: requested here, but `requirements.txt` defines the environment and has `{wanted}`"

    assert ((words, "pyproject.toml", 4) in [(n.message, n.file, n.line) for n in said]) == differs


def test_a_version_of_the_winner_counts_beside_what_a_project_there_asks_for(tmp_path: Path) -> None:
    project = '[project]\nname = "x"\nversion = "1"\ndependencies = ["six>=1"]\n'
    environment = "dependencies:\n- python\n- pip:\n  - six==1.17.0\n  - -e .\n"
    files = {"environment.yml": environment, "requirements.txt": "six==1.16.0\n", "pyproject.toml": project}
    words = (
        "`six==1.16.0`: requested here, but `environment.yml` defines the environment and has `six==1.17.0`"
    )

    assert words in [notice.message for notice in plan_of(tmp_path, files).notices]
