"""Names that libraries took out: the table, how code is read for them, and which release an image has."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.binder.ubuntu import RELEASE
from r2i.buildpacks.apt_names import Renamed, look_up, names
from r2i.check.code.name_uses import merged, name_uses
from r2i.check.facts.provided import modules_of
from r2i.check.facts.removed import (
    PYTHON,
    dictionary_methods,
    removed_methods,
    removed_names,
    removed_styles,
)
from r2i.check.rules.dead_commands import dead_command
from r2i.check.rules.hub_files import public_address
from r2i.facts.python_wheels import newest, pythons_of
from r2i.facts.tables import read_table

FACTS = read_table("r2i.check.facts", "removed_names.toml")
ARGUMENTS = read_table("r2i.check.facts", "removed_arguments.toml")["removed"]


def test_every_replacement_is_of_a_name_that_is_looked_for() -> None:
    methods = {one.name for one in (*removed_methods().values(), *dictionary_methods().values())}

    assert FACTS["instead"].keys() <= removed_names().keys() | methods


def test_every_recent_row_is_one_of_the_table() -> None:
    rows = read_table("r2i.diagnosis", "apis.toml")["removed"].keys()

    assert set(FACTS["recent"].split()) <= rows | {row["row"] for row in ARGUMENTS}


@pytest.mark.parametrize("row", ARGUMENTS, ids=lambda row: f"{row['row']} {row['argument']}")
def test_an_argument_is_of_a_function_of_its_distribution(row: dict[str, str]) -> None:
    distribution, _, before = row["row"].partition("<")
    modules = {module.partition(".")[0] for module in modules_of(distribution)}

    assert {name.partition(".")[0] for name in row["functions"].split()} <= {*modules, ""}  # of methods
    assert all(part.isdigit() for part in before.split("."))
    assert bool(row.get("instead")) != bool(row.get("hint"))


def test_names_of_the_standard_library_are_gone_from_this_python() -> None:
    import importlib

    there = []
    for name in FACTS["python2"].split():
        module, _, function = name.rpartition(".")
        there += [name] if hasattr(importlib.import_module(module), function) else []

    assert there == []
    assert all(removed_names()[name].distribution == PYTHON for name in FACTS["python2"].split())


def test_styles_have_the_names_of_seaborn_0_8() -> None:
    assert removed_styles()["seaborn-dark-palette"].instead == "seaborn-v0_8-dark-palette"
    assert removed_styles()["seaborn"].instead == "seaborn-v0_8"


def test_names_that_another_package_provides_are_said_to_be_renamed_elsewhere() -> None:
    assert all(isinstance(look_up(name, RELEASE), Renamed) for name in names()["provided"].split())


def test_uses_are_those_that_always_run() -> None:
    uses = name_uses(
        "import numpy as np\n"
        "if np.old:\n    np.maybe\n"
        "try:\n    np.tried\nexcept AttributeError:\n    pass\n"
        "np.given = 1\nsetattr(np, 'set', 2)\n"
        "np.a.b(np.c('text'), np.d)\n"
        "if __name__ == '__main__':\n    np.main\n"
    )

    assert [(use.name, use.called, use.string) for use in uses.read] == [
        ("np.a.b", True, ""),
        ("np.c", True, "text"),
        ("np.d", False, ""),
        ("np.main", False, ""),
    ]
    assert uses.given == {"np.given", "np.set"}


def test_what_a_name_is_made_of_is_known_from_all_cells() -> None:
    cells = ("a = {}\nb = dict()\nc = pd.DataFrame()\n", "a = 1\nfor c in b: pass\ndef f(d): e: dict = {}\n")
    made = merged([name_uses(cell) for cell in cells]).made

    assert made == {
        "a": {"dict", ""},
        "b": {"dict"},
        "c": {"pd.DataFrame", ""},
        "f": {""},
        "d": {""},
        "e": {"dict"},
    }


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    name_uses(text)
    name_uses(re.sub(r"\W+", ".", text))


@pytest.mark.parametrize(
    ("name", "minor", "specifier", "version"),
    [
        ("numpy", "3.8", "", "1.24.4"),
        ("numpy", "3.10", "<2", "1.26.4"),
        ("pandas", "3.8", ">=2,<2.0.2", "2.0.1"),
        ("numpy", "3.10", "<0.1", None),
        ("numpy", "3.10", "nonsense", None),
        ("some-package-of-nobody", "3.10", "", None),
    ],
)
def test_the_newest_release_is_one_for_the_python(
    name: str, minor: str, specifier: str, version: str | None
) -> None:
    assert newest(name, minor, specifier) == version


def test_old_releases_need_old_pythons() -> None:
    assert "3.10" not in pythons_of("tensorflow", "<2")
    assert "3.7" in pythons_of("tensorflow", "<2")
    assert pythons_of("some-package-of-nobody", "<2") == frozenset()


@pytest.mark.parametrize(
    ("command", "called"),
    [
        ("jupyter nbextension enable x", "jupyter nbextension"),
        ("sudo -E jupyter --debug serverextension list", "jupyter serverextension"),
        ("/srv/conda/envs/notebook/bin/jupyter-bundlerextension enable", "jupyter bundlerextension"),
        ("python3 -m jupyter contrib nbextension install", "jupyter contrib"),
        ("jupyter server extension enable x", ""),
        ("jupyter labextension install x", ""),
        ("jupyter", ""),
        ("jupyter-lab build", ""),
        ("pip install jupyter_contrib_nbextensions", ""),
        ("echo jupyter nbextension", ""),
    ],
)
def test_commands_of_the_classic_notebook_are_recognised(command: str, called: str) -> None:
    assert dead_command(command.split()) == called


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("git@github.com:a/b.git", "https://github.com/a/b.git"),
        ("ssh://git@gitlab.com/a/b", "https://gitlab.com/a/b"),
        ("git+ssh://git@github.com/a/b.git", "https://github.com/a/b.git"),
        ("git@git.example.org:a/b.git", ""),
        ("ssh://git@git.example.org:2222/a/b.git", ""),
        ("https://github.com/a/b.git", None),
        ("git+https://git@github.com/a/b.git", None),
        ("../b.git", None),
        ("mail@github.com:a", None),
    ],
)
def test_addresses_that_need_a_key_are_recognised(address: str, public: str | None) -> None:
    assert public_address(address) == public
