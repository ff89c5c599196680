"""Rules about notebooks, where a repository in `fixtures/checks` would be large, secret or endless."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.checking import check
from r2i.check.code.notebooks import MOST_CELLS
from r2i.check.facts.notebook_tables import elsewhere, kernels, reading
from r2i.check.formats import FORMATS
from r2i.check.report import Report
from r2i.check.rules import RULES
from r2i.check.settings import CheckSettings
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from tests.check.cases import check_case, laid_out, subject_of

OURS = tuple(rule for rule in RULES if rule.code.startswith("N"))


def checked(directory: Path, files: Mapping[str, str], *, select: str = "N") -> Report:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return check(Subject(checkout=Checkout.open(directory), settings=CheckSettings(select=(select,))))


def notebook(*sources: str, **more: object) -> str:
    cells = [{"cell_type": "code", "source": source, "outputs": []} | more for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}, indent=1)


def codes(report: Report) -> list[tuple[str, int | None]]:
    return [(one.rule.code, one.finding.cell) for one in report.findings]


def test_outputs_of_megabytes_are_those_of_a_cell(tmp_path: Path) -> None:
    document = json.loads(notebook("a", "b", "c"))
    for cell, size in zip(document["cells"], (1_500_000, 4_000_000, 0), strict=True):
        cell["outputs"] = [{"output_type": "stream", "text": "x" * size}]
    report = checked(tmp_path, {"a.ipynb": json.dumps(document)})

    assert codes(report) == [("N105", 2)]
    assert "5.5 MB" in report.findings[0].finding.message

    document["cells"][1]["outputs"] = []
    assert codes(checked(tmp_path, {"a.ipynb": json.dumps(document)})) == []


def test_a_notebook_of_too_many_cells_is_not_looked_into(tmp_path: Path) -> None:
    text = notebook(*["input()"] * (MOST_CELLS + 1))

    assert codes(checked(tmp_path, {"a.ipynb": text})) == [("N105", None)]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["N403-token", "N404-env"])
def test_no_format_shows_a_credential(tmp_path: Path, name: str, form: str) -> None:
    repo = laid_out(check_case(name), tmp_path)
    report = check(subject_of(check_case(name), repo))
    shown = FORMATS[form](report) + repr(report)
    text = "".join(
        path.read_text() for path in repo.rglob("*") if path.is_file() and ".git/" not in f"{path}"
    )
    secrets = re.findall(r"ghp_(\w+)|(Xq7\S+mLp)|AKIA(\w{16})|(tidal-Wave-9)|(f83\w+)|(b3Bl\w+)", text)

    assert len(report.findings) >= 4
    assert len(secrets) >= 4
    assert not any(secret in shown for found in secrets for secret in found if secret)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("/Users/anna/work/data/sea.csv", "../data/sea.csv"),
        (r"C:\\Users\\Anna\\notes\\map.png", "map.png"),
        ("/home/anna/x/notes/deep/a.txt", "deep/a.txt"),
    ],
)
def test_the_file_that_a_path_of_one_machine_means_is_named(tmp_path: Path, said: str, hint: str) -> None:
    files = {"data/sea.csv": "", "notes/map.png": "", "notes/deep/a.txt": ""}
    report = checked(tmp_path, {"notes/a.ipynb": notebook(f'x = "{said}"'), **files})

    assert codes(report) == [("N301", 1)]
    assert f"`{hint}`" in (report.findings[0].finding.hint or "")


@pytest.mark.parametrize(
    "code",
    [
        'np.load(file="a.npy")',
        'numpy.load("a.npy")',
        'from numpy import load\nload("a.npy")',
        'import xarray\nxarray.open_dataset("a.npy")',
        'open("a.npy", "rb")',
        'open("a.npy", mode="r+")',
        'with open("./a.npy") as f, open("made", "w") as g: pass',
        "!cat a.npy",
        '!head -n 3 "a.npy" | wc -l',
    ],
)
def test_ways_to_read_a_file(tmp_path: Path, code: str) -> None:
    assert codes(checked(tmp_path, {"a.ipynb": notebook(f"import numpy, numpy as np\n{code}")})) == [
        ("N302", 1)
    ]
    assert codes(checked(tmp_path, {"a.npy": ""})) == []


@pytest.mark.parametrize(
    "code",
    [
        'x.load("a.npy")',
        'load("a.npy")',
        'np.load("/data/a.npy")',
        'np.load("https://example.org/a.npy")',
        'np.load(f"{x}.npy")',
        'np.load("a" + ".npy")',
        'np.load("*.npy")',
        'np.load("a\\nb")',
        'open("a.npy", "w")',
        'open("a.npy", mode="xb")',
        'open("a.npy", "w")\nopen("a.npy")',
        'np.load("a.npy") if x else None',
        'os.chdir("x")\nnp.load("a.npy")',
        '!wget https://example.org/a.npy\nnp.load("a.npy")',
        'fetch("https://example.org/a.npy")\nnp.load("a.npy")',
        'for i in range(3):\n    np.save(f"{i}.npy", x)\nnp.load("1.npy")',
        "!cat $FILE {x} *.csv",
        "!python -m http.server",
    ],
)
def test_what_may_be_there_is_not_missing(tmp_path: Path, code: str) -> None:
    assert codes(checked(tmp_path, {"a.ipynb": notebook(f"import os, numpy as np\n{code}")})) == []


def test_a_comment_keeps_a_line_from_being_reported(tmp_path: Path) -> None:
    report = checked(tmp_path, {"a.ipynb": notebook("input()  # r2i: ignore[N401]", "input()")})

    assert codes(report) == [("N401", 2)]
    assert report.suppressed == 1


def test_a_comment_keeps_no_other_path_from_being_reported(tmp_path: Path) -> None:
    path = '"/Users/anna/a.csv"'
    lines = [f"a = {path}  # r2i: ignore[N301]", f"b = {path}", f"c = {path}"]
    files = {"a.ipynb": notebook(*lines, "import m"), "m.py": "\n".join(lines)}
    report = checked(tmp_path, files, select="N301")
    found = [one.finding for one in report.findings]

    assert [(one.file, one.cell or one.line) for one in found] == [("a.ipynb", 2), ("m.py", 2)]
    assert found[0].message.endswith("(and 1 similar path)")
    assert report.suppressed == 2


def test_the_tables_agree_with_themselves() -> None:
    assert all(any(word in name for word in reading().words) for name in reading().functions)
    assert len({one.names.pattern for one in kernels()}) == len(kernels())
    assert not any(one.names.fullmatch("python3") for one in kernels())
    assert not any(one.path.match("/home/jovyan/x") for one in elsewhere("jovyan"))
    assert any(one.path.match("/home/jovyan/x") for one in elsewhere("tides"))


PIECES = st.sampled_from(
    [
        *(
            'open("',
            "/Users/a/b",
            "a.csv",
            '")',
            "\n",
            "input(",
            ")",
            "import google.colab",
            "%run ",
            "!cat ",
        ),
        *("C:\\", "![x](", "<img src='", "'", "password=", '"', "é", "\\", "../", "%%bash\n", "if x:\n  "),
        *("\0", "\ud800"),
    ]
)
CELLS = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw"]), "source": st.lists(PIECES, max_size=9)},
    optional={
        "execution_count": st.integers() | st.none(),
        "outputs": st.lists(st.dictionaries(PIECES, PIECES)),
    },
)
KERNELS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=9) | st.just("ir"),
        "language": st.text(max_size=3) | st.just("python"),
    },
)


@given(
    cells=st.lists(CELLS, max_size=4),
    kernel=KERNELS,
    version=st.integers(-1, 6),
    indent=st.none() | st.just(1),
)
def test_any_notebook_can_be_checked(
    tmp_path: Path, cells: list[object], kernel: object, version: int, indent: int | None
) -> None:
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": version}
    text = json.dumps(document, indent=indent)
    report = checked(tmp_path, {"a.ipynb": text})

    for one in report.findings:
        assert one.finding.file == "a.ipynb"
        assert 1 <= (one.finding.line or 1) <= text.count("\n") + 1
        assert 1 <= (one.finding.cell or 1) <= max(1, len(cells))
        for edit in one.finding.fix.edits if one.finding.fix else ():
            assert text.encode()[edit.start : edit.end] in (json.dumps(kernel["name"]).encode(), b"")  # type: ignore[index]
