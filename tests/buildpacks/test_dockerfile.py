"""A repository's own Dockerfile."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.buildpacks.dockerfile import OwnDockerfile
from r2i.errors import InvalidRepositoryError
from r2i.model import Detection, Options


def detect(top: Path, content: Content) -> Detection | None:
    return OwnDockerfile().detect(write(top, {"Dockerfile": content}), Options())


def test_without_the_file_nothing_is_detected(tmp_path: Path) -> None:
    assert OwnDockerfile().detect(write(tmp_path, {}), Options()) is None


@pytest.mark.parametrize(
    "text",
    [
        "FROM debian:12\n",
        "from debian:12",
        "  FROM\tdebian:12",
        "# syntax=docker/dockerfile:1\nARG TAG=12\nFROM debian:$TAG\r\n",
        "\ufeffFROM debian:12\n",
        "FROM andrewosh/binder-baseball\n",
    ],
)
def test_a_dockerfile_is_taken_as_it_is(tmp_path: Path, text: str) -> None:
    assert detect(tmp_path, text) == Detection(dockerfile="Dockerfile")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", 1),
        ("# FROM debian\n", 1),
        ("FROMAGE brie\n", 1),
        ("RUN echo FROM debian\n", 1),
        ("# ours\n\nFROM andrewosh/binder-base\n", 3),
        ("FROM andrewosh/binder-python-3.5:latest\n", 1),
        ("FROM a\nfrom  Andrewosh/Binder-Base AS x\n", 2),
        (b"FROM debian\n# caf\xe9\n", 2),
    ],
)
def test_one_that_cannot_be_built_is_refused_with_its_line(
    tmp_path: Path, content: Content, line: int
) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        detect(tmp_path, content)

    assert caught.value.where == f"Dockerfile:{line}"
    assert caught.value.hint


@given(st.binary(max_size=80).map(lambda tail: b"FROM a\n" + tail))
def test_any_bytes_are_taken_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        try:
            found = detect(Path(directory), content)
        except InvalidRepositoryError:
            return
    assert found == Detection(dockerfile="Dockerfile")
