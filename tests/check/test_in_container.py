"""The programs that run notebooks, on the oldest Python of an image, and what they make of outputs."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cases import ROOT

PROGRAMS = sorted((ROOT / "src" / "r2i" / "check" / "execution" / "in_container").glob("*.py"))

#: The oldest Python for which there is an nbclient.
OLDEST = (3, 6)


class Output(dict[str, Any]):
    @property
    def output_type(self) -> str:
        return str(self["output_type"])


class Cell:
    def __init__(self, *outputs: Output) -> None:
        self.outputs = list(outputs)


class Ended(Exception):  # noqa: N818 - as nbclient tells it
    def __init__(self, ename: str) -> None:
        super().__init__(ename)
        self.ename, self.evalue = ename, "said"


def error(name: str) -> Output:
    return Output(output_type="error", ename=name, evalue="said", traceback=[f"{name}: said"])


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = next(path for path in PROGRAMS if path.name == "run_notebook.py")
    monkeypatch.setattr(sys, "modules", dict(sys.modules))  # it keeps modules from being imported
    spec = importlib.util.spec_from_file_location("run_notebook", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_oldest_python_can_read_it(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=OLDEST)
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    annotations = [
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.arg | ast.FunctionDef)
        for whole in [node.annotation if isinstance(node, ast.arg) else node.returns]
        if whole is not None
        for part in ast.walk(whole)
    ]

    assert "__future__" not in modules
    assert not any(isinstance(part, ast.BinOp) for part in annotations)
    assert not {
        part.value.id
        for part in annotations
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name)
    } & {"list", "dict", "tuple", "set", "frozenset", "type", "Popen"}


def test_the_exception_that_ended_the_cell_is_told_and_not_what_failed_after_it(program: ModuleType) -> None:
    cell = Cell(Output(output_type="stream", text="x"), error("ImportError"), error("ValueError"))

    assert program.raised_in(cell, Ended("ImportError"))["ename"] == "ImportError"
    assert program.raised_in(cell, Ended("Unknown"))["ename"] == "ValueError"
    assert program.raised_in(Cell(), Ended("KeyError"))["evalue"] == "said"


def test_errors_of_any_callback_are_found(program: ModuleType) -> None:
    cell = Cell(Output(output_type="stream", text="x"), error("ValueError"))
    failed = program.error_of(program.errors_in(cell.outputs)[0])

    assert failed.fields["kind"] == "error"
    assert (failed.fields["error_name"], failed.fields["error_value"]) == ("ValueError", "said")
    assert program.errors_in([Output(output_type="stream", text="x")]) == []
