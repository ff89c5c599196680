"""What is in the image of Binder: packages of Ubuntu and conda, and commands of `postBuild`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.writing import write

from r2i.binder.contents import contents_of
from r2i.binder.differences import differences
from r2i.binder.making import binder_of
from r2i.binder.values import BinderContents, BinderPackage
from r2i.checkout import Checkout
from r2i.facts.binder import environments, packages, table
from r2i.facts.tables import read_table
from r2i.model import Options
from r2i.planning.compose import make_plan


def contents(directory: Path, files: Mapping[str, str]) -> BinderContents:
    write(directory, files)
    checkout = Checkout.open(directory)
    return contents_of(checkout, binder_of(checkout))


def commands(directory: Path, script: str, more: Mapping[str, str] | None = None) -> dict[str, bool]:
    found = contents(directory, {"requirements.txt": "", "postBuild": script, **(more or {})})
    return {command.name: command.exists for command in found.commands}


def test_packages_that_ubuntu_does_not_have(tmp_path: Path) -> None:
    found = contents(
        tmp_path, {"binder/apt.txt": "git # a comment\nlibgl1-mesa-glx  curl\nlibgconf2-4\nlibssl1.1=1\n"}
    )

    assert found.apt_file == "binder/apt.txt"
    assert next(package for package in found.apt if not package.exists) == BinderPackage(
        name="libgl1-mesa-glx", line=2, exists=False, instead=("libgl1",)
    )
    assert {package.name for package in found.apt if package.exists} == {"git", "curl"}


@pytest.mark.parametrize(
    ("python", "classic"), [("3.10", False), ("3.7", True), ("3.8", False), ("2.7", False), ("3.6", False)]
)
def test_commands_of_jupyter_depend_on_the_server(tmp_path: Path, python: str, *, classic: bool) -> None:
    """Before 3.7, the server runs on the default Python."""
    script = "#!/bin/bash\njupyter nbextension enable x\njupyter-labextension list && python -m jupyter trust a.ipynb\n"
    found = commands(tmp_path, script, {"runtime.txt": f"python-{python}\n"})

    assert found == {"jupyter nbextension": classic, "jupyter labextension": True, "jupyter trust": True}


def test_commands_are_told_with_their_first_line_and_the_reason(tmp_path: Path) -> None:
    script = "#!/bin/bash\n# jupyter contrib nbextension install\necho a; jupyter nbextension list\nA=1 sudo ls\njupyter nbextension list\n"
    found = {
        command.name: command
        for command in contents(tmp_path, {"requirements.txt": "", "postBuild": script}).commands
    }

    assert found.keys() == {"echo", "jupyter nbextension", "sudo"}
    assert (found["jupyter nbextension"].line, found["sudo"].line) == (3, 4)
    assert found["jupyter nbextension"].why == "notebook 7.4.7 has no such command"


def test_languages_have_their_programs_where_binder_installs_them(tmp_path: Path) -> None:
    script = "R -e 1\njulia a.jl\nmy-tool\n"

    assert commands(tmp_path / "a", script) == {"R": False, "julia": False}
    assert commands(tmp_path / "b", script, {"runtime.txt": "r-4.4-2024-10-31\n"}) == {
        "R": True,
        "julia": False,
    }
    assert commands(tmp_path / "c", script, {"Project.toml": "[deps]\n"}) == {"R": False, "julia": True}


def test_packages_are_those_of_the_python_of_the_notebooks(tmp_path: Path) -> None:
    new = contents(tmp_path / "new", {"requirements.txt": ""}).packages
    old = contents(tmp_path / "old", {"runtime.txt": "python-2.7"}).packages

    assert (new["jupyterlab"], old["python"]) == ("4.4.9", "2.7.15")


@pytest.mark.parametrize("name", ["Dockerfile", "binder/Dockerfile"])
def test_nothing_is_known_of_an_image_of_the_repository(tmp_path: Path, name: str) -> None:
    files = {name: "FROM scratch\n", "binder/apt.txt": "libgl1-mesa-glx\n", "apt.txt": "libgl1-mesa-glx\n"}
    files = {path: text for path, text in files.items() if path.count("/") == name.count("/")}

    assert contents(tmp_path, files) == BinderContents()


def test_a_package_that_only_ubuntu_lacks_is_a_difference(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "", "apt.txt": "git\nlibgl1-mesa-glx\n"})
    checkout = Checkout.open(tmp_path)
    binder = binder_of(checkout)
    found = differences(make_plan(checkout, Options()), binder, contents_of(checkout, binder))
    [packages_] = [one for one in found if one.what == "Ubuntu packages"]

    assert packages_.binder_reason is not None
    assert (packages_.binder_reason.file, packages_.binder_reason.line) == ("apt.txt", 2)
    assert packages_.binder_reason.why == "Ubuntu 24.04 has no `libgl1-mesa-glx`"


def test_the_tables_are_of_one_release() -> None:
    assert read_table("r2i.facts", "binder_packages.toml")["release"] == table()["version"]
    for python, row in environments().items():
        there = packages(python)
        assert {name: there[name] for name in row["parts"]} == row["parts"]
        assert there["python"] == row["exact"]
