"""How far a download is: one line on a terminal, a sentence now and then in a log."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path
from subprocess import Popen

from r2i.process import run

PROGRAM = """
from r2i.cli.common import note
from r2i.cli import passing
from r2i.model import Momentary
passing.SILENCE = {silence}
note("Downloading 2 files")
for number in range(3):
    note(Momentary(f"Downloading 2 files: {{number}} MB \\x1b[2J" + "." * 300))
note("Unpacking")
"""


def test_a_log_has_none_of_them_while_other_things_are_said() -> None:
    done = run([sys.executable, "-c", PROGRAM.format(silence=10)])
    assert done.stderr == "Downloading 2 files\nUnpacking\n"


def test_a_log_has_one_after_a_silence() -> None:
    done = run([sys.executable, "-c", PROGRAM.format(silence=0)])
    assert [line[:25] for line in done.stderr.splitlines()] == [
        "Downloading 2 files",
        *(f"Downloading 2 files: {number} MB" for number in range(3)),
        "Unpacking",
    ]


def test_a_terminal_draws_them_over(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "40", "NO_COLOR": "1"}
    with Popen(
        [sys.executable, "-c", PROGRAM.format(silence=10)], stderr=follower, env=environ, cwd=tmp_path
    ) as child:
        os.close(follower)
        written = b""
        try:
            while data := os.read(leader, 10_000):
                written += data
        except OSError:  # the other end is closed
            pass
        child.wait()
    os.close(leader)
    lines = [f"\r\x1b[KDownloading 2 files: {number} MB \\x1b[2J......" for number in range(3)]
    expected = f"Downloading 2 files\r\n{''.join(line[: 4 + 39] for line in lines)}\r\x1b[KUnpacking\r\n"
    assert written.decode() == expected
