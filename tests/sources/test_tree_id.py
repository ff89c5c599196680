"""The id of a directory is the one that git gives it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r2i.sources.tree_id import TreeId
from tests.sources.serving import git

NAMES = st.text("ab.-_0é ", min_size=1, max_size=4).filter(lambda name: name not in {".", ".."})


def written(top: Path) -> str:
    """What git itself says of all that lies there."""
    git("init", "-q", cwd=top)
    git("add", "--force", "--all", cwd=top)
    identifier = git("-c", "core.fileMode=true", "write-tree", cwd=top)
    for path in sorted((top / ".git").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (top / ".git").rmdir()
    return identifier


def test_files_programs_links_and_directories(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "lib" / "inner").mkdir(parents=True)
    (top / "lib" / "inner" / "code.py").write_bytes(b"1\r\n")
    # `lib.py` and `lib-x` stand before `lib/`, and `lib0` behind it.
    for name in ("lib.py", "lib-x", "lib0", "empty"):
        (top / name).write_text(name if name != "empty" else "")
    (top / "run").write_text("#!/bin/sh\n")
    (top / "run").chmod(0o755)
    (top / "link").symlink_to("lib/inner")
    (top / "broken").symlink_to("nowhere")
    Path(os.fsdecode(os.fsencode(top) + b"/latin-\xe9")).write_text("not UTF-8")

    assert TreeId(top).hexdigest() == written(top)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.recursive(
        st.binary(max_size=3),
        lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4),
        max_leaves=8,
    )
)
def test_any_tree(tree: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    top = tmp_path_factory.mktemp("top")
    _write(top / "all", tree if isinstance(tree, dict) else {"one": tree})

    assert TreeId(top / "all").hexdigest() == written(top / "all")


def test_an_empty_directory_is_a_submodule_whose_commit_is_asked_for(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git("init", "-q", cwd=inner)
    git("commit", "-q", "--allow-empty", "-m", "one", cwd=inner)
    commit = git("rev-parse", "HEAD", cwd=inner)
    top = tmp_path / "top"
    (top / "modules" / "inner").mkdir(parents=True)
    (top / "a.txt").write_text("a")
    git("init", "-q", cwd=top)
    git("add", "a.txt", cwd=top)
    git("update-index", "--add", "--cacheinfo", f"160000,{commit},modules/inner", cwd=top)
    expected = git("write-tree", cwd=top)
    for path in sorted((top / ".git").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (top / ".git").rmdir()

    bare = TreeId(top)

    assert bare.hexdigest() != expected
    assert bare.empty == ["modules/inner"]
    assert TreeId(top, {"modules/inner": commit}).hexdigest() == expected


def test_a_directory_may_be_deeper_than_the_stack(tmp_path: Path) -> None:
    made = [str(tmp_path / "top")]
    for _ in range(1200):
        made.append(f"{made[-1]}/d")
    for path in made:
        os.mkdir(path)  # noqa: PTH102 - paths of the library are recursive themselves

    assert len(TreeId(Path(made[0])).hexdigest()) == 40

    for path in reversed(made):
        os.rmdir(path)  # noqa: PTH106


def _write(path: Path, tree: object) -> None:
    if isinstance(tree, dict):
        path.mkdir()
        for name, inner in tree.items():
            _write(path / name, inner)
    else:
        assert isinstance(tree, bytes)
        path.write_bytes(tree)
