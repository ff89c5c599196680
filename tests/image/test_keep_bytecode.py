"""`keep_bytecode.py`: what is compiled once and taken again, and that no text gets the bytecode of another."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import install_packages
from environment import TESTS
from r2i.process import Completed, run
from tests.building import write

PROGRAM = Path(install_packages.__file__).with_name("keep_bytecode.py")

MODULES = {
    "one.py": "print('one')\n",
    "sub/two.py": "print('two')\n",
    "sub/tests/three.py": "print('three')\n",
}


def compiled(kept: Path, library: Path) -> Completed:
    given = [str(kept), TESTS, str(library)]
    done = run([sys.executable, "-I", "-S", "-B", str(PROGRAM), *given])
    assert done.returncode == 0, done.stderr
    return done


def cached(path: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(path)))


def entries(kept: Path) -> set[Path]:
    return {path for path in kept.rglob("*") if path.is_file()}


def imported(library: Path, module: str) -> Completed:
    """Import a module from bytecode, with the words of the interpreter about where it takes it from."""
    return run([sys.executable, "-B", "-v", "-c", f"import {module}"], env={"PYTHONPATH": str(library)})


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write(tmp_path / "lib", MODULES)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def test_python_takes_the_bytecode_and_tests_have_none(library: Path, kept: Path) -> None:
    compiled(kept, library)
    done = imported(library, "one, sub.two")

    assert done.stdout == "one\ntwo\n"
    assert f"{cached(library / 'one.py')} matches" in done.stderr
    assert f"{cached(library / 'sub/two.py')} matches" in done.stderr
    assert not (library / "sub/tests/__pycache__").exists()
    assert len(entries(kept)) == 2


def test_what_was_kept_is_taken_for_the_same_text_of_another_time(library: Path, kept: Path) -> None:
    compiled(kept, library)
    before = {path: path.stat().st_mtime_ns for path in entries(kept)}
    cached(library / "one.py").unlink()
    write(library, MODULES)
    compiled(kept, library)

    assert {path: path.stat().st_mtime_ns for path in entries(kept)} == before
    assert f"{cached(library / 'one.py')} matches" in imported(library, "one").stderr


def test_another_text_or_another_path_has_bytecode_of_its_own(
    library: Path, kept: Path, tmp_path: Path
) -> None:
    compiled(kept, library)
    first = entries(kept)
    write(library, {"one.py": "print('uno')\n"})
    compiled(kept, library)
    compiled(kept, write(tmp_path / "other", {"one.py": MODULES["one.py"]}))

    assert imported(library, "one").stdout == "uno\n"
    assert len(entries(kept) - first) == 2
    assert str(tmp_path / "other/one.py").encode() in cached(tmp_path / "other/one.py").read_bytes()


def test_bytecode_that_a_package_brings_is_replaced(library: Path, kept: Path, tmp_path: Path) -> None:
    compiled(kept, write(tmp_path / "evil", {"one.py": "print('evil')\n"}))
    evil, text = cached(tmp_path / "evil/one.py").read_bytes()[16:], (library / "one.py").stat()
    head = b"".join(number.to_bytes(4, "little") for number in (0, int(text.st_mtime), text.st_size))
    cached(library / "one.py").parent.mkdir()
    cached(library / "one.py").write_bytes(importlib.util.MAGIC_NUMBER + head + evil)
    assert imported(library, "one").stdout == "evil\n"
    compiled(kept, library)

    assert imported(library, "one").stdout == "one\n"


def test_what_was_cut_off_is_compiled_again(library: Path, kept: Path) -> None:
    compiled(kept, library)
    for path in entries(kept):
        path.write_bytes(path.read_bytes()[:-1])
    compiled(kept, library)

    assert imported(library, "one").stdout == "one\n"
    assert all(len(path.read_bytes()) > 32 for path in entries(kept))


@pytest.mark.parametrize("text", [b"print 'two'\n", b"\0", b"# coding: nonsense\n", b"'\xff'\n", b"(" * 500])
def test_what_is_not_for_this_python_stays_as_it_is(library: Path, kept: Path, text: bytes) -> None:
    (library / "two.py").write_bytes(text)
    compiled(kept, library)

    assert not cached(library / "two.py").exists()
    assert cached(library / "one.py").exists()


def test_nothing_of_what_is_compiled_runs(library: Path, kept: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w')\n"
    names = ("one.py", "sitecustomize.py", "encodings.py", "re.py", "concurrent/__init__.py")
    write(library, dict.fromkeys(names, code) | {"evil.pth": f"import os; {code}"})
    given = [str(kept), TESTS, str(library)]
    settings = {"PYTHONPATH": str(library), "PYTHONSTARTUP": str(library / "one.py")}
    done = run([sys.executable, "-I", "-S", "-B", str(PROGRAM), *given], env=settings, cwd=library)

    assert done.returncode == 0, done.stderr
    assert len(entries(kept)) == len(names) + 1
    assert not mark.exists()


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(install_packages, "ENVIRONMENT", tmp_path / "env")
    (tmp_path / "env/bin").mkdir(parents=True)
    return tmp_path / "env/bin/python"


def test_the_interpreter_is_the_one_below_the_environment(environment: Path) -> None:
    environment.symlink_to(sys.executable)

    assert install_packages.interpreter() == str(Path(sys.executable).resolve())


def test_an_interpreter_in_the_environment_is_none_for_the_fetcher(environment: Path) -> None:
    environment.touch()

    assert install_packages.interpreter() is None
