"""`postBuild`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.buildpacks.post_build import PostBuild
from r2i.errors import InvalidRepositoryError
from r2i.model import Detection, Options, Stage


def detect(top: Path, content: Content, *, path: str = "postBuild") -> Detection:
    found = PostBuild().detect(write(top, {path: content}), Options())
    assert found is not None
    return found


def test_a_script_is_a_layer_after_everything_else(tmp_path: Path) -> None:
    (layer,) = detect(tmp_path, "#!/bin/sh\n", path="binder/postBuild").layers

    assert (layer.stage, layer.title, layer.evidence[0].file) == (
        Stage.BUILD,
        "binder/postBuild",
        "binder/postBuild",
    )


@pytest.mark.parametrize(
    "line",
    [
        "gcc -o a a.c",
        "cd src && make",
        "(cd src; make install)",
        "  cmake .",
        "python -m build; f2py -c x.f90",
        "sudo make",
        "g++ a.cc",
        "true || ninja",
    ],
)
def test_a_compiler_that_is_called_stays_in_the_image(tmp_path: Path, line: str) -> None:
    (evidence,) = detect(tmp_path, f"#!/bin/bash\n{line}\n").compiles

    assert (evidence.file, evidence.line) == ("postBuild", 2)
    assert line.strip() in evidence.why


@pytest.mark.parametrize(
    "line",
    [
        "# gcc a.c",
        "echo done # make",
        "conda install gcc",
        "cmake-format x",
        "makefile",
        "./make.sh",
        "gccgo a",
    ],
)
def test_a_compiler_that_is_only_named_does_not(tmp_path: Path, line: str) -> None:
    assert detect(tmp_path, f"#!/bin/bash\n{line}\n").compiles == ()


@pytest.mark.parametrize(
    "line",
    [
        "jupyter labextension install x",
        "jupyter lab build",
        "jupyter serverextension enable x",
        "jupyter nbextension enable --py x",
        "jupyter server extension enable x",
        "jupyter-labextension list",
        "jupyter contrib nbextension install --user",
        "jupyter bundlerextension enable --py x",
        "pip install --no-cache jupyterlab",
        "python -m pip install notebook==6",
        "pip3 install nbgitpuller voila",
    ],
)
def test_work_on_the_server_is_seen(tmp_path: Path, line: str) -> None:
    (evidence,) = detect(tmp_path, f"set -e\n{line}\n").server

    assert evidence.line == 2


@pytest.mark.parametrize(
    "line",
    [
        "pip install numpy",
        "jupyter nbconvert --execute a.ipynb",
        "echo jupyterlab",
        "cp jupyterlab x; pip install y",
    ],
)
def test_other_lines_do_not_join_the_server(tmp_path: Path, line: str) -> None:
    assert detect(tmp_path, f"{line}\n").server == ()


@pytest.mark.parametrize(
    "line",
    [
        "npm install -g il",
        "cd app && npm ci",
        "npx tsc",
        "node build.js",
        "if true; then yarn build; fi",
        "jupyter labextension install x",
        "jupyter lab build --minimize=False",
        "jupyter-labextension install x",
    ],
)
def test_node_is_installed_for_what_runs_it(tmp_path: Path, line: str) -> None:
    found = detect(tmp_path, f"set -e\n{line}\n")

    assert [evidence.line for evidence in found.node] == [2]
    assert bool(found.yarn) == ("yarn" in line)


@pytest.mark.parametrize(
    "line",
    ["# npm ci", "echo node", "conda install nodejs", "jupyter labextension list", "./node x", "npm-x"],
)
def test_node_is_not_installed_for_what_only_names_it(tmp_path: Path, line: str) -> None:
    assert detect(tmp_path, f"{line}\n").node == ()


def test_extensions_from_npm_are_named_by_their_packages(tmp_path: Path) -> None:
    script = (
        "jupyter labextension install @jupyterlab/toc@4.0.0 --no-build && echo bqplot\n"
        "jupyter labextension install --no-build \\\n"
        "    @jupyterlab/git \\\n"
        "    my-extension\n"
        "echo k3d\n"
    )
    found = detect(tmp_path, f"#!/bin/bash\n{script}")

    assert [(notice.line, notice.message) for notice in found.labextensions] == [
        (2, "JupyterLab 4 includes `@jupyterlab/toc`, without `jupyter labextension install`"),
        (
            4,
            "JupyterLab 4 gets `@jupyterlab/git` from the Python package `jupyterlab-git`, without `jupyter labextension install`",
        ),
    ]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("word", ["pip install ", "jupyter lab ", "; ", "sudo ", "a#", "\x0b", "gcc\t"])
def test_a_long_line_takes_no_more_than_linear_time(tmp_path: Path, word: str) -> None:
    detect(tmp_path, "#!/bin/sh\n" + word * (3_500_000 // len(word)))


def test_evidence_is_short_however_long_the_line(tmp_path: Path) -> None:
    (evidence,) = detect(tmp_path, "gcc " + "x" * 10_000).compiles

    assert len(evidence.why) < 150


def test_lines_are_counted_as_editors_count_them(tmp_path: Path) -> None:
    (evidence,) = detect(tmp_path, "a\x0cb\u2028c\x85d\r\nmake\r\n").compiles

    assert evidence.line == 2


@given(st.binary(max_size=100))
def test_any_bytes_are_a_script_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        try:
            found = detect(Path(directory), content)
        except InvalidRepositoryError:
            return
    assert len(found.layers) == 1
    for command in found.layers[0].variables["commands"]:  # type: ignore[union-attr]
        assert isinstance(command, str)
        assert "\n" not in command
