"""Notebooks as the check reads them: whatever is in the file, a value comes of it, and lines are those of the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.code.notebooks import LARGEST, Notebook, Places, read_notebook
from r2i.checkout import Checkout

NAME = "a.ipynb"


def checkout_of(directory: Path, content: str | bytes) -> Checkout:
    data = content.encode() if isinstance(content, str) else content
    (directory / NAME).write_bytes(data)
    return Checkout.open(directory)


def read(directory: Path, content: str | bytes) -> Notebook:
    return read_notebook(checkout_of(directory, content), NAME)


def code(source: object, **more: object) -> dict[str, object]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source,
    } | more


def notebook(*cells: object, **metadata: object) -> dict[str, object]:
    return {"cells": [*cells], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def test_a_notebook_has_its_cells_kernel_and_language(tmp_path: Path) -> None:
    document = notebook(
        {"cell_type": "markdown", "metadata": {}, "source": "# a"},
        code(["x = 1\n", "y = 2"], execution_count=3, metadata={"tags": ["skip-execution", 4]}),
        {"cell_type": "raw", "metadata": {}, "source": []},
        kernelspec={"name": "ir", "language": "R"},
        language_info={"name": "R", "version": "4.3.1"},
    )

    found = read(tmp_path, json.dumps(document))

    assert (found.kernel, found.language, found.language_version, found.version) == ("ir", "r", "4.3.1", 4)
    assert [(cell.number, cell.kind, cell.source) for cell in found.cells] == [
        (1, "markdown", "# a"),
        (2, "code", "x = 1\ny = 2"),
        (3, "raw", ""),
    ]
    assert found.cells[1].tags == {"skip-execution"}
    assert found.cells[1].execution_count == 3
    assert [cell.number for cell in found.code] == [2]


def test_version_3_has_its_cells_in_worksheets(tmp_path: Path) -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ["print 1\n", "2"], "prompt_number": 7, "outputs": []}]}
    document = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [sheet, sheet]}

    found = read(tmp_path, json.dumps(document))

    assert found.version == 3
    assert [(cell.number, cell.source, cell.execution_count) for cell in found.cells] == [
        (1, "print 1\n2", 7),
        (2, "print 1\n2", 7),
    ]


@pytest.mark.parametrize(
    ("content", "problem", "line"),
    [
        (b"", "json", 1),
        (b"{", "json", 1),
        (b'{\n "cells": [],\n}', "json", 3),
        (b'{"cells": []} x', "json", 1),
        (b'{"cells":\n ["\xff"]}', "encoding", 2),
        (json.dumps(notebook()).encode("utf-16"), "encoding", 1),
        (b"\xef\xbb\xbf" + json.dumps(notebook()).encode(), "mark", 1),
        (b'{"cells": [],\n<<<<<<< HEAD\n"a": 1\n=======\n>>>>>>> b\n}', "conflict", 2),
        (b"<<<<<<< HEAD\n{}", "conflict", 1),
        (b'{"cells": [], "metadata": {"a": NaN}}', "constant", None),
        (b'{"cells": [], "metadata": {"a": -Infinity}}', "constant", None),
        (b"[]", "shape", 1),
        (b"{}", "shape", 1),
        (b'{"cells": {}}', "shape", 1),
        (b'{"cells": [1]}', "shape", 1),
        (b'{"cells": null, "worksheets": []}', "shape", 1),
        (b'{"worksheets": [{"cells": {}}]}', "shape", 1),
        (b'{"worksheets": [[]]}', "shape", 1),
        (b"[" * 100_000, "json", None),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "json", None),
        (b'{"cells": [], "nbformat": ' + b"9" * 100_000 + b"}", "json", None),
    ],
    ids=range(21),
)
def test_what_is_no_notebook_says_why_and_where(
    tmp_path: Path, content: bytes, problem: str, line: int | None
) -> None:
    found = read(tmp_path, content)

    assert (found.problem, found.error_line, found.cells) == (problem, line, ())
    assert found.error
    assert found.size == len(content)


def test_a_notebook_that_fits_into_no_memory_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / NAME).open("wb") as file:
        file.truncate(10**12)
    checkout = Checkout.open(tmp_path)

    assert read_notebook(checkout, NAME, 10**12).problem == "large"
    assert read_notebook(checkout, NAME).error is not None


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["{},", "[],", '{"a":1},', '"ab",', "1.5,"])
def test_millions_of_values_are_not_read(tmp_path: Path, piece: str) -> None:
    content = '{"cells": [' + piece * (12_000_000 // len(piece)) + "0]}"

    assert len(content) < LARGEST
    assert read(tmp_path, content).problem == "large"


def test_a_link_that_leads_out_is_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / NAME).symlink_to("../outside.ipynb")
    (tmp_path / "outside.ipynb").write_text(json.dumps(notebook(code("x"))))

    assert read_notebook(Checkout.open(inside), NAME).problem == "unreadable"


def test_outputs_are_measured_in_large_notebooks_alone(tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": ["x" * 2_000_000]}
    large = notebook(code("1", outputs=[output]), code("2"))
    small = notebook(code("1", outputs=[output | {"text": "x"}]))

    assert [cell.output_size // 1_000_000 for cell in read(tmp_path, json.dumps(large)).cells] == [2, 0]
    assert [cell.output_size for cell in read(tmp_path, json.dumps(small)).cells] == [0]


TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ2bC4eF6hJ8"


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "text": ["x\n", f"token {TOKEN}\n"]},
        {"output_type": "stream", "text": f"{TOKEN}"},
        {"output_type": "execute_result", "data": {"text/html": f"<b>{TOKEN}</b>"}},
        {"output_type": "error", "evalue": "x", "traceback": ["a", f"'{TOKEN}'"]},
    ],
)
def test_tokens_in_outputs_are_seen_and_not_shown(tmp_path: Path, output: dict[str, Any]) -> None:
    found = read(tmp_path, json.dumps(notebook(code("a"), code("b", outputs=[output]))))

    assert [[leak.secret for leak in cell.leaks] for cell in found.cells] == [[], [TOKEN]]
    assert TOKEN not in repr(found)


def test_pictures_are_not_searched_for_tokens(tmp_path: Path) -> None:
    output = {"output_type": "display_data", "data": {"image/png": TOKEN}}

    assert read(tmp_path, json.dumps(notebook(code("b", outputs=[output])))).cells[0].leaks == ()


SOURCE = ["import a\n", "x = 1\n", "x = 1\n", "\n", "y = 'é \\\\n \\\"'\n", "z"]


def layouts(document: object) -> dict[str, str]:
    return {
        "indented": json.dumps(document, indent=1),
        "wide": json.dumps(document, indent=7, ensure_ascii=False),
        "one line": json.dumps(document),
        "compact": json.dumps(document, separators=(",", ":")),
        "line ends of Windows": json.dumps(document, indent=1).replace("\n", "\r\n"),
        "colons apart": json.dumps(document, indent=2, separators=(" ,", " :  ")),
        "escaped keys": json.dumps(document, indent=1)
        .replace('"source"', '"\\u0073ource"')
        .replace('"cells"', '"c\\u0065lls"'),
    }


@pytest.mark.parametrize("layout", layouts(None))
@pytest.mark.parametrize("version", [3, 4])
def test_lines_of_cells_are_those_of_the_file(tmp_path: Path, layout: str, version: int) -> None:
    key = "source" if version == 4 else "input"
    output = {"output_type": "stream", "text": ["import a\n"], "source": ["no"], "cells": [{"source": "no"}]}
    cell = {
        "outputs": [output],
        "attachments": {"source": {"source": ["x = 1\n"]}},
        "cell_type": "code",
        key: SOURCE,
    }
    cells = [cell, {"cell_type": "markdown"}, {"source": []}, cell]
    document: dict[str, object] = {"metadata": {"cells": [{"source": "no"}]}}
    document |= {"cells": cells} if version == 4 else {"worksheets": [{}, {"cells": cells}]}
    text = layouts(document)[layout]
    places = Places(checkout_of(tmp_path, text), NAME)
    lines = text.split("\n")

    for number in (1, 4):
        found = [places.line(number, line) for line in range(1, len(SOURCE) + 1)]
        assert found == sorted(found)
        assert len(set(found)) == (1 if layout in ("one line", "compact") else len(SOURCE))
        if len(lines) > 1:
            assert [json.loads(lines[at - 1].strip(" ,\r")) for at in found] == SOURCE
    assert places.line(1, 1) <= places.line(2, 1) <= places.line(4, 1)


def test_a_source_that_is_one_string_stands_in_one_line(tmp_path: Path) -> None:
    text = json.dumps(notebook(code("a\nb\nc"), code("d")), indent=1)
    places = Places(checkout_of(tmp_path, text), NAME)
    at = text[: text.index('"a\\nb')].count("\n") + 1

    assert [places.line(1, line) for line in (1, 2, 3)] == [at] * 3
    assert '"d"' in text.split("\n")[places.line(2, 1) - 1]


def test_strings_that_hold_several_lines_or_a_part_of_one(tmp_path: Path) -> None:
    text = json.dumps(notebook(code(["a", "b\nc\nd", "", "e\n", "f\n\n", "g"])), indent=1)
    places = Places(checkout_of(tmp_path, text), NAME)
    lines = text.split("\n")

    starts = [lines[places.line(1, line) - 1].strip(' ,"') for line in range(1, 7)]

    assert starts == ["a", "b\\nc\\nd", "b\\nc\\nd", "f\\n\\n", "f\\n\\n", "g"]


def test_of_a_key_that_is_there_twice_the_last_one_counts(tmp_path: Path) -> None:
    text = '{"cells": [\n{"source": "no"}],\n"cells": [{"cell_type": "code",\n"source": "no",\n"source": "x\\ny"}]}'
    checkout = checkout_of(tmp_path, text)

    assert read_notebook(checkout, NAME).cells[0].source == "x\ny"
    assert Places(checkout, NAME).line(1, 2) == 5


def test_lines_that_are_not_there_are_the_first_of_what_is(tmp_path: Path) -> None:
    text = json.dumps(notebook(code(["a\n", "b"])), indent=1)
    places = Places(checkout_of(tmp_path, text), NAME)

    assert places.line(1, 99) == places.line(1, 0) == 3
    assert places.line(9, 1) == places.line(0, 1) == 1


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_a_notebook_or_say_why_not(tmp_path: Path, data: bytes) -> None:
    found = read(tmp_path, data)

    assert found.error or found.cells == ()
    assert Places(Checkout.open(tmp_path), NAME).line(1, 1) >= 1


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("cell_type", "source", "input", "outputs", "metadata", "execution_count", "attachments")
CELLS = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, VALUES))
    | st.builds(code, st.lists(st.text(max_size=9), max_size=4)),
    max_size=4,
)


@given(cells=CELLS, metadata=VALUES, version=VALUES, indent=st.sampled_from([None, 0, 1, 4]))
def test_any_json_with_cells_is_a_notebook(
    tmp_path: Path, cells: list[object], metadata: object, version: object, indent: int | None
) -> None:
    document = {"cells": cells, "metadata": metadata, "nbformat": version}
    text = json.dumps(document, indent=indent)
    found = read(tmp_path, text)
    places = Places(Checkout.open(tmp_path), NAME)

    assert found.error is None
    assert len(found.cells) == len(cells)
    assert all(
        1 <= places.line(cell.number, line) <= text.count("\n") + 1
        for cell in found.cells
        for line in range(cell.source.count("\n") + 2)
    )
