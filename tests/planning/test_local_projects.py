"""`-e .`, `./tools`: what the projects say that another file installs by their paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.writing import Files, write

from r2i.model import Options, Plan
from r2i.planning.compose import make_plan
from r2i.planning.environment import declared_environment

HERE = {
    "setup.py": "from setuptools import setup\n"
    'setup(name="surge", install_requires=["attrs", "numpy<2"], extras_require={"maps": ["notebook"]},\n'
    '      python_requires=">=3.7,<3.9")\n',
}
TOOLS = {
    "tools/pyproject.toml": '[project]\nname = "tools"\nversion = "1"\ndependencies = ["six"]\n'
    "requires-python = '<3.12'\n",
}
SECRET = {
    "setup.py": "from setuptools import setup\nimport more\nsetup(name='surge', install_requires=more.ALL)\n"
}


def plan_of(top: Path, files: Files) -> Plan:
    return make_plan(write(top, files), Options())


def early(plan: Plan) -> list[str]:
    layer = next(layer for layer in plan.layers if layer.title.endswith(("packages", "package")))
    return [
        line
        for path, text in layer.support.items()
        if path.startswith("requirements/")
        for line in text.splitlines()
    ]


def late(plan: Plan) -> list[str]:
    layer = next(layer for layer in plan.layers if layer.template == "package")
    local, entry = layer.variables["local"], layer.variables["entry"]
    assert isinstance(local, tuple)
    return [*map(str, local), *(["-r", str(entry)] if entry else [])]


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "-e .\n"},
        {"binder/requirements.txt": "-e .\n"},
        {"Pipfile": '[packages]\nsurge = {path = ".", editable = true}\n'},
        {"environment.yml": "dependencies:\n- python>=3\n- pip:\n  - -e .\n"},
        {
            "pixi.toml": '[workspace]\nchannels = ["conda-forge"]\n[pypi-dependencies]\nsurge = {path = ".", editable = true}\n'
        },
    ],
    ids=lambda files: next(iter(files)),
)
def test_what_a_named_project_says_counts(tmp_path: Path, files: Files) -> None:
    plan = plan_of(tmp_path, {**HERE, **files})

    assert plan.python is not None
    assert (plan.python.version, plan.python.evidence.file) == ("3.8", "setup.py")
    assert early(plan) == ["attrs", "numpy<2"]
    assert late(plan)[-2:] == ["-e", "."]
    assert "setup.py" not in {ignored.file for ignored in plan.ignored}


def test_extras_are_those_that_are_named_and_may_be_parts_of_the_server(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**HERE, "requirements.txt": "six\n-e .[maps]\n"})

    assert early(plan) == ["six", "attrs", "numpy<2", "notebook"]
    assert late(plan) == ["--no-deps", "-e", ".[maps]"]
    assert plan.jupyter is not None
    assert plan.jupyter.mode == "joined"


def test_no_index_is_asked_for_what_lies_beside(tmp_path: Path) -> None:
    needs_tools = {
        "setup.py": 'from setuptools import setup\nsetup(name="surge", install_requires=["Tools>=1"])\n'
    }
    plan = plan_of(tmp_path, {**needs_tools, **TOOLS, "requirements.txt": "./tools\n-e .\n"})

    assert early(plan) == ["six"]
    assert late(plan) == ["--no-deps", "./tools", "-e", "."]


def test_the_newest_python_that_all_of_them_allow_is_taken(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**TOOLS, "requirements.txt": "./tools\n"})

    assert plan.python is not None
    assert plan.python.version == "3.11"


def test_where_only_building_tells_the_dependencies_they_come_late(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {**SECRET, "requirements.txt": "six\n-e .\n"})

    assert early(plan) == ["six"]
    assert late(plan) == ["-e", ".", "-r", "requirements.txt"]


def test_an_old_script_is_left_to_an_old_python(tmp_path: Path) -> None:
    old = {"setup.py": 'print "hello"\n', "runtime.txt": "python-2.7\n"}
    plan = plan_of(tmp_path, {**old, "requirements.txt": "six\n-e .\n"})

    assert late(plan) == ["-e", ".", "-r", "requirements.txt"]


@pytest.mark.parametrize("line", ["--index-url https://index.example.org/simple", "numpy==1.19.5"])
def test_what_counts_while_it_is_built_is_said_late_too(tmp_path: Path, line: str) -> None:
    plan = plan_of(tmp_path, {**HERE, "requirements.txt": f"{line}\n-e .\n"})

    assert early(plan) == [line, "attrs", "numpy<2"]
    assert late(plan) == ["-e", ".", "-r", "requirements.txt"]


def test_the_day_of_its_files_is_asked_for(tmp_path: Path) -> None:
    environment = declared_environment(write(tmp_path, {**HERE, "requirements.txt": "-e .\n"}), Options())

    assert environment is not None
    assert [evidence.file for evidence in environment.evidence] == ["requirements.txt", "setup.py"]
