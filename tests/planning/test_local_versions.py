"""Pins with a local version: which index has them is said before the build."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.writing import write

from r2i.model import Options
from r2i.planning.compose import make_plan

TORCH = "https://download.pytorch.org/whl"
CPU = f"--extra-index-url {TORCH}/cpu"
NO_INDEX = "add `--extra-index-url` with the index that has it, or remove the local version"


def said(tmp_path: Path, files: dict[str, str]) -> list[tuple[int | None, str]]:
    plan = make_plan(write(tmp_path, files), Options(python="3.10"))
    return [(n.line, n.message) for n in plan.notices if n.level == "warning" and "index" in n.message]


@pytest.mark.parametrize(
    ("requirement", "line"),
    [
        ("torch==2.10.0+cpu", CPU),
        ("torch==1.13.1+cu117", f"--extra-index-url {TORCH}/cu117"),
        ("torchvision == 0.14.1+cu117", f"--extra-index-url {TORCH}/cu117"),
        ("torchaudio===2.4.0+rocm6.1", f"--extra-index-url {TORCH}/rocm6.1"),
        (
            "torch_scatter==2.1.2+pt26cu124",
            "--find-links https://data.pyg.org/whl/torch-2.6.0+cu124.html",
        ),
        ("pyg-lib==0.2.0+pt113cpu", "--find-links https://data.pyg.org/whl/torch-1.13.0+cpu.html"),
        ("dgl==2.1.0+cu118", "--find-links https://data.dgl.ai/wheels/cu118/repo.html"),
        (
            "jaxlib==0.3.25+cuda11.cudnn805",
            "--find-links https://storage.googleapis.com/jax-releases/jax_cuda_releases.html",
        ),
        ("ours==1.0+lab", NO_INDEX),
        ("torch-sparse==0.6.9+other", NO_INDEX),
    ],
)
def test_the_index_is_named(tmp_path: Path, requirement: str, line: str) -> None:
    [(number, message)] = said(tmp_path, {"requirements.txt": f"six\n{requirement}\n"})

    assert number == 2
    assert line in message


@pytest.mark.parametrize(
    "lines",
    [
        f"torch==2.10.0+cpu\n{CPU}",
        f"--index-url {TORCH}/cpu/\ntorch==2.10.0+cpu",
        f"-f {TORCH}/torch_stable.html\ntorch==1.9.0+cpu",
        f"-f {TORCH}\ntorch==1.9.0+cpu",
        "--extra-index-url https://mirror.example/simple\ntorch==2.10.0+cpu",
        "--find-links https://lab.example/wheels\nours==1.0+lab",
        "torch==2.10.0",
        "torch>=2.10.0",
        f"torch @ {TORCH}/cpu/torch-2.10.0%2Bcpu-cp310-cp310-linux_x86_64.whl",
    ],
)
def test_nothing_is_said_where_an_index_may_have_it(tmp_path: Path, lines: str) -> None:
    assert said(tmp_path, {"requirements.txt": f"{lines}\n"}) == []


def test_the_index_of_another_build_is_not_enough(tmp_path: Path) -> None:
    [(_, message)] = said(
        tmp_path, {"requirements.txt": f"--extra-index-url {TORCH}/cu118\ntorch==2.10.0+cpu\n"}
    )

    assert CPU in message


@pytest.mark.parametrize(
    "files",
    [
        {"environment.yml": "dependencies:\n- pip:\n  - torch==2.10.0+cpu\n"},
        {
            "pyproject.toml": '[project]\nname = "a"\nversion = "1"\ndependencies = ["torch==2.10.0+cpu"]\n',
            "a.py": "",
        },
        {"Pipfile": '[packages]\ntorch = "==2.10.0+cpu"\n'},
    ],
)
def test_every_file_is_looked_at(tmp_path: Path, files: dict[str, str]) -> None:
    [(_, message)] = said(tmp_path, files)

    assert f"{TORCH}/cpu" in message
