"""The classic Notebook: which repositories get it, and on which Pythons."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.writing import write

from r2i.facts.python_wheels import below, from_on
from r2i.model import Options, Plan
from r2i.planning.compose import make_plan


def plan(top: Path, files: dict[str, str], base: str | None = None) -> Plan:
    return make_plan(write(top, files), Options(base_image=base) if base else Options())


def installed(found: Plan) -> tuple[str, ...]:
    packages = next(layer.variables["packages"] for layer in found.layers if layer.template in TEMPLATES)
    assert isinstance(packages, tuple)
    return tuple(map(str, packages))


TEMPLATES = ("environment", "conda", "locked")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (
            {"requirements.txt": "jupyter_contrib_nbextensions\n"},
            "`jupyter-contrib-nbextensions` needs the classic Notebook",
        ),
        ({"requirements.txt": "six\nnotebook<7\n"}, "`notebook<7` needs the classic Notebook"),
        ({"requirements.txt": "notebook==6.4.8\n"}, "`notebook==6.4.8` needs the classic Notebook"),
        ({"requirements.txt": "rise==5.7.1\n"}, "`rise==5.7.1` needs the classic Notebook"),
        ({"requirements.txt": "rise\n"}, "`rise` needs the classic Notebook"),
        ({"requirements.txt": "nbgrader<0.9\n"}, "`nbgrader<0.9` needs the classic Notebook"),
        (
            {"environment.yml": "dependencies: [jupyter_contrib_nbextensions]\n"},
            "`jupyter-contrib-nbextensions` needs the classic Notebook",
        ),
        (
            {"requirements.txt": "six\n", "postBuild": "jupyter nbextension enable x\n"},
            "`postBuild` uses the classic Notebook: `jupyter nbextension enable x`",
        ),
        (
            {"requirements.txt": "six\n", "start": 'jupyter serverextension enable x\nexec "$@"\n'},
            "`start` uses the classic Notebook: `jupyter serverextension enable x`",
        ),
        (
            {"requirements.txt": "jupyterlab==4.0.1\n", "postBuild": "jupyter bundlerextension enable x\n"},
            "`postBuild` uses the classic Notebook: `jupyter bundlerextension enable x`",
        ),
    ],
)
def test_evidence_of_the_classic_notebook_brings_it(tmp_path: Path, files: dict[str, str], why: str) -> None:
    found = plan(tmp_path, files)

    assert {"notebook<7", "setuptools<81"} <= {*installed(found)}
    assert found.jupyter is not None
    assert found.jupyter.mode == "joined"
    assert f"The Jupyter server has `notebook<7`: {why}" in [notice.message for notice in found.notices]


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "notebook\n"},
        {"requirements.txt": "notebook>=6\n"},
        {"requirements.txt": "nbgrader\n"},
        {"requirements.txt": "rise>=5.8\n"},
        {"requirements.txt": "notebook>=7\n", "postBuild": "jupyter nbextension enable x\n"},
        {"requirements.txt": "notebook==7.2.1\njupyter_contrib_nbextensions\n"},
        {"environment.yml": "dependencies: [notebook=7]\n", "postBuild": "jupyter nbextension enable x\n"},
        {"requirements.txt": "six\n", "postBuild": "jupyter server extension enable x\n"},
        {"requirements.txt": "six\n", "postBuild": "# jupyter nbextension enable x\n"},
    ],
)
def test_the_current_notebook_stays_without_it(tmp_path: Path, files: dict[str, str]) -> None:
    found = plan(tmp_path, files)

    assert "notebook<7" not in installed(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("notebook<7\n", ("setuptools<81", "jupyter_client<8")),
        ("notebook==6.5.4\njupyter_client==8.3.0\n", ("setuptools<81",)),
        ("notebook==6.5.4\nipykernel==7.0\nsetuptools==81.0\n", ("setuptools",)),
        (
            "jupyter_contrib_nbextensions\n",
            ("setuptools<81", "jupyter_client<8", "jupyter-contrib-nbextensions>=0.7"),
        ),
        ("jupyter_contrib_nbextensions==0.5.1\n", ("setuptools<81", "jupyter_client<8")),
    ],
)
def test_its_packages_fit_together_and_to_the_pins(
    tmp_path: Path, text: str, expected: tuple[str, ...]
) -> None:
    packages = installed(plan(tmp_path, {"requirements.txt": text}))

    assert packages[packages.index("jupyterhub") + 1 :] == expected


def test_it_runs_on_a_python_that_it_was_seen_on(tmp_path: Path) -> None:
    found = plan(tmp_path, {"requirements.txt": "notebook<7\n"}, base="debian:forky-slim")

    assert found.python is not None
    assert found.python.version == "3.13"
    assert found.python.evidence.why == "the classic Notebook runs on Python 3.13 and older"


@pytest.mark.parametrize(
    ("specifier", "limit", "expected"),
    [
        ("<7", "7", (True, False)),
        ("<7.0", "7", (True, False)),
        ("<=6.5.7", "7", (True, False)),
        ("==6.*", "7", (True, False)),
        ("~=6.4", "7", (True, False)),
        ("~=6.4.8", "7", (True, False)),
        (">=5,<6.1", "7", (True, False)),
        ("~=0.8", "0.9", (False, False)),
        ("<=7", "7", (False, False)),
        (">=6", "7", (False, False)),
        ("==7.*", "7", (False, True)),
        ("~=7.1", "7", (False, True)),
        (">=7", "7", (False, True)),
        ("===7.0", "7", (False, True)),
        ("!=6.5", "7", (False, False)),
        ("", "7", (False, False)),
    ],
)
def test_specifiers_end_before_or_begin_at_a_release(
    specifier: str, limit: str, expected: tuple[bool, bool]
) -> None:
    assert (below(specifier, limit), from_on(specifier, limit)) == expected


@pytest.mark.parametrize(
    ("files", "warned"),
    [
        ({"requirements.txt": "numpy\n"}, True),
        ({"requirements.txt": "jupyterlab>=3\n"}, True),
        ({"requirements.txt": "jupyterlab==3.2.0\n"}, False),
        ({"environment.yml": "dependencies:\n- jupyterlab=0.32\n"}, False),
        ({"environment.yml": "dependencies:\n- jupyterlab\n- python=3.6\n"}, False),
        ({"environment.yml": "dependencies:\n- jupyterlab\n"}, True),
    ],
)
def test_an_older_lab_has_its_extensions_from_npm(
    tmp_path: Path, files: dict[str, str], *, warned: bool
) -> None:
    script = {"postBuild": "#!/bin/bash\njupyter labextension install @jupyterlab/toc\n"}
    found = plan(tmp_path, {**files, **script})

    assert any("JupyterLab 4 includes" in notice.message for notice in found.notices) == warned
