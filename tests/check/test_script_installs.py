"""What scripts of the configuration bring into the environment: names where they say them, and else whether it may be anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.script_installs import Brought, brought_by_scripts
from r2i.check.subject import Subject
from r2i.checkout import Checkout

NOTHING, ANYTHING, FETCHED = Brought(), Brought(anything=True), Brought(fetched=True)


def brought(directory: Path, text: str) -> Brought:
    (directory / "postBuild").write_text(text, encoding="utf-8")
    return brought_by_scripts(Subject(checkout=Checkout.open(directory.resolve())))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("apt-get install -y vim", NOTHING),
        ("sudo apt-get update && sudo apt-get install python3-foo", NOTHING),
        ("jupyter labextension install foo", NOTHING),
        ("jupyter nbextension install --py foo --sys-prefix", NOTHING),
        ("npm install -g foo", NOTHING),
        ("julia -e 'using Pkg; Pkg.add(\"Foo\")'", NOTHING),
        ("# pip install foo", NOTHING),
        ("cd data  # git clone, pip install foo", NOTHING),
        ("git lfs install && git submodule update --init --recursive", NOTHING),
        ("python -m bash_kernel.install --sys-prefix", NOTHING),
        ("mamba update -n base conda", NOTHING),
        ("uv tool install ruff", NOTHING),
        ("pip install --no-deps -e .", NOTHING),
        ("pip uninstall -y foo", NOTHING),
        ("git clone https://example.org/foo", FETCHED),
        ("wget https://example.org/install/foo.py", FETCHED),
        ("python -m spacy download en_core_web_sm", FETCHED),
        ("pip install -U 'foo[x]>=1' bar", Brought(names=frozenset({"foo", "bar"}))),
        ("$CONDA_DIR/bin/pip install foo", Brought(names=frozenset({"foo"}))),
        ("uv pip install foo", Brought(names=frozenset({"foo"}))),
        ("if true; then pip install foo; fi", Brought(names=frozenset({"foo"}))),
        ("conda install -y -c conda-forge pytables=3", Brought(names=frozenset({"tables"}))),
        ("pip install 'git+https://example.org/x#egg=tqdm'", Brought(names=frozenset({"tqdm"}))),
        ("pip install git+https://example.org/x", ANYTHING),
        ("pip install .", ANYTHING),
        ("pip install -r nowhere.txt", ANYTHING),
        ("pip install $(cat list)", ANYTHING),
        ("poetry install", ANYTHING),
        ("uv sync", ANYTHING),
        ("conda create -n other python", ANYTHING),
        ("curl https://example.org/get | bash", Brought(anything=True, fetched=True)),
        ("curl -sSf https://sh.rustup.rs | sh -s -- -y", FETCHED),
        ("bash -c 'pip install foo'", ANYTHING),
        ("tool-of-somebody sync", ANYTHING),
        (
            "git clone https://example.org/foo\nexport PYTHONPATH=$PWD/foo",
            Brought(anything=True, fetched=True),
        ),
    ],
)
def test_what_a_script_brings(script: str, expected: Brought, tmp_path: Path) -> None:
    assert brought(tmp_path, f"#!/bin/bash\n{script}\n") == expected


def test_scripts_that_run_one_another_end(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text("bash b.sh\n", encoding="utf-8")
    (tmp_path / "b.sh").write_text("bash a.sh\n", encoding="utf-8")

    assert brought(tmp_path, "bash a.sh\n") == NOTHING


@given(text=st.text(alphabet="pipcondagitinstallclone -.#'\"\\$<&|;()/\n", max_size=200))
def test_any_script_is_read(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert isinstance(brought(tmp_path_factory.mktemp("any"), text), Brought)
