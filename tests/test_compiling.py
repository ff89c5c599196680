"""Packages that have to be compiled: a compiler is there for the one step, and leaves nothing that was its own."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.building import Built, build, image_of, write
from tests.serving import served

pytestmark = pytest.mark.engine

PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "fast"
version = "1.0"

[tool.setuptools]
py-modules = []
ext-modules = [
  {name = "fast", sources = ["fast.c"], extra-compile-args = ["-fopenmp"], extra-link-args = ["-fopenmp"]},
]
"""

#: Needs libgomp when it runs, the library of a compiler that no base image has.
SOURCE = """\
#include <Python.h>
#include <omp.h>

static PyObject *threads(PyObject *self, PyObject *none) { return PyLong_FromLong(omp_get_max_threads()); }
static PyMethodDef methods[] = {{"threads", threads, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", NULL, -1, methods};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }
"""

PURE = {
    "plain/pyproject.toml": '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'
    '[project]\nname = "plain"\nversion = "1.0"\n[tool.setuptools]\npy-modules = ["plain"]\n',
    "plain/plain.py": "ANSWER = 42\n",
}

COMPILER = "r2i: this needs a compiler"
WORKS = "cd /tmp; python -c 'import fast; print(fast.threads() > 0)'"
TOOLS = "cc gcc g++ c++ gfortran make ld pkg-config"


def project(source: str = SOURCE, *, directory: str = "fast") -> dict[str, str]:
    # Never the same twice: what is tested is to compile, not to remember.
    return {
        f"{directory}/pyproject.toml": PROJECT,
        f"{directory}/fast.c": f"{source}/* {time.time_ns()} */\n",
    }


def leftovers(image: Built) -> str:
    """The programs, headers and broken packages that a compiler left."""
    return image.answer(
        f"for tool in {TOOLS}; do command -v $tool || true; done; "
        "find / -xdev -name Python.h -not -path '/srv/python/*'; find /tmp /root -mindepth 1 -not -name '.*'; "
        "dpkg --audit; dpkg-query -W -f '${Status} ${Package}\\n' | grep -v '^install ok installed' || true",
        "--user=0",
    )


def source_distribution(directory: Path) -> Path:
    write(directory / "fast-1.0", project(directory="."))
    write(directory / "fast-1.0", {"PKG-INFO": "Metadata-Version: 2.1\nName: fast\nVersion: 1.0\n"})
    with tarfile.open(directory / "fast-1.0.tar.gz", "w:gz") as archive:
        archive.add(directory / "fast-1.0", "fast-1.0")
    return directory / "fast-1.0.tar.gz"


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a source distribution, somewhere on the network."""
    archive = source_distribution(tmp_path_factory.mktemp("sdist"))
    with served(archive.parent) as address:
        yield f"{address}/{archive.name}"


@pytest.fixture(scope="module")
def directory(sdist: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    requirements = {"requirements.txt": f"fast @ {sdist}\n"}
    return write(tmp_path_factory.mktemp("compiled") / "compiled", requirements)


@pytest.fixture(scope="module")
def compiled(directory: Path) -> Iterator[Built]:
    with image_of(directory) as image:
        yield image


def test_a_source_distribution_is_compiled_and_no_compiler_is_left(compiled: Built) -> None:
    assert COMPILER in compiled.log
    assert compiled.answer(WORKS) == "True\n"
    assert leftovers(compiled) == ""


def test_the_first_attempt_without_a_compiler_does_not_cry_wolf(compiled: Built) -> None:
    assert "error" not in compiled.log.lower()


def test_a_compiled_package_is_as_small_as_one_that_came_compiled(compiled: Built, tmp_path: Path) -> None:
    with image_of(write(tmp_path / "bare", {"requirements.txt": ""})) as bare:
        more = compiled.layer_size("install_packages.py") - bare.layer_size("install_packages.py")

    assert more < 4_000_000


@pytest.mark.usefixtures("compiled")
def test_what_was_compiled_before_is_taken_again_and_gets_its_libraries(directory: Path, sdist: str) -> None:
    write(directory, {"requirements.txt": f"fast @ {sdist}\nsix\n"})
    with image_of(directory) as image:
        assert COMPILER not in image.log
        assert image.answer(WORKS) == "True\n"
        assert leftovers(image) == ""


def test_packages_of_the_repository_are_compiled(tmp_path: Path) -> None:
    faster = {
        name.replace("fast", "faster"): text.replace("fast", "faster") for name, text in project().items()
    }
    files = {"requirements.txt": "./fast\n-e ./faster\n", **project(), **faster}
    with image_of(write(tmp_path / "local", files)) as image:
        assert image.log.count(COMPILER) == 1
        assert image.answer(WORKS) == "True\n"
        assert image.answer(WORKS.replace("fast", "faster")) == "True\n"
        assert "site-packages" in image.answer("cd /tmp; python -c 'import fast; print(fast.__file__)'")
        assert "/home/jovyan/" in image.answer("cd /tmp; python -c 'import faster; print(faster.__file__)'")
        assert leftovers(image) == ""


def test_what_apt_txt_names_stays_and_what_a_compiler_lacks_is_lent(tmp_path: Path) -> None:
    files = {"apt.txt": "zlib1g-dev\n", "requirements.txt": "./fast\n", **project()}
    with image_of(write(tmp_path / "lent", files)) as image:
        assert COMPILER in image.log
        assert image.answer(WORKS) == "True\n"
        assert image.ask("ls /usr/include/zlib.h /usr/include/stdio.h").returncode == 0
        assert image.answer("command -v gcc || find /usr -name Python.h; dpkg --audit") == ""


def test_where_the_plan_has_a_compiler_it_is_used_and_stays(tmp_path: Path) -> None:
    files = {"apt.txt": "gcc\n", "requirements.txt": "./fast\n", **project()}
    with image_of(write(tmp_path / "planned", files)) as image:
        assert COMPILER not in image.log
        assert image.answer(WORKS) == "True\n"
        assert image.answer("command -v gcc") == "/usr/bin/gcc\n"


def test_a_package_without_anything_to_compile_gets_no_compiler(tmp_path: Path) -> None:
    with image_of(write(tmp_path / "pure", {"requirements.txt": "./plain\n", **PURE})) as image:
        assert COMPILER not in image.log
        assert image.answer("cd /tmp; python -c 'import plain; print(plain.ANSWER)'") == "42\n"


def test_a_package_that_a_compiler_does_not_help_fails_with_the_cause(tmp_path: Path) -> None:
    source = SOURCE.replace("omp.h", "of-no-package.h")
    directory = write(tmp_path / "broken", {"requirements.txt": "./fast\n", **project(source)})
    done = build(directory, "r2i-test/broken")

    assert done.returncode == 7, done.stderr
    assert "requirements.txt" in done.stderr
    assert "fatal error: of-no-package.h: No such file or directory" in done.stderr
    assert "linux-gnu-gcc'\n" not in done.stderr  # that there was no compiler at first
