"""Images with Nix: what is cached, which kernel runs notebooks, and the nixpkgs that `<nixpkgs>` means."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from r2i.process import run
from tests.building import R2I, Built, build, built_steps, fresh_tag, notebook, write
from tests.cases import REPOS, ROOT
from tests.real_engines import remove_image

pytestmark = pytest.mark.engine

PROGRAMS = ROOT / "src" / "r2i" / "image" / "programs"
CELL = "import os, sys; print(sys.executable, os.environ['FROM_HOOK'])"

#: Makes an archive as GitHub does of nixpkgs, and an environment of what is in it.
PINNED = r"""
mkdir -p /tmp/pinned/nixpkgs-1/lib /tmp/other && cd /tmp/other
echo '{ }: { value = "of the archive"; }' > /tmp/pinned/nixpkgs-1/default.nix
echo '"of its library"' > /tmp/pinned/nixpkgs-1/lib/default.nix
tar -czf /tmp/nixpkgs.tar.gz -C /tmp/pinned nixpkgs-1
hash=$(nix-hash --type sha256 --base32 /tmp/pinned/nixpkgs-1)
cat > default.nix <<'NIX'
derivation {
  name = "environment";
  system = builtins.currentSystem;
  builder = "/bin/bash";
  VALUE = "${(import <nixpkgs> { }).value}, ${import <nixpkgs/lib>}";
}
NIX
! python3 -B /programs/nix_environment.py default.nix file:///tmp/nixpkgs.tar.gz "$(echo "$hash" | tr 0-9 1-90)" 2> said
grep -q 'hash mismatch' said
python3 -B /programs/nix_environment.py default.nix file:///tmp/nixpkgs.tar.gz "$hash"
unset R2I_NIX_PATH
nix-collect-garbage > said 2>&1
nix-entered bash -c 'echo "$VALUE: $(nix-instantiate --eval --expr "(import <nixpkgs> { }).value")"'
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("nix") / "repo"
    shutil.copytree(REPOS / "nix" / "repo", top)
    return write(top, {"a.ipynb": notebook(CELL)})


@pytest.fixture(scope="module")
def image(source: Path) -> Iterator[Built]:
    tag = fresh_tag("nix")
    done = build(source, tag)
    try:
        assert done.returncode == 0, done.stderr
        yield Built(tag=tag, log=done.stderr)
    finally:
        remove_image("docker", tag)


def test_an_edited_notebook_rebuilds_nothing_before_the_source(source: Path, image: Built) -> None:
    write(source, {"a.ipynb": notebook(f"{CELL} # {secrets.randbelow(10**9)}")})

    assert built_steps(source, image.tag) == {"Repository files"}


def test_notebooks_run_in_the_environment(source: Path, image: Built) -> None:
    """As a person runs them, and as `r2i check` does, whose own programs are not in the environment."""
    ran = image.executed("a.ipynb")
    words = [
        R2I,
        "check",
        str(source),
        "--execute",
        "--engine",
        "docker",
        "--tag",
        image.tag,
        "--format",
        "json",
    ]
    done = run(words, env={**os.environ, "NO_COLOR": "1"}, timeout=600)
    seen = json.loads(done.stdout)["dynamic"]

    assert ran.startswith("/nix/store/")
    assert "-jupyter/bin/python3 It's 100%" in ran
    assert done.returncode == 0, done.stderr
    # A cell fails that does not find what the hook of the environment sets.
    assert [(one["path"], one["failure"]) for one in seen["notebooks"]] == [("a.ipynb", None)]
    assert [kernel["name"] for kernel in seen["kernels"]] == ["python3"]


def test_the_nixpkgs_of_the_image_is_verified_and_kept(image: Built) -> None:
    """What is pinned cannot be reached here: an archive of a few bytes is in its place."""
    said = image.answer(PINNED, "--volume", f"{PROGRAMS}:/programs:ro")

    assert said == 'of the archive, of its library: "of the archive"\n'
