"""Whatever the files hold, there is an answer."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given
from hypothesis import strategies as st
from tests.writing import write

from r2i.binder.contents import contents_of
from r2i.binder.making import binder_of

NAMES = (
    "Dockerfile",
    "Project.toml",
    "runtime.txt",
    "environment.yml",
    "Pipfile",
    "Pipfile.lock",
    "pyproject.toml",
    "requirements.txt",
    "apt.txt",
    ".dockerignore",
)
WORDS = st.sampled_from(
    [
        "python",
        "-",
        "=",
        "3.9",
        "r-",
        "2022-01-01",
        "dependencies:",
        "\n- ",
        "\n  ",
        "pip:",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "project",
        "requires-python",
        "compat",
        "julia",
        "<<",
        "&a ",
        "*a",
        "!!str ",
        "# ",
        "\r",
        "\x00",
        "\ufeff",
        "é",
        "٣",
        ",",
        "FROM ",
        "1e9",
        "null",
        "_meta",
        "requires",
        ":",
        "\t",
        "%",
        "|",
    ]
)
CONTENTS = st.one_of(
    st.binary(max_size=60), st.lists(WORDS, max_size=12).map(lambda words: "".join(words).encode())
)


@given(st.dictionaries(st.sampled_from(NAMES), CONTENTS, max_size=3))
@example({"environment.yml": b"dependencies: &a\n- *a\n"})
@example({"environment.yml": b"&a\n<<: *a\n"})
@example({"environment.yml": b"[" * 5000})
@example({"Pipfile.lock": b"[" * 100_000})
@example({"Pipfile": b"a = " + b"[" * 5000})
@example({"Project.toml": b"[compat]\njulia = '" + b"9" * 5000 + b"'\n"})
@example({"runtime.txt": "r-٢٠٢٢-01-01".encode()})
@example({"runtime.txt": b"python-" + b"9" * 5000})
@example({"pyproject.toml": b"[project]\nrequires-python = '>=" + b"9" * 5000 + b"'\n"})
@example({"environment.yml": b"dependencies:\n- python=" + b"9" * 5000})
@example({"Pipfile": b"[requires]\npython_version = '" + b"9" * 5000 + b"'\n"})
def test_any_bytes_give_a_buildpack_or_an_error(files: dict[str, bytes]) -> None:
    with TemporaryDirectory() as directory:
        checkout = write(Path(directory), files)
        binder = binder_of(checkout)
        contents_of(checkout, binder)

    assert binder.buildpack or binder.error
    assert binder.error is None or binder.error.message
