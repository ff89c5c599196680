"""A repository's own package: editable, and built anew from the cache alone when it is edited."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from r2i.process import run
from tests.building import image_of, write

pytestmark = pytest.mark.engine

#: Through this, nothing can be reached: what is built nevertheless came out of caches.
NOWHERE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9") | {
    "NO_PROXY": "",
    "no_proxy": "",
}

STATIC = """\
[project]
name = "surge"
version = "1.0"
dependencies = ["six"]
"""

PROJECTS = {
    "hatchling": f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n{STATIC}',
    "setuptools": f'[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n{STATIC}',
    "undeclared": STATIC,
    "poetry": '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    '[tool.poetry]\nname = "surge"\nversion = "1.0"\ndescription = ""\nauthors = []\n'
    '[tool.poetry.dependencies]\npython = ">=3.9"\nsix = "*"\n',
}
SCRIPT = """\
import sys

from setuptools import find_packages, setup

needed = ["six"]
if sys.version_info > (3,):
    needed.append("idna")
setup(name="surge", version="1.0", packages=find_packages("src"), package_dir={"": "src"}, install_requires=needed)
"""

ASK = "cd /tmp && python -c 'import six, surge; print(surge.WORD, surge.__file__)'"


@pytest.mark.parametrize(
    ("backend", "named"),
    [*((backend, {}) for backend in PROJECTS), ("setuptools", {"requirements.txt": "-e .\n"})],
    ids=[*PROJECTS, "named"],
)
def test_an_edited_module_is_there_and_nothing_is_downloaded(
    backend: str, named: dict[str, str], tmp_path: Path
) -> None:
    words = [f"{kind}{time.time_ns()}" for kind in ("first", "second")]  # that no cache has seen
    directory = write(tmp_path / f"own-{backend}", {"pyproject.toml": PROJECTS[backend], **named})
    write(directory, {"src/surge/__init__.py": f"WORD = '{words[0]}'\n"})
    with image_of(directory) as image:
        assert image.answer(ASK) == f"{words[0]} /home/jovyan/src/surge/__init__.py\n"
        write(directory, {"src/surge/__init__.py": f"WORD = '{words[1]}'\n"})
        # A comment changes nothing that is installed early.
        write(directory, {"pyproject.toml": f"# {words[1]}\n{PROJECTS[backend]}"})
        with image_of(directory, **NOWHERE) as again:
            assert again.answer(ASK) == f"{words[1]} /home/jovyan/src/surge/__init__.py\n"
            assert "ipykernel==" not in again.log
            assert "six==" not in again.log
            assert "Downloading" not in again.log
            assert "surge==1.0" in again.log


def test_where_only_the_script_knows_the_dependencies_they_come_from_the_cache(tmp_path: Path) -> None:
    words = [f"{kind}{time.time_ns()}" for kind in ("first", "second")]
    directory = write(tmp_path / "own-script", {"setup.py": SCRIPT})
    write(directory, {"src/surge/__init__.py": f"import idna\nWORD = '{words[0]}'\n"})
    with image_of(directory) as image:
        assert image.answer(ASK) == f"{words[0]} /home/jovyan/src/surge/__init__.py\n"
        write(directory, {"src/surge/__init__.py": f"import idna\nWORD = '{words[1]}'\n"})
        with image_of(directory) as again:
            assert again.answer(ASK) == f"{words[1]} /home/jovyan/src/surge/__init__.py\n"
            assert "ipykernel==" not in again.log
            assert "Downloading" not in again.log


def git(directory: Path, *arguments: str) -> None:
    identity = {
        f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = run(["git", "-C", str(directory), *arguments], env={**os.environ, **identity})
    assert done.returncode == 0, done.stderr


SCM = """\
[build-system]
requires = ["setuptools>=80", "setuptools-scm>=8"]
build-backend = "setuptools.build_meta"

[project]
name = "surge"
dynamic = ["version"]
dependencies = ["six"]

[tool.setuptools_scm]
"""


def test_a_version_is_read_from_the_history_where_it_is_there(tmp_path: Path) -> None:
    directory = write(tmp_path / "own-scm", {"pyproject.toml": SCM})
    write(directory, {"src/surge/__init__.py": f"WORD = '{time.time_ns()}'\n"})
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v3.2"]):
        git(directory, *arguments)
    with image_of(directory) as image:
        assert image.answer("pip show surge | grep Version") == "Version: 3.2\n"
        assert image.answer(ASK).endswith("/home/jovyan/src/surge/__init__.py\n")
