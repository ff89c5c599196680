"""What an image takes from outside that nobody pinned: counted, and in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.checking import check
from r2i.check.hermeticity import Hermeticity, Share, hermeticity
from r2i.check.settings import CheckSettings
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.model import Options

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = f"debian:trixie@sha256:{'a' * 64}"


def found_in(directory: Path, files: dict[str, str], **options: str) -> Hermeticity:
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    asked: dict[str, str] = {"base_image": DIGEST, **options}
    found = hermeticity(Subject(checkout=Checkout.open(directory), options=Options(**asked)))  # type: ignore[arg-type]
    assert found is not None
    return found


def notebook(*sources: str) -> str:
    cells = [{"cell_type": "code", "source": source, "outputs": [], "metadata": {}} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def test_what_the_requirements_need_counts(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"requirements.txt": "pandas==2.3.1\nnumpy\n"})

    assert found.distributions.unpinned == found.distributions.total - 1
    assert found.distributions.total >= 4


def test_pinned_with_all_that_they_need(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"requirements.txt": "tqdm==4.67.1\nidna==3.10\n"})

    assert found.distributions == Share(unpinned=0, total=2)
    assert found.sentence == "nothing"


def test_what_is_no_distribution_is_not_counted_as_in_findings(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"requirements.txt": "numpy\nsklearn\nsix\nos\n"})
    rules = CheckSettings(select=("D101",))
    [finding] = check(Subject(checkout=Checkout.open(tmp_path), settings=rules)).findings

    assert found.sentence == "2 of 2 distributions"
    assert finding.finding.message.startswith("2 of 2 requirements ")


def test_what_packages_of_conda_need_counts(tmp_path: Path) -> None:
    packages = "[python=3.12, matplotlib-base=3.10.0, numpy=2.2.6, {pip: [pytz==2025.1]}]"
    found = found_in(tmp_path, {"environment.yml": f"dependencies: {packages}\n"})

    assert found.distributions.unpinned == found.distributions.total - 3
    assert found.distributions.total >= 8


def test_a_lock_pins_all(tmp_path: Path) -> None:
    lock = """\
lock-version = "1.0"
created-by = "x"
requires-python = ">=3.11"

[[packages]]
name = "pandas"
version = "2.3.1"
wheels = [{url = "https://example.org/pandas-2.3.1-py3-none-any.whl", hashes = {sha256 = "%s"}}]
"""

    assert found_in(tmp_path, {"pylock.toml": lock % ("a" * 64)}).distributions == Share(unpinned=0, total=1)


def test_a_date_pins_what_the_index_has(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"requirements.txt": "pandas\n"}, as_of="2025-06-30T00:00:00Z")

    assert found.distributions.unpinned == 0
    assert found.as_of == "2025-06-30T00:00:00Z"


def test_the_base_image_by_its_tag(tmp_path: Path) -> None:
    found = found_in(tmp_path, {}, base_image="debian:trixie-slim")

    assert found.sentence == "the base image `debian:trixie-slim`"
    assert found_in(tmp_path, {}).base_images == ()


def test_images_of_a_dockerfile(tmp_path: Path) -> None:
    text = f"FROM a:1 AS build\nFROM --platform=linux/amd64 {DIGEST}\nfrom build\nFROM scratch\n"

    assert found_in(tmp_path, {"Dockerfile": text}).base_images == ("a:1",)


def test_what_a_dockerfile_only_seems_to_build_on(tmp_path: Path) -> None:
    text = f"ARG BASE={DIGEST}\nFROM $BASE\nRUN <<EOF psql\nSELECT *\nFROM table_of_mine\nEOF\n"

    assert found_in(tmp_path, {"Dockerfile": text}).base_images == ()


def test_apt_packages_without_a_version(tmp_path: Path) -> None:
    found = found_in(tmp_path, {"apt.txt": "tree\nvim=2:9.1.1230-2\n"})

    assert found.apt == Share(unpinned=1, total=2)
    assert found.sentence == "1 of 2 packages in `apt.txt`"


def test_git_without_a_commit(tmp_path: Path) -> None:
    address = "git+https://github.com/example/thing.git"
    text = f"a @ {address}\nb @ {address}@main\nc @ {address}@{SHA}\n"

    assert found_in(tmp_path, {"requirements.txt": text}).git == 2


@pytest.mark.parametrize(
    ("script", "downloads", "installations"),
    [
        ("curl -fsSL -o x.csv https://example.org/x.csv", 1, 0),
        ("wget https://zenodo.org/records/123/files/x.csv", 0, 0),
        (f"curl -O https://raw.githubusercontent.com/a/b/{SHA}/x.csv", 0, 0),
        ("curl -O https://example.org/x\necho 'ab  x' | sha256sum -c", 0, 0),
        ("git clone https://github.com/example/data\ncd data", 1, 0),
        (f"git clone https://github.com/example/data\ngit -C data checkout {SHA}", 0, 0),
        ("pip install thing && python -m pip install -U a", 0, 2),
        ("pip install -e .\nmake install", 0, 0),
        ("curl http://localhost:8888/api", 0, 0),
        ("echo 'curl https://example.org'\n# wget https://example.org", 0, 0),
    ],
)
def test_scripts(tmp_path: Path, script: str, downloads: int, installations: int) -> None:
    found = found_in(tmp_path, {"postBuild": f"#!/bin/bash\n{script}\n"})

    assert (found.downloads, found.installations) == (downloads, installations)


@pytest.mark.parametrize(
    ("cell", "downloads", "installations"),
    [
        ('pd.read_csv("https://example.org/x.csv")', 1, 0),
        (
            'from urllib.request import urlretrieve\nurlretrieve(url="https://example.org/x", filename="x")',
            1,
            0,
        ),
        ('requests.get("https://api.example.org/now")', 1, 0),
        ('pooch.retrieve("https://example.org/x", known_hash="md5:ab")', 0, 0),
        ('pooch.retrieve("https://example.org/x", known_hash=None)', 1, 0),
        ('print("https://example.org/x")', 0, 0),
        ('pd.read_csv("data/x.csv")', 0, 0),
        ("!wget -q https://example.org/x", 1, 0),
        ("%pip install thing", 0, 1),
        ("%pip install .", 0, 0),
        ("!pip install a b\n!git clone https://github.com/example/data", 1, 1),
    ],
)
def test_notebooks(tmp_path: Path, cell: str, downloads: int, installations: int) -> None:
    found = found_in(tmp_path, {"a.ipynb": notebook(cell)})

    assert (found.downloads, found.installations) == (downloads, installations)


def test_the_sentence_names_all() -> None:
    found = Hermeticity(
        distributions=Share(unpinned=3, total=41),
        base_images=("debian:trixie-slim",),
        apt=Share(unpinned=1, total=1),
        git=1,
        downloads=2,
        installations=1,
    )

    assert found.sentence == (
        "3 of 41 distributions, 1 of 1 package in `apt.txt`, the base image `debian:trixie-slim`, "
        "1 requirement from git, 2 downloads and 1 installation by a script or cell"
    )


def test_nothing_can_be_said_of_what_cannot_be_planned(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("a b c\n", encoding="utf-8")

    assert hermeticity(Subject(checkout=Checkout.open(tmp_path))) is None


@given(st.text(), st.text())
def test_any_code_is_counted(tmp_path_factory: pytest.TempPathFactory, script: str, cell: str) -> None:
    directory = tmp_path_factory.mktemp("any")
    text = f"#!/bin/bash\ncurl https://{script}\n"
    (directory / "postBuild").write_bytes(text.encode(errors="surrogatepass"))
    (directory / "a.ipynb").write_text(notebook(f"get('https://{cell}')", cell), encoding="utf-8")

    hermeticity(Subject(checkout=Checkout.open(directory)))
