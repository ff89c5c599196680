"""What is written into `runtime.txt` and `apt.txt`, whoever proposes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.writing import write

from r2i.checkout import Checkout
from r2i.edits.applying import changed
from r2i.edits.configuration import debian_packages, python_version


def file_of(directory: Path, name: str, text: str | None) -> Checkout:
    return write(directory, {} if text is None else {name: text.encode()})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "python-3.12\n"),
        ("\n", "python-3.12\n\n"),
        ("python-3.9\n", "python-3.12\n"),
        ("\ufeff Python-3.9 \r\n", "\ufeffpython-3.12\r\n"),
        ("r-4.5-2025-10-31\n", None),  # Binder reads one version
    ],
)
def test_a_version_of_python_is_written_in_place_of_another(
    tmp_path: Path, before: str | None, after: str | None
) -> None:
    checkout = file_of(tmp_path, "runtime.txt", before)
    fix = python_version(checkout, "runtime.txt", "3.12")

    assert (fix and changed(checkout, [fix]).contents["runtime.txt"][1].decode()) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "ffmpeg\nlibgl1\n"),
        ("# ffmpeg\ngit", "# ffmpeg\ngit\nffmpeg\nlibgl1\n"),
        ("ffmpeg  # for videos\r\n", "ffmpeg  # for videos\r\nlibgl1\r\n"),
        ("libgl1\nffmpeg\n", None),
    ],
)
def test_packages_are_added_that_are_not_listed(
    tmp_path: Path, before: str | None, after: str | None
) -> None:
    checkout = file_of(tmp_path, "apt.txt", before)
    fix = debian_packages(checkout, "apt.txt", ["ffmpeg", "libgl1", "ffmpeg"])

    assert (fix and changed(checkout, [fix]).contents["apt.txt"][1].decode()) == after


def test_nothing_is_written_into_what_is_no_text(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"runtime.txt": b"\xff\xfe\0", "apt.txt": b"\xff\xfe\0"})

    assert python_version(checkout, "runtime.txt", "3.12") is None
    assert debian_packages(checkout, "apt.txt", ["git"]) is None
