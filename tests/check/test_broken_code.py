"""What cells are that are not Python 3, and what can be read of them."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.code.broken_code import broken_code, command_lines
from r2i.check.code.python_code import facts_of_cell

SENTENCE = "This is the table that we want to show, as it stands in the paper."


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("print 'a'", 1),
        ("import os\nprint x, y", 2),
        ("print 'a' % x  # why", 1),
        ("for x in y: print x,", 1),
        ("x = 1; print x; y = 2", 1),
        ("print 'a %s' % (\n    x)", 1),
        ("def f():\n    print 'x'\n    print", 2),
        ("exec code in names", 1),
        ("try:\n    f()\nexcept (IOError, OSError), e:\n    pass", 3),
        ("raise ValueError, 'x'", 1),
        ("if a <> b:\n    pass", 1),
        ("x = `y`", 1),
        ("os.chmod(p, 0755)", 1),
        ("x = 10L", 1),
        ("x = ur'a'", 1),
        ("if x:\n        a = 1\n\tb = 2", 3),
    ],
)
def test_code_of_python_2(source: str, line: int) -> None:
    found = facts_of_cell(source).broken

    assert found is not None
    assert (found.kind, found.line) == ("python2", line)
    assert found.python.count("\n") == source.count("\n")


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import os\nls -la data", 2),
        ("pip install numpy\npip install six", 1),
        ("conda install -c conda-forge x\nimport x", 1),
        ("git clone https://example.org/x", 1),
        ("cd ..\nls data/", 1),
        ("jupyter notebook --version", 1),
        ("sudo apt-get install x", 1),
        ("wget https://example.org/x.csv", 1),
    ],
)
def test_lines_for_a_shell(source: str, line: int) -> None:
    found = facts_of_cell(source).broken

    assert found is not None
    assert (found.kind, found.line) == ("shell", line)


@pytest.mark.parametrize(
    "source",
    [
        "We now look at the data of the station, and plot it.",
        "# Results\nThis is the table that we want to show.\n\nx = 1",
        "In this lesson you learn what a variable is\n- and what the names of the columns are",
        "Wir laden jetzt die Daten, und das ist die Tabelle",
        "<h2>Data</h2>",
        "cat is one of the commands of a shell",
    ],
)
def test_sentences(source: str) -> None:
    found = facts_of_cell(source).broken

    assert found is not None
    assert found.kind == "text"


@pytest.mark.parametrize(
    "source",
    [
        "print 'a'",
        "if x:\n    print x",
        "x = `y`",
        "a <> b",
        "ls -l data",
        "sudo apt-get install x",
        "<h1>Data</h1>",
        SENTENCE,
    ],
)
def test_a_glance_does_not_miss_what_is_known(source: str) -> None:
    facts = facts_of_cell(f"import numpy\n{source}")

    assert facts.not_python is not None
    assert facts.not_python == facts.broken


@pytest.mark.parametrize(
    "source",
    [
        "x = ",
        "def f(:",
        "write the code that makes the plot of your data here",
        "print the results of it",
        "for x in y",
        "make sure that you install the package",
        "x = {'a': 1\ny = 2",
        "match x:\n    case 1: pass\n  y",
    ],
)
def test_what_nobody_knows(source: str) -> None:
    found = facts_of_cell(source).broken

    assert found is None or found.kind in ("other", "text")


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import numpy\nprint numpy", ["numpy"]),
        ("from a.b import (\n    c,\n    d)\nx = ", ["a.b"]),
        ("import numpy\nls -la data", ["numpy"]),
        ("import numpy as np, six\nx = = 1", ["numpy", "six"]),
        ("import a.\nimport b\nx =", ["b"]),
    ],
)
def test_imports_of_a_broken_cell_are_read(source: str, modules: list[str]) -> None:
    facts = facts_of_cell(source)

    assert facts.broken
    assert [one.module for one in facts.imports] == modules


@pytest.mark.parametrize(
    "source", ["ls -la", "\ncd ..\n", "pip install six", "run script.py", "mkdir -p data", "cat a.txt"]
)
def test_one_line_is_a_magic_without_its_sign(source: str) -> None:
    facts = facts_of_cell(source)

    assert facts.broken is None
    assert [one.sign for one in facts.commands] == ["%"]


@pytest.mark.parametrize(
    "source", ["run = 1", "time is None", "ls", "cat(x)", "load.x", "env in names", "cp if x else y"]
)
def test_names_of_magics_are_names(source: str) -> None:
    assert facts_of_cell(source).commands == ()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os\nls -la", [(2, "ls")]),
        ("cd /tmp\nls -l", [(1, "cd"), (2, "ls")]),
        ("ls = a -b\nx = ls - 1\nls - la", []),
        ("x = 1\ny /z", []),
    ],
)
def test_commands_that_are_python_too(source: str, found: list[tuple[int, str]]) -> None:
    assert command_lines(source) == found


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "source",
    [
        "print " * 3_000,
        "print x;" * 2_000 + "=",
        "from a import (\n" * 1_000,
        "a b c d e " * 2_000,
        "ls " + "a " * 9_000,
        "`" * 19_999,
        "cat " + "a/" * 9_000 + "'",
    ],
)
def test_hostile_code_is_read_in_linear_time(source: str) -> None:
    assert broken_code(source).kind


@given(
    st.text(alphabet=st.sampled_from(list("ab \n\t`<>0L\"'();#:,=")), max_size=60),
    st.sampled_from(["print ", "", "ls -l "]),
)
def test_any_code_is_read_line_for_line(text: str, before: str) -> None:
    found = broken_code(before + text)

    assert found.python.count("\n") == text.count("\n")
    assert found.kind == "other" or isinstance(ast.parse(found.python), ast.Module)
