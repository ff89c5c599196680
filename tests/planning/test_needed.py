"""What an image cannot do without is in it, or it is not built."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Files, write

from r2i.checkout import Checkout
from r2i.checkout.overlay import overlay
from r2i.errors import InvalidRepositoryError
from r2i.model import Options
from r2i.planning.compose import make_plan

START: Files = {"start": 'exec "$@"\n'}
PROJECT: Files = {"pkg/pyproject.toml": '[project]\nname = "pkg"\nversion = "1"\n', "pkg/pkg/__init__.py": ""}
SETUP = "from setuptools import setup\nsetup(name='a')\n"
WHEEL = "wheels/a-1-py3-none-any.whl"
TARGETS = ["a", "b", "d", "file", "d/file", "../d", "..", "../sub/d/file", "d/../d", "/"]
HATCH = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
PAPER: Files = {
    "pyproject.toml": f'{HATCH}[project]\nname = "paper"\nversion = "1"\nreadme = "README.md"\n',
    "README.md": "",
    "src/paper/__init__.py": "",
}


def refusal(top: Path, files: Files) -> InvalidRepositoryError:
    with pytest.raises(InvalidRepositoryError) as caught:
        make_plan(write(top, files), Options())
    return caught.value


@pytest.mark.parametrize(
    ("files", "ignore", "line", "kept"),
    [
        (START, "data\nstart\n", 2, "start"),
        (START, "*", 1, "start"),
        (START, "*\n!*.ipynb\n!start\nstar?\n", 4, "start"),
        ({"postBuild": ""}, "*Build", 1, "postBuild"),
        ({"requirements.txt": "./pkg", **PROJECT}, "pkg", 1, "pkg/pyproject.toml"),
        ({"requirements.txt": "./pkg", **PROJECT}, "**/*.toml", 1, "pkg/pyproject.toml"),
        ({"requirements.txt": "-e ./pkg[plots]", **PROJECT}, "pkg/pkg", 1, "pkg/pkg/__init__.py"),
        ({"requirements.txt": f"./{WHEEL}", WHEEL: ""}, "*\n!*.txt", 1, WHEEL),
        ({"requirements.txt": "-f wheels\na", WHEEL: ""}, "*/*.whl", 1, WHEEL),
        ({"requirements.txt": "-e .", "setup.py": SETUP, "a.py": ""}, "/setup.py", 1, "setup.py"),
        (PAPER, "*.md", 1, "README.md"),
        (PAPER, "src", 1, "src/paper/__init__.py"),
    ],
)
def test_an_ignore_file_that_leaves_out_what_the_image_needs_is_an_error(
    tmp_path: Path, files: Files, ignore: str, line: int, kept: str
) -> None:
    error = refusal(tmp_path, {".dockerignore": ignore, **files})

    assert error.where == f".dockerignore:{line}"
    assert f"`{kept}`" in error.message
    assert error.hint == f"Remove the line, or add `!{kept}` below it"


@pytest.mark.parametrize(
    ("files", "ignore"),
    [
        (START, "*\n!start"),
        (START, "Start\n**/start/**\nsub/start"),
        ({"binder/start": "", "binder/.dockerignore": ""}, "binder"),
        ({"requirements.txt": "./pkg", **PROJECT}, "*\n!pkg\n**/tests"),
        ({"requirements.txt": "./pkg", **PROJECT}, "pkg\n!pkg/pyproject.toml\n!pkg/pkg/*.py"),
        ({"requirements.txt": "-f wheels\na", WHEEL: "", "wheels/a-2.tar.gz": ""}, "**/*.gz"),
        ({"requirements.txt": "-e .", "setup.py": SETUP, "a.py": "", "README.md": ""}, "*.md"),
        ({**PAPER, "tests/__init__.py": "", "notes/__init__.py": ""}, "tests\nnotes\nrequirements.txt"),
        ({"requirements.txt": "six", "apt.txt": "git"}, "*"),
        ({"Dockerfile": "FROM debian:12", **START}, "*"),
    ],
)
def test_all_else_may_be_left_out(tmp_path: Path, files: Files, ignore: str) -> None:
    make_plan(write(tmp_path, {".dockerignore": ignore, **files}), Options())


def test_what_a_link_leads_to_is_needed_too(tmp_path: Path) -> None:
    write(tmp_path, {"scripts/begin": 'exec "$@"\n'})
    (tmp_path / "start").symlink_to("scripts/../scripts/begin")

    assert "`scripts/begin`" in refusal(tmp_path, {".dockerignore": "scripts"}).message
    assert "`start`" in refusal(tmp_path, {".dockerignore": "start"}).message
    make_plan(write(tmp_path, {".dockerignore": "other"}), Options())


@pytest.mark.parametrize(
    ("files", "link", "target", "file"),
    [
        ({"shared/binder/start": 'exec "$@"\n'}, "binder", "../shared/binder", "binder/start"),
        ({"shared/binder/postBuild": ""}, "binder", "../shared/binder", "binder/postBuild"),
        ({"shared/run": 'exec "$@"\n', "course/binder/a": ""}, "binder/start", "../../shared/run", "binder/start"),
        ({"pkg/setup.py": SETUP, "course/requirements.txt": "./pkg"}, "pkg", "../pkg", "pkg/setup.py"),
        ({WHEEL: "", "course/requirements.txt": f"./{WHEEL}"}, "wheels", "../wheels", WHEEL),
        ({"course/run": 'exec "$@"\n'}, "start", "../course/run", "start"),
    ],
)  # fmt: skip
def test_a_link_out_of_the_directory_that_is_built_is_an_error_where_the_image_would_follow_it(
    tmp_path: Path, files: Files, link: str, target: str, file: str
) -> None:
    write(tmp_path, {"course/a.ipynb": "", **files})
    (tmp_path / "course" / link).symlink_to(target)

    with pytest.raises(InvalidRepositoryError, match="leads out of the directory") as caught:
        make_plan(Checkout.open(tmp_path, subdirectory="course"), Options())
    assert caught.value.where == file


def test_an_absolute_link_means_nothing_in_an_image(tmp_path: Path) -> None:
    write(tmp_path, {"run": 'exec "$@"\n'})
    (tmp_path / "start").symlink_to(tmp_path / "run")

    assert refusal(tmp_path, {}).where == "start"


def test_configuration_that_only_we_read_may_lie_outside_of_the_directory_that_is_built(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"shared/binder/apt.txt": "git\n", "course/a.ipynb": ""})
    (tmp_path / "course" / "binder").symlink_to("../shared/binder")
    plan = make_plan(Checkout.open(tmp_path, subdirectory="course"), Options())

    assert "apt.txt" in " ".join(layer.title for layer in plan.layers)


def test_only_the_ignore_file_beside_the_configuration_counts(tmp_path: Path) -> None:
    files = {"binder/postBuild": "", ".dockerignore": "# config\nbinder/\n"}
    plan = make_plan(write(tmp_path, files), Options())

    assert [(each.file, each.reason) for each in plan.ignored] == [
        (".dockerignore", "only files in `binder/` count because it exists")
    ]
    assert "# config" not in plan.dockerignore
    assert refusal(tmp_path, {"binder/.dockerignore": "binder/\n"}).where == "binder/.dockerignore:1"


def test_files_that_are_not_written_yet_count_as_if_they_were(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"binder/.dockerignore": "binder", **START})

    with pytest.raises(InvalidRepositoryError, match="`binder/start`"):
        make_plan(overlay(checkout, {"binder/start": 'exec "$@"\n'}), Options())


@given(
    st.lists(st.sampled_from(TARGETS), min_size=4, max_size=4),
    st.sampled_from(["a", "b", "a/file", "d/a/file", "d/b/a"]),
)
def test_links_lead_to_a_file_below_the_root_or_to_an_error(targets: list[str], path: str) -> None:
    with TemporaryDirectory() as scratch:
        top = Path(scratch, "repo", "sub")
        checkout = write(top, {"d/file": ""})
        for name, target in zip(["a", "b", "d/a", "d/b"], targets, strict=True):
            (top / name).symlink_to(target)
        try:
            trail = list(checkout.trail(path))
        except InvalidRepositoryError:
            return
        assert (top / trail[-1]) == (top / path).resolve()
        assert all((top / link).is_symlink() for link in trail[:-1])


def test_the_links_on_the_way_to_a_file_come_first(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"d/e/file": ""})
    for link, target in {"a": "b/../d/./link", "b": "d", "d/link": "../d/e"}.items():
        (tmp_path / link).symlink_to(target)

    assert list(checkout.trail("a/file")) == ["a", "b", "d/link", "d/e/file"]
