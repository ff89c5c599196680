"""Scripts that the kernel would not run: what the image's copy needs. The commands are really run."""

from __future__ import annotations

import codecs
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.writing import write

from r2i import process
from r2i.checkout.scripts import inspect
from r2i.errors import InvalidRepositoryError

BOM = codecs.BOM_UTF8


def repaired(top: Path, data: bytes) -> Path:
    """The image's copy of a script, as the commands of its layer leave it."""
    script = inspect(write(top, {"start": data}), "start")
    done = process.run(["sh", "-ec", " && ".join(script.commands)], cwd=top)
    assert done.returncode == 0, done.stderr
    return top / "start"


@pytest.mark.parametrize(
    "data",
    [
        b"#!/bin/sh\necho hello\n",
        b"#!/bin/sh\r\necho hello\r\n",
        BOM + b"#!/bin/sh\necho hello\n",
        BOM + b"#!/bin/sh\r\necho hello\r\n",
        b"echo hello\n",
        b"echo hello",
        b"\necho hello\n",
        BOM + b"echo hello\r\n",
        b"# comment\n[[ 1 ]] && echo hello\n",
    ],
)
@pytest.mark.skipif(not shutil.which("bash"), reason="runs the script with bash")
def test_the_copy_in_the_image_runs(tmp_path: Path, data: bytes) -> None:
    done = process.run([str(repaired(tmp_path, data))])

    assert (done.returncode, done.stdout) == (0, "hello\n")


def test_a_good_script_is_left_alone(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"start": '#!/bin/sh\nexec "$@"\n'})
    (tmp_path / "start").chmod(0o755)
    script = inspect(checkout, "start")

    assert (script.commands, script.notices) == (("chmod +x start",), ())


def test_every_repair_is_said(tmp_path: Path) -> None:
    script = inspect(write(tmp_path, {"start": BOM + b"echo hello\r\n"}), "start")
    said = " ".join(notice.message for notice in script.notices)

    assert len(script.commands) == 4
    for word in ("byte order mark", "Windows line endings", "interpreter", "not executable"):
        assert word in said


def test_the_repository_itself_is_not_changed(tmp_path: Path) -> None:
    data = BOM + b"echo hello\r\n"
    inspect(write(tmp_path, {"start": data}), "start")

    assert (tmp_path / "start").read_bytes() == data


@pytest.mark.parametrize("data", [b"\x7fELF\x02\x01\r\n\0", b"#!/bin/sh\nexit\n\0\x01\r\n\x02"])
def test_binary_content_is_left_alone(tmp_path: Path, data: bytes) -> None:
    assert repaired(tmp_path, data).read_bytes() == data


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_script_in_utf_16_is_refused(tmp_path: Path, encoding: str) -> None:
    checkout = write(tmp_path, {"start": "\ufeffecho hello\n".encode(encoding)})

    with pytest.raises(InvalidRepositoryError, match="UTF-16"):
        inspect(checkout, "start")


@settings(max_examples=50)
@given(st.binary(max_size=60))
def test_any_bytes_give_commands_that_work_or_are_refused(data: bytes) -> None:
    with TemporaryDirectory() as directory:
        try:
            path = repaired(Path(directory), data)
        except InvalidRepositoryError:
            return
        assert path.stat().st_mode & 0o100
        empty = not data.removeprefix(BOM)  # and `sed` has no line to write before
        assert empty or path.read_bytes().startswith((b"#!", b"\x7fELF"))
