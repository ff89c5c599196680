"""What is read from `environment.yml`, and what is said of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.errors import InvalidRepositoryError
from r2i.formats.conda.environment_yml import EnvironmentYml, read_environment_yml
from r2i.formats.conda.pythons import python_of


def read(top: Path, content: Content) -> EnvironmentYml:
    return read_environment_yml(write(top, {"environment.yml": content}), "environment.yml")


def specs(found: EnvironmentYml) -> list[str]:
    return [str(dependency.spec) for dependency in found.dependencies]


def messages(found: EnvironmentYml) -> str:
    return "\n".join(f"{notice.line}: {notice.message}" for notice in found.notices)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "# only a comment\n",
        "dependencies:\n",
        "dependencies: null\n",
        "dependencies: []\n",
        "dependencies: {}\n",
        "name: x\n",
        "channels:\ndependencies: ~\n",
        "dependencies:\n  - pip:\n",
    ],
)
def test_a_file_that_asks_for_nothing_is_fine(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)

    assert (specs(found), found.pip, found.channels) == ([], [], ("conda-forge",))


def test_lines_are_known(tmp_path: Path) -> None:
    found = read(
        tmp_path, "channels:\n- bioconda\ndependencies:\n\n- numpy\n- pip:\n  - six\n  - |\n    a\n    b\n"
    )

    assert [dependency.line.number for dependency in found.dependencies] == [5]
    assert [(line.number, line.text) for line in found.pip] == [(7, "six"), (9, "a"), (10, "b")]


def test_versions_stay_text(tmp_path: Path) -> None:
    assert specs(read(tmp_path, "dependencies: [python=3.10, numpy ==1.20]")) == [
        "python 3.10.*",
        "numpy ==1.20",
    ]


@pytest.mark.parametrize(
    ("item", "taken"),
    [
        ("sel(win): pywinpty", False),
        ("sel(linux): foo", True),
        ("sel(unix): foo", True),
        ("foo  # [win]", False),
        ("foo  # [osx64]", False),
        ("foo  # [not linux]", False),
        ("foo  # [not win]", True),
        ("foo  # [linux or osx]", True),
        ("foo  # [win or osx]", False),
        ("foo  # [py>=38]", True),
        ("foo  # see [1]", True),
    ],
)
def test_selectors_of_platforms_count(tmp_path: Path, item: str, *, taken: bool) -> None:
    found = read(tmp_path, f"dependencies:\n- {item}\n")

    assert specs(found) == (["foo"] if taken else [])
    assert ("2: " in messages(found)) != taken


@pytest.mark.parametrize("prefix", ["C:\\Users\\ada\\miniconda3\\envs\\x", "/Users/ada/opt/anaconda3/envs/x"])
def test_an_export_of_another_platform_keeps_its_versions_without_builds(tmp_path: Path, prefix: str) -> None:
    found = read(
        tmp_path,
        f"dependencies:\n- numpy=1.19.2=py38h1_0\n- appnope=0.1=py38_0\n- blas=1.0=mkl\nprefix: {prefix}\n",
    )

    assert specs(found) == ["numpy ==1.19.2", "blas ==1.0 mkl"]
    assert "2: The environment was exported on" in messages(found)
    assert "3: `appnope` is skipped: it is only for macOS" in messages(found)


def test_an_export_of_macos_is_known_by_its_compilers(tmp_path: Path) -> None:
    items = "- libcxx=14.0.6=hccf4f1f_0\n- numpy=1.24.1=py310h788a5b3_0\n"
    found = read(tmp_path, f"dependencies:\n{items}")

    assert specs(found) == ["numpy ==1.24.1"]
    assert "2: `libcxx` is skipped: it is only for macOS" in messages(found)


@pytest.mark.parametrize(
    "items", ["- libcxx=14\n", "- libcxx=14.0.6=hf52228f_0\n- libgcc-ng=12.2.0=h65d4601_19\n"]
)
def test_linux_has_a_libcxx_too(tmp_path: Path, items: str) -> None:
    found = read(tmp_path, f"dependencies:\n{items}- numpy=1.24.1=py310h788a5b3_0\n")

    assert found.exported_on is None
    assert "numpy ==1.24.1 py310h788a5b3_0" in specs(found)
    assert len(specs(found)) == len(found.source) - 1


def test_a_package_of_macos_makes_no_export_of_linux_one_of_macos(tmp_path: Path) -> None:
    items = "- appnope=0.1=py38_0\n- ld_impl_linux-64=2.40=h41732ed_0\n- libgfortran5=12.2.0=h337968e_19\n"
    found = read(tmp_path, f"dependencies:\n{items}")

    assert found.exported_on is None
    assert specs(found) == ["ld_impl_linux-64 ==2.40 h41732ed_0", "libgfortran5 ==12.2.0 h337968e_19"]


def test_an_export_of_linux_stays_exact(tmp_path: Path) -> None:
    found = read(tmp_path, "dependencies:\n- numpy=1.19.2=py38h1_0\nprefix: /home/ada/miniconda3/envs/x\n")

    assert specs(found) == ["numpy ==1.19.2 py38h1_0"]


def test_variables_are_text(tmp_path: Path) -> None:
    found = read(tmp_path, "variables:\n  A: 1.10\n  B: yes\n  C: \n  PATH: /x\n")

    assert found.variables == {"A": "1.10", "B": "yes", "C": ""}
    assert "5: `PATH` is ignored" in messages(found)


def test_what_has_no_effect_is_said(tmp_path: Path) -> None:
    said = messages(read(tmp_path, "name: x\nprefix: /home/x\ndependency: [numpy]\n"))

    assert "1: `name` has no effect" in said
    assert "2: `prefix` has no effect" in said
    assert "3: `dependency` is not a conda key" in said


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- numpy\n", 1, "not a mapping"),
        ("numpy\n", 1, "not a mapping"),
        ("dependencies: numpy\n", 1, "`dependencies` is not a list"),
        ("dependencies:\n  numpy: 1.2\n", 2, "`dependencies` is not a list"),
        ("dependencies:\n- numpy: 1.2\n", 2, "written as a key"),
        ("dependencies:\n- [numpy]\n", 2, "not a package"),
        ("dependencies:\n- pip: six\n", 2, "`pip` is not a list"),
        ("dependencies:\n- pip:\n  - six: 1\n", 3, "not text"),
        ("dependencies:\n- numpy=>1\n", 2, "operator"),
        ("channels: conda-forge\n", 1, "`channels` is not a list"),
        ("channels:\n- [x]\n", 2, "not text"),
        ("variables: [a]\n", 1, "not a mapping"),
        ("variables:\n  A B: x\n", 2, "not a variable"),
        ("variables:\n  A: [x]\n", 2, "not a variable"),
        ('variables:\n  A: "x\\ny"\n', 2, "special characters"),
        ("name: x\nname: y\n", 2, "twice"),
        ("dependencies: [numpy\n", 1, "not valid YAML"),
        ("dependencies:\n\t- numpy\n", 2, "not valid YAML"),
        ("a: 1\n---\nb: 1\n", None, "several documents"),
        ("# " + "x" * 300_000, None, "characters"),
        ("dependencies:\n" + "- a\n" * 20_000, 10_002, "more than"),
    ],
)
def test_what_conda_does_not_take_is_an_error_with_its_line(
    tmp_path: Path, text: str, line: int | None, words: str
) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        read(tmp_path, text)

    assert words in caught.value.message
    assert caught.value.file == "environment.yml"
    assert caught.value.line is None or line is None or abs(caught.value.line - line) <= 1
    assert caught.value.hint


@pytest.mark.parametrize(
    ("spec", "request_", "constraint"),
    [
        ("python", None, None),
        ("python=3.9", "3.9", None),
        ("python==3.9.7", "3.9.7", None),
        ("python=3.9.7=h12debd9_1", "3.9.7", None),
        ("python 3.9.*", "3.9", None),
        ("conda-forge::python=3.9", "3.9", None),
        ("python>=3.11", None, ">=3.11"),
        ("python>=3.8,<3.12", None, ">=3.8,<3.12"),
        ("python=3", None, "==3.*"),
        ("python >=3.10,<3.11.0a0", None, ">=3.10,<3.11.0a0"),
        ("python >=3.10,<3.12.0a", None, ">=3.10,<3.12.0a"),
        ("python >=3.10,<3.12.0.dev", None, ">=3.10,<3.12.0.dev"),
        ("python=3.12.0a1", None, None),
        ("python!=3.9.0,>=3.8.*", None, "!=3.9.0,>=3.8"),
        ("python=3.8|3.9", None, None),
    ],
)
def test_the_python_of_a_spec_is_a_version_or_a_constraint(
    tmp_path: Path, spec: str, request_: str | None, constraint: str | None
) -> None:
    from packaging.specifiers import SpecifierSet

    asked, allowed = python_of(read(tmp_path, f"dependencies: ['{spec}']").dependencies)

    assert (asked.version if asked else None) == request_
    assert [constraint.specifier for constraint in allowed] == ([constraint] if constraint else [])
    for one in allowed:
        SpecifierSet(one.specifier)


TOKENS = [
    "dependencies:", "channels:", "variables:", "prefix: C:\\x", "- ", "  - ", "pip:", "numpy", "=1.2", "=py38_0",
    "conda-forge", "https://", "\n", "*x", "&x ", "[", "]", "{", "}", "# [win]", "sel(win): ", "'", '"', ": ", "-r x",
]  # fmt: skip


@given(st.binary(max_size=200) | st.lists(st.sampled_from(TOKENS)).map(lambda words: "".join(words).encode()))
def test_any_bytes_are_an_environment_or_an_error(tmp_path: Path, data: bytes) -> None:
    with suppress(InvalidRepositoryError):
        read(tmp_path, data)
