"""The folder that plain `docker build` turns into the image."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from r2i.building.export import context_paths, export
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError, UsageError
from r2i.model import Options
from r2i.planning.compose import make_plan
from tests.writing import Files, deep, outside_file, remove_deep, write


@pytest.fixture
def top(tmp_path: Path) -> Path:
    directory = tmp_path / "repo"
    directory.mkdir()
    return directory


def exported(checkout: Checkout, output: Path) -> Path:
    export(make_plan(checkout, Options()), checkout, output)
    return output


def content(folder: Path) -> Mapping[str, object]:
    """All that lies in a folder: modes, and bytes or the target of a link."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        what = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (stat.S_IMODE(status.st_mode), what)
    return found


def test_the_folder_has_the_dockerfile_the_repository_and_what_comes_from_us(
    top: Path, tmp_path: Path
) -> None:
    checkout = write(top, {"requirements.txt": "six\n", "sub/a.py": "1", "start": '#!/bin/sh\nexec "$@"\n'})
    (top / "start").chmod(0o755)
    folder = exported(checkout, tmp_path / "out")
    text = (folder / "Dockerfile").read_text(encoding="utf-8")

    assert {path.name for path in folder.iterdir()} == {"Dockerfile", "r2i", "repo"}
    assert (folder / "repo" / "sub" / "a.py").read_text(encoding="utf-8") == "1"
    assert os.access(folder / "repo" / "start", os.X_OK)
    assert "FROM scratch AS r2i\nCOPY r2i /\n" in text
    assert "COPY --chown=1000:1000 repo /home/jovyan/" in text
    assert str(tmp_path) not in text


def test_every_file_that_the_dockerfile_mounts_is_there(top: Path, tmp_path: Path) -> None:
    folder = exported(write(top, {"requirements.txt": "six\n", "apt.txt": "git\n"}), tmp_path / "out")
    text = (folder / "Dockerfile").read_text(encoding="utf-8")
    sources = re.findall(r"from=r2i,source=([\w./-]+)", text)

    assert sources
    assert all((folder / "r2i" / source).exists() for source in sources)


def test_two_copies_are_the_same_folder(top: Path, tmp_path: Path) -> None:
    files = {"requirements.txt": "six\n", "b/c": "1", "a": "2"}
    other = tmp_path / "elsewhere"
    write(other, dict(reversed(files.items())))
    os.utime(other / "a", (1, 1))

    assert content(exported(write(top, files), tmp_path / "one")) == content(
        exported(Checkout.open(other), tmp_path / "two")
    )


def test_what_dockerignore_names_is_left_out(top: Path, tmp_path: Path) -> None:
    files = {
        ".dockerignore": "data\n!data/small\n*.tmp\n",
        "data/big": "",
        "data/small": "",
        "a.tmp": "",
        "b": "",
    }
    folder = exported(write(top, files), tmp_path / "out")

    assert content(folder / "repo").keys() == {".dockerignore", "data", "data/small", "b"}


def test_the_dockerfile_of_a_binder_directory_comes_to_the_top(top: Path, tmp_path: Path) -> None:
    files = {"binder/Dockerfile": "FROM debian:12\n", "Dockerfile": "FROM other\n", "a": ""}
    folder = exported(write(top, files), tmp_path / "out")

    assert content(folder).keys() == {"binder", "binder/Dockerfile", "Dockerfile", "a"}
    assert (folder / "Dockerfile").read_text(encoding="utf-8") == "FROM debian:12\n"


@pytest.mark.parametrize("absolute", [True, False])
def test_nothing_is_written_through_a_link_of_the_repository(
    top: Path, tmp_path: Path, *, absolute: bool
) -> None:
    secret = outside_file(tmp_path)
    write(top, {"binder/Dockerfile": "FROM debian:12\n"})
    (top / "Dockerfile").symlink_to(secret if absolute else "../outside/secret")
    folder = exported(Checkout.open(top), tmp_path / "out")

    assert secret.read_text(encoding="utf-8") == "secret of the host\n"
    assert not (folder / "Dockerfile").is_symlink()


@pytest.mark.parametrize("name", ["r2i", "repo", "Dockerfile", "folder"])
def test_no_name_in_a_repository_is_in_our_way(top: Path, tmp_path: Path, name: str) -> None:
    secret = outside_file(tmp_path)
    write(top, {"binder/start": "#!/bin/sh\n"})
    (top / name).symlink_to(secret.parent)
    folder = exported(Checkout.open(top), tmp_path / "out")

    assert list(secret.parent.iterdir()) == [secret]
    assert (folder / "Dockerfile").is_file()
    assert (folder / "r2i" / "tools" / "uv.lock").is_file()


def test_links_are_copied_as_links(top: Path, tmp_path: Path) -> None:
    secret = outside_file(tmp_path)
    (top / "file").symlink_to(secret)
    (top / "directory").symlink_to(secret.parent)
    (top / "nowhere").symlink_to("nowhere")
    folder = exported(Checkout.open(top), tmp_path / "out") / "repo"

    assert {path.name: path.is_symlink() for path in folder.iterdir()} == {
        "file": True,
        "directory": True,
        "nowhere": True,
    }


@pytest.mark.timeout(20)
def test_a_pipe_is_left_out(top: Path, tmp_path: Path) -> None:
    os.mkfifo(top / "pipe")
    write(top, {"a": ""})

    assert content(exported(Checkout.open(top), tmp_path / "out") / "repo").keys() == {"a"}


def test_an_empty_directory_is_used(top: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    assert (exported(Checkout.open(top), tmp_path / "out") / "Dockerfile").exists()


def test_the_folder_may_lie_in_the_repository(top: Path) -> None:
    folder = exported(write(top, {"a": ""}), top / "build" / "image")

    assert content(folder / "repo").keys() == {"a"}


@pytest.mark.parametrize("files", [{"out/a": "keep"}, {"out": "keep"}])
def test_nothing_that_exists_is_written_over(top: Path, tmp_path: Path, files: Files) -> None:
    write(tmp_path, files)
    before = content(tmp_path)

    with pytest.raises(UsageError, match="not empty"):
        exported(Checkout.open(top), tmp_path / "out")
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("files", "output"),
    [
        ({"binder/Dockerfile": "FROM a\n", "Dockerfile/x": ""}, "out"),
        ({".dockerignore": "[z-a]\n"}, "out"),
        ({"a": ""}, "/".join(["deep"] * 1000)),
        ({"a": ""}, "x" * 300),
        ({"a": ""}, f"new/newer/{'x' * 300}"),
        ({"a": ""}, "repo/a/out"),
    ],
    ids=["directory", "pattern", "deep", "long", "parents", "file"],
)
def test_a_failure_leaves_nothing_behind(top: Path, tmp_path: Path, files: Files, output: str) -> None:
    checkout = write(top, files)
    before = content(tmp_path)

    with pytest.raises(R2iError) as caught:
        exported(checkout, tmp_path / output)
    assert caught.value.hint or isinstance(caught.value, InvalidRepositoryError)
    assert content(tmp_path) == before


def test_a_tree_that_is_too_deep_is_refused_with_words(top: Path, tmp_path: Path) -> None:
    deep(top, 3000)
    try:
        with pytest.raises(R2iError):
            exported(Checkout.open(top), tmp_path / "out")
        assert [path.name for path in tmp_path.iterdir()] == ["repo"]
    finally:
        remove_deep(top)


def test_a_directory_that_is_left_out_is_not_looked_into(top: Path) -> None:
    write(top, {"a/b": "", "c": ""})
    deep(top, 3000)
    try:
        assert list(context_paths(top, "d\na\n")) == ["c"]
    finally:
        remove_deep(top)
