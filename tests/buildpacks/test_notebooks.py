"""Notebooks that compile."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.writing import Content, deep, remove_deep, write

from r2i.buildpacks.notebooks import LARGEST, Notebooks
from r2i.model import Evidence
from r2i.pins import base_image


def notebook(*lines: str) -> str:
    cell = {"cell_type": "code", "source": [f"{line}\n" for line in lines], "outputs": [], "metadata": {}}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def compiles(top: Path, files: dict[str, Content]) -> tuple[Evidence, ...]:
    found = Notebooks().detect(write(top, files), base_image(None))
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
