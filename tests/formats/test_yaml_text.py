"""YAML whose scalars stay text: what is read, and that nothing in a file can do more than be wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.errors import InvalidRepositoryError
from r2i.formats.yaml_text import Text, parse_yaml


def test_scalars_are_text_as_written() -> None:
    read = parse_yaml("version: 1.10\ndate: 2024-01-01\nflag: no\nnothing: ~\nempty:\nquoted: 'a b'\n", "x")

    assert read == {
        "version": "1.10",
        "date": "2024-01-01",
        "flag": "no",
        "nothing": "~",
        "empty": "",
        "quoted": "a b",
    }


def test_every_scalar_knows_its_line() -> None:
    read = parse_yaml("# comment\ndependencies:\n  - numpy\n  - pip:\n    - click\n", "x")

    assert isinstance(read, dict)
    listed = read[Text("dependencies")]
    assert isinstance(listed, list)
    assert isinstance(listed[0], Text)
    assert listed[0].line == 3
    assert isinstance(listed[1], dict)
    assert next(iter(listed[1])).line == 4


def test_aliases_stand_for_what_they_name() -> None:
    assert parse_yaml("a: &x [1, 2]\nb: *x\n", "x") == {"a": ["1", "2"], "b": ["1", "2"]}


def test_an_empty_file_is_nothing() -> None:
    assert parse_yaml("# only a comment\n", "x") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1", 1),
        ("ok: 1\n\tb: 2\n", 2),
        ("@EXPLICIT\n", 1),
        ("a: *missing\n", 1),
        ("a: &x [*x]\n", 1),
        ("a: 1\n[b]: 2\n", 2),
        ("[" * 1_000_000, 1),
        ("a: 1\n" + "- " * 100_000, 2),
        ("{a: " * 100_000, 1),
    ],
)
def test_what_is_not_yaml_is_said_with_its_line(text: str, line: int) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        parse_yaml(text, "environment.yml")

    assert caught.value.file == "environment.yml"
    assert caught.value.line in (line, line + 1)


def test_one_file_is_one_document() -> None:
    with pytest.raises(InvalidRepositoryError, match="several documents"):
        parse_yaml("a: 1\n---\nb: 2\n", "x")


@pytest.mark.timeout(60)
def test_aliases_of_aliases_take_no_time() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 50)
    )

    with pytest.raises(InvalidRepositoryError, match="more than 200,000 values"):
        parse_yaml(bomb, "x")


@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n"))
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    with suppress(InvalidRepositoryError):
        parse_yaml(text, "x")
