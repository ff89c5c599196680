"""Locks of conda packages, really installed: exactly what they list, by the hashes that they have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.building import build, image_of, write
from tests.cases import asking_kernel
from tests.conda_channel import channel, conda_channel, need_python

pytestmark = pytest.mark.engine

FORGE = "https://conda.anaconda.org/conda-forge"
#: On the index, whichever it is: nothing is ever fetched from this host.
WHEEL = (
    "https://files.example.org/packages/d9/5a/e7c31adbe875f2abbb91bd84cf2dc52d792b5a01506781dbcf25c91daf11"
    "/six-1.16.0-py2.py3-none-any.whl"
)
SIX = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
ASK = "import greet, six, sys; print(greet.VERSION, six.__version__, '%d.%d' % sys.version_info[:2])"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package of the channel, as a lock knows it."""

    file: str
    url: str
    sha256: str
    md5: str


@pytest.fixture(scope="module")
def alias() -> Iterator[str]:
    need_python("3.11")
    with conda_channel() as address:
        yield address


@pytest.fixture(scope="module")
def packages() -> dict[str, Package]:
    """The packages that are locked, by their names; of `greet` the older release."""
    wanted = {}
    for index in channel().glob("*/repodata.json"):
        for file, record in json.loads(index.read_text())["packages.conda"].items():
            if file.startswith(("greet-1.0-", "python-3.11.")):
                wanted[record["name"]] = Package(
                    file=file,
                    url=f"{FORGE}/{index.parent.name}/{file}",
                    sha256=record["sha256"],
                    md5=record["md5"],
                )
    return wanted


def explicit(packages: dict[str, Package]) -> str:
    lines = [f"{package.url}#{package.md5}" for package in packages.values()]
    return "\n".join(["@EXPLICIT", *lines, f"# pip six @ {WHEEL}#sha256={SIX}", ""])


def unified(packages: dict[str, Package]) -> str:
    head = "version: 1\nmetadata:\n  platforms: [linux-64]\n  sources: [environment.yml]\npackage:\n"
    fields = "  platform: linux-64\n  category: main\n  optional: false\n"
    conda = "".join(
        f"- name: {name}\n  version: '0'\n  manager: conda\n  url: {package.url}\n"
        f"  hash: {{md5: {package.md5}, sha256: {package.sha256}}}\n{fields}"
        for name, package in packages.items()
    )
    pip = (
        f"- name: six\n  version: 1.16.0\n  manager: pip\n  url: {WHEEL}\n  hash: {{sha256: {SIX}}}\n{fields}"
    )
    return head + conda + pip


def pixi(packages: dict[str, Package], *, six: str = SIX) -> str:
    selected = "".join(f"      - conda: {package.url}\n" for package in packages.values())
    listed = "".join(
        f"- conda: {package.url}\n  sha256: {package.sha256}\n  md5: {package.md5}\n"
        for package in packages.values()
    )
    return (
        f"version: 6\nenvironments:\n  default:\n    channels:\n    - url: {FORGE}/\n    packages:\n      linux-64:\n"
        f"{selected}      - pypi: {WHEEL}\n      - pypi: ./\npackages:\n{listed}"
        f"- pypi: {WHEEL}\n  name: six\n  version: 1.16.0\n  sha256: {six}\n"
        "- pypi: ./\n  name: mine\n  version: '1.0'\n  editable: true\n"
    )


PROJECT = {
    "pyproject.toml": """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "mine"
version = "1.0"
dependencies = ["six>=1"]
[tool.pixi.workspace]
channels = ["conda-forge"]
platforms = ["linux-64"]
[tool.pixi.dependencies]
python = "3.11.*"
greet = "*"
[tool.pixi.pypi-dependencies]
mine = { path = ".", editable = true }
""",
    "src/mine/__init__.py": "WORD = 'one'\n",
}


def test_an_explicit_lock_is_what_is_installed(
    tmp_path: Path, alias: str, packages: dict[str, Package]
) -> None:
    repository = write(tmp_path / "explicit-lock", {"conda-linux-64.lock": explicit(packages)})

    with image_of(repository, CONDA_CHANNEL_ALIAS=alias) as image:
        assert image.answer(f'python -c "{ASK}"') == "1.0 1.16.0 3.11\n"
        # What the lock does not say, and later installations need to know, is there.
        record = json.loads(image.answer("cat /srv/env/conda-meta/greet-1.0-0.json"))
        assert (record["depends"], record["noarch"], record["md5"]) == (
            ["python"],
            "python",
            packages["greet"].md5,
        )
        assert alias.split("//")[1] not in image.answer("cat /srv/env/conda-meta/*.json")
        assert image.answer(asking_kernel("import greet; print(greet.VERSION)")) == "1.0\n"


def test_a_lock_of_conda_lock_is_what_is_installed_and_stays_cached(
    tmp_path: Path, alias: str, packages: dict[str, Package]
) -> None:
    manifest = "channels: [conda-forge]\ndependencies: [python=3.11, greet, pip: [six]]\n"
    files = {"conda-lock.yml": unified(packages), "environment.yml": manifest}
    repository = write(tmp_path / "unified-lock", files)

    with image_of(repository, CONDA_CHANNEL_ALIAS=alias) as image:
        assert image.answer(f'python -c "{ASK}"') == "1.0 1.16.0 3.11\n"
        (repository / "environment.yml").write_text(manifest + "# a comment\n")
        (repository / "index.ipynb").write_text(
            '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
        )
        with image_of(repository, CONDA_CHANNEL_ALIAS=alias) as again:
            assert "Installing 2 packages" not in again.log


def test_a_lock_of_pixi_is_what_is_installed_and_stays_cached(
    tmp_path: Path, alias: str, packages: dict[str, Package]
) -> None:
    repository = write(tmp_path / "pixi-lock", {"pixi.lock": pixi(packages), **PROJECT})

    with image_of(repository, CONDA_CHANNEL_ALIAS=alias) as image:
        assert image.answer(f'python -c "{ASK}"') == "1.0 1.16.0 3.11\n"
        assert image.answer("cd / && python -c 'import mine; print(mine.WORD, mine.__file__)'") == (
            "one /home/jovyan/src/mine/__init__.py\n"
        )
        (repository / "src/mine/__init__.py").write_text("WORD = 'two'\n")
        (repository / "pixi.lock").write_text("# a comment\n" + pixi(packages))
        with image_of(repository, CONDA_CHANNEL_ALIAS=alias) as again:
            assert again.answer("python -c 'import mine; print(mine.WORD)'") == "two\n"
            assert "Installing 2 packages" not in again.log
            assert "Downloading" not in again.log


def test_a_package_with_another_hash_is_not_installed(
    tmp_path: Path, alias: str, packages: dict[str, Package]
) -> None:
    greet = packages["greet"]
    wrong = Package(file=greet.file, url=greet.url, sha256="0" * 64, md5=greet.md5)
    files = {"pixi.lock": pixi({**packages, "greet": wrong}), **PROJECT}

    repository = write(tmp_path / "wrong-hash", files)

    # The cache may have the right one already, and what the first attempt left there.
    for _ in range(2):
        done = build(repository, "r2i-test/wrong-hash", CONDA_CHANNEL_ALIAS=alias)

        assert done.returncode == 7, done.stderr
        assert f"`{greet.file}` does not match the lock file: its hash is {greet.sha256}" in done.stderr


def test_a_package_with_another_old_hash_is_not_installed(
    tmp_path: Path, alias: str, packages: dict[str, Package]
) -> None:
    greet = packages["greet"]
    wrong = Package(file=greet.file, url=greet.url, sha256="", md5="0" * 32)
    files = {"explicit.txt": explicit({**packages, "greet": wrong})}

    done = build(write(tmp_path / "wrong-md5", files), "r2i-test/wrong-md5", CONDA_CHANNEL_ALIAS=alias)

    assert done.returncode == 7, done.stderr
    assert f"`{greet.file}` does not match the lock file: its hash is {greet.md5}" in done.stderr


def test_a_distribution_with_another_hash_is_not_installed(
    tmp_path: Path, alias: str, packages: dict[str, Package]
) -> None:
    files = {"pixi.lock": pixi(packages, six="0" * 64), **PROJECT}

    done = build(write(tmp_path / "wrong-wheel", files), "r2i-test/wrong-wheel", CONDA_CHANNEL_ALIAS=alias)

    assert done.returncode == 7, done.stderr
    assert "Hash mismatch for `six==1.16.0`" in done.stderr
