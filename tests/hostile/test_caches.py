"""What code of one repository writes into caches is in no image of another one (promise 4 of the design)."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from r2i.building.namespaces import own_namespace
from r2i.checkout import Checkout
from r2i.model import Options, Source
from r2i.planning.compose import make_plan
from r2i.planning.render import render
from tests.building import Built, image_of, write

#: Runs in the build of each package: says what it found in its build environment, then spoils every module that it can.
SPOILER = """
import os, sys
import setuptools

found = getattr(setuptools, "SPOILED", "nothing")
spoiled = 0
for top in ("/var/cache", "/var/lib/apt/lists", "/srv/jupyter", "/opt"):
    for directory, _, files in os.walk(top):
        for name in files:
            if name.endswith(".py"):
                try:
                    with open(os.path.join(directory, name), "a") as file:
                        file.write("\\nSPOILED = {mark!r}\\n")
                    spoiled += 1
                except OSError:
                    pass
with open("/home/jovyan/found.txt", "a") as file:
    print(found, spoiled > 0, file=file)
setuptools.setup(name="spoiler", version="1.0", py_modules=["spoiler"])
"""


def repository(directory: Path, mark: str) -> Path:
    script = SPOILER.replace("{mark!r}", repr(mark))
    return write(
        directory,
        {"requirements.txt": "-e .\n", "setup.py": script, "spoiler.py": f"# {secrets.token_hex(8)}\n"},
    )


def found(image: Built) -> set[str]:
    return {line.split()[0] for line in image.answer("cat /home/jovyan/found.txt").splitlines()}


@pytest.mark.engine
def test_what_one_repository_spoils_no_other_has(tmp_path: Path) -> None:
    one, other = repository(tmp_path / "one", "by-one"), repository(tmp_path / "other", "by-other")
    with image_of(one) as image:
        assert "True" in image.answer("cat /home/jovyan/found.txt"), "it could spoil something"
    write(one, {"spoiler.py": f"# {secrets.token_hex(8)}\n"})
    with image_of(one) as again:
        assert "by-one" in found(again), "its own cache is kept, and so is what it did to it"
    with image_of(other) as image:
        assert found(image) <= {"nothing", "by-other"}
        assert (
            image.answer(
                "/srv/jupyter/bin/python -c 'import jupyterlab; print(hasattr(jupyterlab, \"SPOILED\"))'"
            )
            == "False\n"
        )


def dockerfile(directory: Path, source: Source) -> str:
    checkout = Checkout.open(write(directory, {"requirements.txt": "-e .\nsix\n", "setup.py": ""}))
    return render(make_plan(checkout, Options(), source=source), checkout, own=own_namespace(source)).text


def git(ref: str | None) -> Source:
    return Source(provider="git", location="https://example.org/owner/name", ref=ref)


def test_a_repository_has_a_cache_of_its_own_and_its_layers_are_apart(tmp_path: Path) -> None:
    """An engine takes a layer that another cache was mounted for; not so where something is mounted elsewhere."""
    text = dockerfile(tmp_path, git("main"))
    name = own_namespace(git("main"))

    assert f"id=r2i-own-{name},target=/var/cache/own --mount=type=tmpfs,target=/dev/r2i-{name}" in text
    assert own_namespace(Source(provider="git", location="https://example.org/owner/other")) != name


@pytest.mark.parametrize("ref", ["0123456789abcdef0123456789abcdef01234567", "refs/pull/7/head"])
def test_what_a_fork_may_have_written_keeps_nothing(tmp_path: Path, ref: str) -> None:
    """Its commits are served under the address of its parent."""
    assert "/var/cache/own" not in dockerfile(tmp_path, git(ref))


def test_the_name_of_a_cache_is_in_no_dockerfile_that_is_shown(tmp_path: Path) -> None:
    checkout = Checkout.open(write(tmp_path, {"requirements.txt": "-e .\n", "setup.py": ""}))
    assert "r2i-own" not in render(make_plan(checkout, Options()), checkout).text
