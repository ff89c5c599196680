"""`start`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import Content, write

from r2i.buildpacks.start import Start
from r2i.errors import InvalidRepositoryError
from r2i.model import Detection, Options


def detect(top: Path, content: Content, *, path: str = "start") -> Detection:
    found = Start().detect(write(top, {path: content}), Options())
    assert found is not None
    return found


def warnings(found: Detection) -> list[str]:
    return [notice.message for notice in found.notices if notice.level == "warning"]


def test_a_script_is_the_entry_point(tmp_path: Path) -> None:
    assert detect(tmp_path, '#!/bin/sh\nexec "$@"\n', path=".binder/start").start == ".binder/start"


@pytest.mark.parametrize(
    "text",
    [
        'exec "$@"',
        "exec $@",
        'exec "${@}"',
        "exec $*",
        'export A=1\n{ true; exec "$@"; }',
        'exec env A=1 "$@"',
        'exec \\\n  dbus-run-session \\\n  "$@"',
        "#!/usr/bin/env python3\nimport os, sys\nos.execvp(sys.argv[1], sys.argv[1:])",
    ],
)
def test_a_script_that_hands_over_is_fine(tmp_path: Path, text: str) -> None:
    assert warnings(detect(tmp_path, f"#!/bin/bash\n{text}\n")) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", 'does not end with `exec "$@"`, so Jupyter does not start'),
        ("echo hello", "does not start"),
        ('# exec "$@"', "does not start"),
        ("exec bash", "does not start"),
        ("exec jupyter lab build", "does not start"),
        ("jupyter server extension enable x", "does not start"),
        ('echo "$@"; exec bash', "may not start"),
        ('myexec "$@"', "may not start"),
        ('"$@"', "starts Jupyter without `exec`, so the signals that stop the container do not reach it"),
        ('export A=1\nif true; then A=1 "${@}"; fi', "without `exec`"),
        ("{ $*; }", "without `exec`"),
        ('xvfb-run \\\n -a "$@"', "without `exec`"),
        ('conda run -n x "$@" &\nwait', "without `exec`"),
        ("exec jupyter lab --port 9", "starts a Jupyter server of its own, without the options"),
        ('exec jupyter lab "$@"', "a Jupyter server of its own"),
        ("cd x && jupyter notebook", "a Jupyter server of its own"),
    ],
)
def test_of_one_that_does_not_it_is_said_what_becomes_of_jupyter(
    tmp_path: Path, text: str, what: str
) -> None:
    (warning,) = warnings(detect(tmp_path, f"#!/bin/bash\n{text}\n"))

    assert what in warning


def test_a_binary_program_is_not_judged(tmp_path: Path) -> None:
    assert warnings(detect(tmp_path, b"\x7fELF\x02\x01\x01\0")) == []


@pytest.mark.timeout(20)
@pytest.mark.parametrize("word", ["exec ", "exec \\\n", "\\\n", "exec\t", "$"])
def test_a_long_script_takes_no_more_than_linear_time(tmp_path: Path, word: str) -> None:
    detect(tmp_path, "#!/bin/sh\n" + word * (3_500_000 // len(word)))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_script_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        try:
            found = detect(Path(directory), content)
        except InvalidRepositoryError:
            return
    assert (found.start, len(found.layers)) == ("start", 1)
