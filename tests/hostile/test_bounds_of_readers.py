"""Files that are made to take time and memory: a plan or an error, within the memory of a small machine, and an end."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from r2i import process
from r2i.building import launch
from r2i.errors import InvalidRepositoryError
from tests.cases import ROOT
from tests.hostile.inputs import KINDS
from tests.writing import planned, write

#: Only what does not end at all takes so long, in seconds.
HANG = 900


#: The kinds of which every input is known to end soon; `benchmarks/hostile.py` measures all of them.
ENDING = tuple(KINDS)

#: Below what is too much for a reader to be read at all: what takes the square of a size is found there.
SIZE = "30000"


@pytest.mark.timeout(HANG + 60)
@pytest.mark.parametrize("kind", ENDING)
def test_every_reader_ends_within_bounds(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hostile.reading", kind, str(tmp_path)]
    settings = {"PYTHONPATH": str(ROOT), "R2I_HOSTILE_SIZE": SIZE}
    done = process.run(command, cwd=ROOT, env={**os.environ, **settings}, timeout=HANG)
    wanted = [name for name, _ in KINDS[kind]()]

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == wanted


@pytest.mark.parametrize(
    ("file", "text", "line", "words"),
    [
        ("pyproject.toml", f"[project]\n{'.'.join('a' * 30_000)} = 1\n", 2, "more than 32 parts"),
        ("pyproject.toml", f'a = """\n\n"""\n{{{"a . " * 40}b = 1}}\n', 4, "more than 32 parts"),
        ("pyproject.toml", "a = 1\n" * 650_000, None, "3,900,000 characters"),
        (
            "pyproject.toml",
            f'[project]\nname = "a"\ndependencies = [{chr(34)}a{chr(34)}{", " + chr(34) + "b" + chr(34)}'.replace(
                ', "b"', ', "b"' * 20_000
            )
            + "]\n",
            3,
            "more than 10,000 items",
        ),
        ("environment.yml", f"dependencies:\n- pip: [{'a, ' * 20_000}]\n", 2, "more than 10,000 packages"),
        ("requirements.txt", f"a; {'(' * 50_000}\n", 1, "50,003 characters"),
        ("Dockerfile", "FROM debian\nRUN a" + " \\\n" * 6_000, 5_002, "more than 5,000 lines"),
        ("Dockerfile", "FROM debian\n" + "#" * 600_000, None, "600,012 characters"),
        ("setup.cfg", "[a]\n" + "#" * 600_000, None, "600,004 characters"),
        (".dockerignore", "[" * 10_000, 1, "is not a pattern"),
    ],
)
def test_what_is_too_much_is_named_with_a_way_out(
    tmp_path: Path, file: str, text: str, line: int | None, words: str
) -> None:
    checkout = write(tmp_path, {file: text})
    with pytest.raises(InvalidRepositoryError) as caught:
        planned(checkout)

    assert words in caught.value.message
    assert (caught.value.file, caught.value.line) == (file, line)
    assert caught.value.hint


def test_large_files_of_programs_are_read(tmp_path: Path) -> None:
    """An export of 20,000 lines with hashes, and strings that only look like long keys."""
    hashes = "".join(f" \\\n    --hash=sha256:{digit:064x}" for digit in range(9))
    export = "".join(f"package-{n}==1.{n}{hashes}\n" for n in range(2_000))
    dotted = ".".join("a" * 500)
    plan, _ = planned(write(tmp_path / "export", {"requirements.txt": export}))
    texts = {
        "pyproject.toml": f'# {dotted} = 1\n[project]\nname = "a"\ndescription = """\n{dotted} = 1\n"""\n'
    }
    other, _ = planned(write(tmp_path / "texts", texts))

    assert plan.layers
    assert other.layers


WHEEL = (
    '    {{ url = "https://files.example.org/packages/00/00/{0:060x}/package_{1}-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",'
    ' hash = "sha256:{0:064x}", size = 123456, upload-time = "2025-01-01T00:00:00.000000Z" }},\n'
)


def test_a_lock_of_six_megabytes_is_read(tmp_path: Path) -> None:
    packages = (
        f'[[package]]\nname = "package-{n}"\nversion = "1.0"\nsource = {{ registry = "https://index.example.org/simple" }}\n'
        f"wheels = [\n{''.join(WHEEL.format(wheel, n) for wheel in range(30))}]\n\n"
        for n in range(690)
    )
    own = '[[package]]\nname = "a"\nversion = "1"\nsource = { virtual = "." }\n'
    lock = f'version = 1\nrequires-python = ">=3.12"\n\n{own}{"".join(packages)}'
    project = '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.12"\n'
    plan, _ = planned(write(tmp_path, {"uv.lock": lock, "pyproject.toml": project}))

    assert len(lock) > 6_000_000
    assert plan.layers


def test_a_notebook_of_fifty_megabytes_is_checked(tmp_path: Path) -> None:
    picture = '{"output_type":"display_data","metadata":{},"data":{"image/png":"%s"}}' % ("A" * 1_000_000)
    cell = f'{{"cell_type":"code","metadata":{{}},"execution_count":1,"source":"import six","outputs":[{picture}]}}'
    text = '{{"cells":[{}],"metadata":{{}},"nbformat":4,"nbformat_minor":5}}'.format(",".join([cell] * 50))
    checkout = write(tmp_path, {"a.ipynb": text, "requirements.txt": "six\n"})

    from r2i.check.code.notebooks import read_notebook

    assert read_notebook(checkout, "a.ipynb").error is None
    assert planned(checkout)


@contextmanager
def listening(answer: bytes, times: int) -> Iterator[int]:
    """A server that gives each of at most three callers the same words again and again, and the port that it listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def serve() -> None:
            for _ in range(3):
                try:
                    caller, _ = server.accept()
                    with caller:
                        caller.recv(1000)
                        for _ in range(times):
                            caller.sendall(answer)
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "times", "answers"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 1, True),
        (b"HTTP/1.1 403 Forbidden\r\n", 1_000_000, True),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", 1, False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 1_000_000, False),
        (b"a" * 1_000, 1_000_000, False),
        (b"\n", 1_000_000, False),
        (b"", 1, False),
    ],
)
@pytest.mark.timeout(60)
def test_a_server_is_asked_once_and_not_listened_to_for_ever(
    answer: bytes, times: int, *, answers: bool
) -> None:
    with listening(answer, times) as port:
        assert launch._answers("127.0.0.1", port) is answers
