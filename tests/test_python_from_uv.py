"""A Python that the base image does not have: uv brings it, from where the host's settings say."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.building import Built, build, image_of, notebook, occurrences, write
from tests.pythons import MARK, SOURCES, pyenv_tree, python_archive, python_downloads
from tests.serving import bridge

pytestmark = pytest.mark.engine

SOURCE = "import sys; print(sys.executable, sys.version_info[:2])"


@dataclass(frozen=True, kw_only=True)
class Case:
    minor: str
    version: str
    image: Built


@pytest.fixture(scope="module", params=["3.11", "3.9", "3.8"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    minor = str(request.param)
    if minor not in SOURCES and pyenv_tree(minor) is None:
        pytest.skip(f"neither pyenv nor a release of Debian has Python {minor}")
    files = {"runtime.txt": f"python-{minor}\n", "version.ipynb": notebook(SOURCE)}
    directory = write(tmp_path_factory.mktemp("uv") / f"python-{minor}", files)
    write_wheel(directory)
    with (
        python_downloads([minor]) as address,
        image_of(directory, UV_PYTHON_DOWNLOADS_JSON_URL=address) as image,
    ):
        yield Case(minor=minor, version=python_archive(minor).version, image=image)


def write_wheel(directory: Path) -> None:
    with zipfile.ZipFile(directory / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "ANSWER = 42\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(
            "tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\n")


def test_the_environment_has_the_wanted_python_with_all_its_modules(case: Case) -> None:
    script = (
        "import platform, bz2, ctypes, lzma, readline, sqlite3, ssl, zlib; print(platform.python_version())"
    )

    assert case.image.answer(f"python -c '{script}'") == f"{case.version}\n"


def test_a_notebook_runs_on_it_under_the_server_of_another_python(case: Case) -> None:
    output = case.image.executed("version.ipynb")
    server = case.image.answer("/srv/jupyter/bin/python -V")

    assert f"/srv/env/bin/python {tuple(map(int, case.minor.split('.')))}" in output
    assert not server.startswith(f"Python {case.minor}.")


def test_the_user_installs_packages_into_it_without_a_network(case: Case) -> None:
    script = (
        "pip install -q --no-index ./tiny-1.0-py3-none-any.whl; python -c 'import tiny; print(tiny.__file__)'"
    )

    assert case.image.answer(script, "--network=none").startswith("/srv/env/lib/")


def test_the_user_reads_the_interpreter_and_writes_the_environment(case: Case) -> None:
    unreadable = "find /srv/python /srv/env ! -type l ! -readable"
    closed = "find /srv/env ! -type l ! -writable"
    writable = "find /srv/python -mindepth 2 ! -type l -writable"

    assert case.image.answer(f"{unreadable}; {closed}; {writable}") == ""


def test_its_standard_library_is_compiled_to_bytecode(case: Case) -> None:
    cached = "import asyncio, os; print(os.path.exists(asyncio.__cached__))"

    assert case.image.answer(f"python -c '{cached}'") == "True\n"


def test_nothing_in_the_image_tells_where_it_came_from(case: Case, tmp_path: Path) -> None:
    assert occurrences(case.image.tag, MARK.encode(), tmp_path) == []


def test_where_it_cannot_be_fetched_the_build_fails_and_names_the_file(tmp_path: Path) -> None:
    # A version that never was: no earlier build can have it in a cache.
    directory = write(tmp_path, {"runtime.txt": "python-3.12.99\n"})
    done = build(
        directory, "r2i-test/no-python", UV_PYTHON_DOWNLOADS_JSON_URL=f"http://{bridge()}:9/nothing.json"
    )

    assert done.returncode == 75, done.stderr
    assert "runtime.txt" in done.stderr
    assert "UV_PYTHON_INSTALL_MIRROR" in done.stderr
