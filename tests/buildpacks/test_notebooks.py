"""Notebooks that compile, and what they say they ran on."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, deep, remove_deep, write

from r2i.buildpacks.notebooks import ALTOGETHER, LARGEST, Notebooks
from r2i.model import Evidence, Options, VersionRequest


def notebook(*lines: str) -> str:
    cell = {"cell_type": "code", "source": [f"{line}\n" for line in lines], "outputs": [], "metadata": {}}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def compiles(top: Path, files: dict[str, Content]) -> tuple[Evidence, ...]:
    found = Notebooks().detect(write(top, files), Options())
    return found.compiles if found else ()


@pytest.mark.parametrize(
    "line",
    [
        "%%cython -a",
        "%load_ext Cython",
        "%load_ext cython",
        "%%fortran",
        "!gcc a.c",
        "! make all",
        "!g++ -O2 a.cc",
        "  !cmake .",
    ],
)
def test_a_notebook_that_compiles_is_evidence(tmp_path: Path, line: str) -> None:
    text = notebook("import numpy", line)
    (evidence,) = compiles(tmp_path, {"a/b.ipynb": text})

    assert evidence.file == "a/b.ipynb"
    assert evidence.line == 1 + text[: text.index(line.strip())].count("\n")


@pytest.mark.parametrize(
    "line", ["x = '!gcc'", "# %%cython", "!makeup", "!pip install gcc", "%%cythonic", "print('make')"]
)
def test_others_are_not(tmp_path: Path, line: str) -> None:
    assert compiles(tmp_path, {"a.ipynb": notebook(line)}) == ()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("!npm install --global vega-cli", "!npm"),
        ("! node --version", "! node"),
        ("found = !npx vl2png a.json", "!npx"),
        ("%%script node", "%%script node"),
        ("!yarn install", "!yarn"),
    ],
)
def test_a_notebook_that_runs_node_is_evidence(tmp_path: Path, line: str, why: str) -> None:
    text = notebook("import numpy", line)
    found = Notebooks().detect(write(tmp_path, {"a/b.ipynb": text}), Options())

    evidence = Evidence(why=f"a notebook runs Node.js: `{why}`", file="a/b.ipynb", line=7)
    assert found is not None
    assert text.split("\n")[6].strip().startswith(f'"{line}')
    assert found.node == (evidence,)
    assert found.yarn == ((evidence,) if why == "!yarn" else ())


def test_yarn_after_npm_is_found(tmp_path: Path) -> None:
    found = Notebooks().detect(
        write(tmp_path, {"a.ipynb": notebook("!npm install", "!yarn build")}), Options()
    )

    assert found is not None
    assert len(found.node) == len(found.yarn) == 1


@pytest.mark.parametrize(
    "line", ["x = '!npm'", "# !npm install", "!npmrc", "!pip install nodejs-bin", "print('node')", "%%js"]
)
def test_other_words_need_no_node(tmp_path: Path, line: str) -> None:
    found = Notebooks().detect(write(tmp_path, {"a.ipynb": notebook(line)}), Options())

    assert found is not None
    assert found.node == ()


def test_only_notebooks_are_read(tmp_path: Path) -> None:
    text = notebook("%%cython")

    assert compiles(tmp_path, {"a.py": text, ".git/b.ipynb": text}) == ()


@pytest.mark.timeout(20)
def test_what_cannot_be_read_does_no_harm(tmp_path: Path) -> None:
    text = notebook("%%cython")
    (tmp_path / "link.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "directory.ipynb").mkdir()
    (tmp_path / "huge.ipynb").touch()
    os.truncate(tmp_path / "huge.ipynb", 10**10)
    deep(tmp_path, 2000)
    try:
        found = compiles(
            tmp_path, {"large.ipynb": text + " " * LARGEST, "bad.ipynb": b"\xff\0", "good.ipynb": text}
        )
    finally:
        remove_deep(tmp_path)

    assert [evidence.file for evidence in found] == ["good.ipynb"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("word", [b'"', b'" ', b'"!', b'"! ', b" ", b'"%load_ext '])
def test_a_long_notebook_takes_no_more_than_linear_time(tmp_path: Path, word: bytes) -> None:
    compiles(tmp_path, {"a.ipynb": word * (LARGEST // len(word))})


@pytest.mark.parametrize(
    "name", [os.fsdecode(b"caf\xe9.ipynb"), "a\nb.ipynb", "$(id).ipynb", "\x1b[31m.ipynb"]
)
def test_odd_names_are_kept(tmp_path: Path, name: str) -> None:
    (evidence,) = compiles(tmp_path, {name: notebook("%%cython")})

    assert evidence.file == name


def ran_on(version: object, *, name: str = "python", **more: object) -> str:
    """A notebook as Jupyter writes it."""
    info = {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "name": name,
        "version": version,
    }
    metadata = {"kernelspec": {"name": "python3", "language": "python"}, "language_info": info, **more}
    return json.dumps({"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def python(top: Path, files: dict[str, Content]) -> VersionRequest | None:
    found = Notebooks().detect(write(top, files), Options())
    return found.ran_on.get("python") if found else None


@pytest.mark.parametrize(
    ("versions", "version", "file", "why"),
    [
        (["3.7.3"], "3.7", "0.ipynb", "the notebook ran on Python 3.7"),
        (["3.7.3", "3.7.4"], "3.7", "0.ipynb", "both notebooks ran on Python 3.7"),
        (["3.7.3", "3.7.4", "3.7.5"], "3.7", "0.ipynb", "all 3 notebooks ran on Python 3.7"),
        (["3.9.1", "3.7.3", "3.7.4"], "3.7", "1.ipynb", "2 of 3 notebooks ran on Python 3.7"),
        (["3.9.1", "3.10.0"], "3.10", "1.ipynb", "1 of 2 notebooks ran on Python 3.10"),
        (["2.7.16", "2.7.16", "3.6.1"], "2.7", "0.ipynb", "2 of 3 notebooks ran on Python 2.7"),
        (["3.8.0rc1"], "3.8", "0.ipynb", "the notebook ran on Python 3.8"),
        (["3.12.0+"], "3.12", "0.ipynb", "the notebook ran on Python 3.12"),
    ],
)
def test_most_notebooks_tell_the_python(
    tmp_path: Path, versions: list[str], version: str, file: str, why: str
) -> None:
    files: dict[str, Content] = {f"{n}.ipynb": ran_on(text) for n, text in enumerate(versions)}
    found = python(tmp_path, files)

    assert found is not None
    assert (found.version, found.evidence.file, found.evidence.why) == (version, file, why)
    text = str(files[file])
    assert found.evidence.line == text[: text.index(f'"version": "{version}')].count("\n") + 1


@pytest.mark.parametrize(
    ("info", "spec", "expected"),
    [
        ({"name": "R", "version": "4.1.2"}, {"name": "ir"}, ("r", "4.1", "the notebook ran on R 4.1")),
        ({"name": "julia", "version": "1.10.4"}, {}, ("julia", "1.10", "the notebook ran on Julia 1.10")),
        ({"name": "R"}, {"name": "ir", "language": "R"}, ("r", "", "the notebook is in R")),
        (None, {"name": "julia-1.6", "language": "julia"}, ("julia", "", "the notebook is in Julia")),
    ],
)
def test_notebooks_in_other_languages(
    tmp_path: Path, info: object, spec: object, expected: tuple[str, str, str]
) -> None:
    metadata = {"kernelspec": spec} | ({"language_info": info} if info else {})
    text = json.dumps({"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1)
    found = Notebooks().detect(write(tmp_path, {"a.ipynb": text, "b.ipynb": ran_on("3.8.1")}), Options())

    assert found is not None
    language, version, why = expected
    assert {name: asked.version for name, asked in found.ran_on.items()} == {
        language: version,
        "python": "3.8",
    }
    assert (found.ran_on[language].evidence.file, found.ran_on[language].evidence.why) == ("a.ipynb", why)


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_where_the_metadata_stands_does_not_matter(tmp_path: Path, indent: int | None) -> None:
    cells = [
        {"cell_type": "code", "source": ['x = {"language_info": {"version": "2.7.1"}}\n'], "outputs": []}
    ]
    read = {"metadata": json.loads(ran_on("3.8.1"))["metadata"], "cells": cells}
    found = python(tmp_path, {"a.ipynb": json.dumps(read, indent=indent)})

    assert found is not None
    assert found.version == "3.8"


@pytest.mark.parametrize(
    "text",
    [
        notebook("x"),
        ran_on("4.1.2", name="R"),
        ran_on(3.8),
        ran_on(None),
        ran_on("3"),
        ran_on("three"),
        ran_on("3." + "9" * 5000),
        ran_on("٣.٨"),
        '{"language_info": 3}',
        '{"language_info": {"version": "3.8.1"',
        '{"language_info": {"name": "python"}}',
        '{"language_info": ' + '{"a": ' * 600,
        '"\\"language_info\\": {\\"name\\": \\"python\\", \\"version\\": \\"3.8.1\\"}"',
        '"language_info',
    ],
)
def test_others_tell_none(tmp_path: Path, text: str) -> None:
    assert python(tmp_path, {"a.ipynb": text}) is None


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_tell_a_version_or_none(before: bytes, inside: bytes) -> None:
    with TemporaryDirectory() as directory:
        found = python(
            Path(directory), {"a.ipynb": before + b'"language_info": {"name": "python", ' + inside}
        )
    assert found is None or re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,2}", found.version, re.ASCII)


@pytest.mark.timeout(60)
def test_thousands_of_notebooks_are_read(tmp_path: Path) -> None:
    text = ran_on("3.8.1") + " " * 10_000
    checkout = write(tmp_path, {f"{n}.ipynb": text for n in range(2000)})
    found = Notebooks().detect(checkout, Options())

    assert found is not None
    assert found.ran_on["python"].version == "3.8"


def test_a_large_notebook_tells_its_python_at_its_end(tmp_path: Path) -> None:
    outputs = {"data": {"image/png": "A" * LARGEST}}
    cells = [{"cell_type": "code", "source": ["%%cython\n"], "outputs": [outputs]}]
    read = {"cells": cells, "metadata": json.loads(ran_on("3.8.1"))["metadata"]}
    found = Notebooks().detect(write(tmp_path, {"a.ipynb": json.dumps(read, indent=1)}), Options())

    assert found is not None
    asked = found.ran_on["python"]
    assert (asked.version, asked.evidence.file, asked.evidence.line) == (
        "3.8",
        "a.ipynb",
        None,
    )
    assert found.compiles == ()


def test_beyond_all_that_is_read_ends_are_enough(tmp_path: Path) -> None:
    text = " " * (LARGEST - 1_000) + ran_on("3.8.1")
    for number in range(ALTOGETHER // LARGEST + 5):
        write(tmp_path, {f"{number}.ipynb": text})
    found = python(tmp_path, {})

    assert found is not None
    assert found.evidence.why == f"all {ALTOGETHER // LARGEST + 5} notebooks ran on Python 3.8"
