"""`--apt` and `--replace` in the plan."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.building import write

from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.model import Layer, Options, Plan
from r2i.planning.adjustments import check_adjustments
from r2i.planning.compose import make_plan


def plan(directory: Path, files: dict[str, str], **options: object) -> Plan:
    return make_plan(Checkout.open(write(directory, files)), Options(**options))  # type: ignore[arg-type]


def layer(made: Plan, template: str) -> Layer:
    return next(each for each in made.layers if each.template == template)


def requirements(made: Plan) -> list[str]:
    texts = layer(made, "environment").support.values()
    return [line for text in texts for line in text.splitlines()]


def test_debian_packages_of_the_command_line_are_installed_where_there_is_no_apt_txt(tmp_path: Path) -> None:
    made = plan(tmp_path, {"requirements.txt": "six\n"}, apt=("libpq-dev", "cmake"))

    assert layer(made, "apt").variables["packages"] == ("cmake", "libpq-dev")


@pytest.mark.parametrize("files", [{}, {"apt.txt": "tree\n"}])
def test_the_package_of_locales_gives_one(tmp_path: Path, files: dict[str, str]) -> None:
    made = plan(tmp_path, {"requirements.txt": "six\n", **files}, apt=("locales",))

    assert layer(made, "apt").variables["locales"] == ("en_US.UTF-8",)


def test_debian_packages_join_those_of_apt_txt_in_one_step(tmp_path: Path) -> None:
    made = plan(tmp_path, {"apt.txt": "tree\ncmake\n"}, apt=("libpq-dev", "cmake"))

    assert [each.variables["packages"] for each in made.layers if each.template == "apt"] == [
        ("cmake", "libpq-dev", "tree")
    ]


def test_a_requirement_is_replaced_wherever_it_stands(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r more.txt\nSKLearn==0.0 ; python_version > '3'\nsix\n",
        "more.txt": "sk_learn\nsklearn\n",
    }
    made = plan(tmp_path, files, replace={"sklearn": "scikit-learn>=1"})

    lines = requirements(made)
    assert "scikit-learn>=1 ; python_version > '3'" in lines
    assert "scikit-learn>=1" in lines
    assert "sk_learn" in lines
    assert not any(line.lower().startswith("sklearn") for line in lines)


def test_a_requirement_is_left_out(tmp_path: Path) -> None:
    made = plan(tmp_path, {"requirements.txt": "pywin32==306\nsix\n"}, replace={"pywin32": ""})

    assert requirements(made) == ["six"]
    assert "pywin32" not in made.layers[-1].title


def test_a_pin_that_is_replaced_says_nothing_of_the_python_any_more(tmp_path: Path) -> None:
    files = {"requirements.txt": "numpy==1.19.5\n"}
    pinned, freed = plan(tmp_path, files), plan(tmp_path, files, replace={"numpy": "numpy"})

    assert pinned.python is not None
    assert freed.python is not None
    assert pinned.python.version != freed.python.version


def test_what_stands_in_a_conda_environment_is_replaced_too(tmp_path: Path) -> None:
    text = "channels: [conda-forge]\ndependencies:\n  - sklearn=0.22\n  - vs2015_runtime\n  - numpy\n"
    made = plan(
        tmp_path, {"environment.yml": text}, replace={"sklearn": "scikit-learn", "vs2015-runtime": ""}
    )

    wishes = layer(made, "conda").support["conda/environment.json"]
    assert '"scikit-learn"' in wishes
    assert "vs2015" not in wishes
    assert "sklearn=" not in wishes


def test_a_replacement_for_nothing_is_said(tmp_path: Path) -> None:
    made = plan(tmp_path, {"requirements.txt": "six\n"}, replace={"sklearn": "scikit-learn"})

    assert any("`--replace sklearn=…` has no effect" in notice.message for notice in made.notices)


def test_a_dockerfile_knows_nothing_of_them(tmp_path: Path) -> None:
    made = plan(tmp_path, {"Dockerfile": "FROM scratch\n"}, apt=("tree",), replace={"a": "b"})

    assert {"--apt", "--replace"} <= {notice.message.split("`")[1] for notice in made.notices}


@pytest.mark.parametrize("name", ["curl; touch /x", "-y", "", "Tree", "a" * 300])
def test_a_name_that_is_no_debian_package_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--apt"):
        plan(tmp_path, {"requirements.txt": "six\n"}, apt=(name,))


@pytest.mark.parametrize(
    "new", ["a b", "--index-url=x", "a @ https://x/y.zip", "x; python_version>'3'", "a\nb", "-e ."]
)
def test_a_replacement_that_is_no_requirement_is_refused(tmp_path: Path, new: str) -> None:
    with pytest.raises(UsageError, match="--replace"):
        plan(tmp_path, {"requirements.txt": "six\n"}, replace={"six": new})


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_words_are_taken_or_refused(old: str, new: str) -> None:
    try:
        check_adjustments(Options(apt=(old,), replace={old: new}))
    except UsageError:
        return
    assert (old + new).isprintable()
    assert (old + new).isascii()
