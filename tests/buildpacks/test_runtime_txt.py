"""`runtime.txt`."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.buildpacks.runtime_txt import Entry, RuntimeTxt, parse
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.model import Detection, Evidence, Options, VersionRequest
from r2i.planning.compose import make_plan


def detect(top: Path, content: Content) -> Detection:
    found = RuntimeTxt().detect(write(top, {"runtime.txt": content}), Options())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("content", "version", "line"),
    [
        ("python-3.12", "3.12", 1),
        ("python-3.12.4\n", "3.12.4", 1),
        ("Python-3.12\n", "3.12", 1),
        ("  python-3.12  # as in the paper\n", "3.12", 1),
        ("\n# why\n\npython-3.12\n", "3.12", 4),
        ("\ufeffpython-3.12\r\n", "3.12", 1),
        ("python-3.12\u200b\ufffc\n", "3.12", 1),
        ("python-3.12-2024-01-31", "3.12", 1),
        ("r-4.4-2024-10-31\npython-3.12\n", "3.12", 2),
        ("python-2.7", "2.7", 1),
    ],
)
def test_a_version_is_read_with_its_line(tmp_path: Path, content: str, version: str, line: int) -> None:
    request = detect(tmp_path, content).requests.get("python")

    assert request is not None
    assert (request.version, request.evidence.line) == (version, line)


@pytest.mark.parametrize("content", ["", "\n", "# nothing\n", "python-3", "python", "\u200b"])
def test_no_version_is_no_request(tmp_path: Path, content: str) -> None:
    assert detect(tmp_path, content).requests.get("python") is None


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("python-3.12\nRUN touch /pwned\n", 2),
        ("python-3.12; touch /pwned", 1),
        ("python-3.12 && x", 1),
        ("python-$(id)", 1),
        ("python-3.", 1),
        ("python-.3", 1),
        ("python-3.1.2.3", 1),
        ("python-3." + "1" * 5000, 1),
        ("python-latest", 1),
        ("python-4", 1),
        ("pythön", 1),
        ("pythonn-3.12", 1),
        ("3.12", 1),
        ("ruby", 1),
        ("ruby-3.12; id", 1),
        ("python-3.12\npython-3.11\n", 2),
        ("python-3.12 python-3.11", 1),
        (b"python-3.12\n\xff", 2),
        (b"python-3.12\n\n\0", 3),
    ],
)
def test_anything_else_is_refused_with_its_line(tmp_path: Path, content: Content, line: int) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        detect(tmp_path, content)

    assert caught.value.where == f"runtime.txt:{line}"
    assert caught.value.hint
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("content", "version", "day", "line"),
    [
        ("r-4.4-2024-10-31", "4.4", "2024-10-31", 1),
        ("R-4.4.1", "4.4.1", "", 1),
        ("r-2024-10-31\npython-3.12", "", "2024-10-31", 1),
        ("python-3.12\n\n2024-10-31\n", "", "2024-10-31", 3),
        ("r", "", "", 1),
    ],
)
def test_r_is_asked_for_beside_python_too(
    tmp_path: Path, content: str, version: str, day: str, line: int
) -> None:
    request = detect(tmp_path, content).requests["r"]

    assert (request.version, request.day, request.evidence.line) == (version, day, line)


def test_two_lines_for_r_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRepositoryError, match="names R twice") as caught:
        detect(tmp_path, "r-4.4\n2024-10-31\n")

    assert caught.value.where == "runtime.txt:2"


def test_all_parts_of_a_line_are_read() -> None:
    assert parse("r-4.4.1-2024-10-31\n2024-01-01", "runtime.txt") == (
        Entry(text="r-4.4.1-2024-10-31", language="r", version="4.4.1", date="2024-10-31", line=1),
        Entry(text="2024-01-01", language="", version=None, date="2024-01-01", line=2),
    )


@pytest.mark.parametrize("content", ["ruby-3.12", "nodejs-18-lts", "C++-17", "conda-4.8"])
def test_other_names_have_no_effect_beside_files_that_say_what_to_build(tmp_path: Path, content: str) -> None:
    write(tmp_path, {"runtime.txt": f"{content}\n", "a.ipynb": "{}"})
    with pytest.raises(InvalidRepositoryError) as caught:
        make_plan(Checkout.open(tmp_path), Options())
    plan = make_plan(write(tmp_path, {"requirements.txt": "six\n"}), Options())

    assert caught.value.message == f"`runtime.txt` has an invalid line: `{content}`"
    assert caught.value.where == "runtime.txt:1"
    assert [(n.level, n.file, n.line, n.message) for n in plan.notices] == [
        (
            "warning",
            "runtime.txt",
            1,
            f"`{content}` has no effect: `runtime.txt` can set only the versions of Python, R and Julia",
        )
    ]


def test_the_python_beside_another_name_counts(tmp_path: Path) -> None:
    plan = make_plan(write(tmp_path, {"runtime.txt": "python-3.12\nruby-3.3\n"}), Options())

    assert plan.python is not None
    assert plan.python.version == "3.12"


@pytest.mark.parametrize(
    ("content", "version"),
    [("julia-1.10", "1.10"), ("Julia-1.6.3", "1.6.3"), ("julia", ""), ("julia-1", "1")],
)
def test_a_line_names_the_julia(tmp_path: Path, content: str, version: str) -> None:
    found = detect(tmp_path, f"# both\npython-3.12\n{content}\n".encode())

    assert found.requests["julia"] == VersionRequest(
        version=version,
        evidence=Evidence(why=f"requires Julia {version}".strip(), file="runtime.txt", line=3),
    )
    assert found.requests["python"].version == "3.12"
    assert found.notices == ()


@pytest.mark.parametrize("content", ["julia-latest", "julia-1.x", "julia-1.10-rc1"])
def test_a_julia_that_is_no_version_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        detect(tmp_path, f"{content}\n".encode())

    assert caught.value.message == f"`runtime.txt` has an invalid line: `{content}`"


def test_julia_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidRepositoryError, match="names Julia twice") as caught:
        detect(tmp_path, b"julia-1.10\njulia-1.9\n")

    assert caught.value.where == "runtime.txt:2"


def test_a_date_has_no_effect_on_julia(tmp_path: Path) -> None:
    found = detect(tmp_path, b"julia-1.10-2024-01-01\n")

    assert [notice.message for notice in found.notices] == ["The date 2024-01-01 has no effect on Julia"]


@given(st.one_of(st.binary(max_size=60), st.from_regex(r"(python|r|julia)-[0-9.-]{1,12}\s?").map(str.encode)))
def test_any_bytes_give_a_version_or_are_refused(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        try:
            request = detect(Path(directory), content).requests.get("python")
        except R2iError as error:
            assert error.exit_code == 5  # noqa: PT017
            return
    assert request is None or re.fullmatch(r"[0-9]+\.[0-9]+(\.[0-9]+)?", request.version, re.ASCII)
