"""`.python-version`."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.buildpacks.python_version import PythonVersion
from r2i.errors import InvalidRepositoryError
from r2i.model import Detection, Options


def detect(top: Path, content: Content) -> Detection | None:
    return PythonVersion().detect(write(top, {".python-version": content}), Options())


@pytest.mark.parametrize(
    ("content", "version", "line"),
    [
        ("3.12\n", "3.12", 1),
        ("3.12.4", "3.12.4", 1),
        ("# comment\n\n3.12\n3.11\n", "3.12", 3),
        ("cpython-3.12", "3.12", 1),
        ("python3.12", "3.12", 1),
        ("\ufeff3.12\r\n", "3.12", 1),
    ],
)
def test_the_first_line_decides(tmp_path: Path, content: str, version: str, line: int) -> None:
    found = detect(tmp_path, content)

    assert found is not None
    asked = found.requests["python"]
    assert (asked.version, asked.evidence.line) == (version, line)


@pytest.mark.parametrize(
    "content",
    [
        "my-environment",
        "pypy3.10",
        "3",
        "3.12t",
        "system",
        "3.12 3.11",
        "3.12;x",
        "٣.١٢",
        "3." + "1" * 5000,
        "3.12\\",
    ],
)
def test_what_only_the_author_has_is_a_warning(tmp_path: Path, content: str) -> None:
    found = detect(tmp_path, content)

    assert found is not None
    assert not found.requests
    assert [notice.level for notice in found.notices] == ["warning"]
    assert len(found.notices[0].message) < 200


@pytest.mark.parametrize("content", ["", "\n\n", "# 3.12\n"])
def test_an_empty_file_says_nothing(tmp_path: Path, content: str) -> None:
    assert detect(tmp_path, content) is None


@given(st.binary(max_size=40))
def test_any_bytes_give_a_version_or_are_refused(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        try:
            found = detect(Path(directory), content)
        except InvalidRepositoryError:
            return
    if found is not None and found.requests:
        assert re.fullmatch(r"[0-9]+\.[0-9]+(\.[0-9]+)?", found.requests["python"].version, re.ASCII)
