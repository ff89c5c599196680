"""Whether a directory has changed since its image was built."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import r2i
from r2i import process
from r2i.building.records import (
    content_state,
    fingerprint,
    own_digest,
    remember,
    remembered,
    revision_state,
)
from r2i.checkout import Checkout
from r2i.model import Options, Source
from tests.writing import deep, planned, remove_deep, write


def git(top: Path, *words: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(top),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{
            f"GIT_{who}_{what}": "a@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    done = process.run(["git", "-C", str(top), *words], env=environment)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def top(tmp_path: Path) -> Path:
    directory = tmp_path / "repo"
    write(directory, {"a.py": "1", "sub/b.py": "2"})
    return directory


def state(top: Path, settings: str = "") -> str:
    return fingerprint(top, settings)


def test_an_unchanged_directory_has_the_same_fingerprint(top: Path) -> None:
    assert state(top) == state(top)


def _same_size_and_time(top: Path) -> None:
    path = top / "a.py"
    times = path.stat()
    path.write_text("9", encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        _same_size_and_time,
        lambda top: (top / "a.py").chmod(0o755),
        lambda top: (top / "sub").chmod(0o700),
        lambda top: (top / "a.py").rename(top / "c.py"),
        lambda top: (top / "sub" / "new").touch(),
        lambda top: (top / "sub" / "b.py").unlink(),
        lambda top: (top / "empty").mkdir(),
        lambda top: (top / "link").symlink_to("a.py"),
        lambda top: (top / os.fsdecode(b"caf\xe9")).touch(),
    ],
    ids=["content", "mode", "mode of a directory", "name", "new", "gone", "directory", "link", "no text"],
)
def test_every_change_that_an_image_sees_is_seen(top: Path, change: object) -> None:
    before = state(top)
    assert callable(change)
    change(top)

    assert state(top) != before


def test_another_target_of_a_link_is_a_change(top: Path) -> None:
    (top / "link").symlink_to("a.py")
    before = state(top)
    (top / "link").unlink()
    (top / "link").symlink_to("b.py")

    assert state(top) != before


def test_settings_are_part_of_it(top: Path) -> None:
    assert state(top) != state(top, "docker")


def test_a_commit_is_a_change_and_a_look_at_the_status_is_none(top: Path) -> None:
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "one")
    before = state(top)
    (top / ".git" / "index").unlink()  # so that git writes it anew
    git(top, "reset", "-q")
    git(top, "status")
    looked = state(top)
    git(top, "commit", "-q", "--allow-empty", "-m", "two")

    assert looked == before
    assert state(top) != before


def test_a_status_in_a_vendored_repository_is_no_change(top: Path) -> None:
    write(top, {"vendored/.git/HEAD": "ref: a", "vendored/.git/index": "1"})
    before = state(top)
    write(top, {"vendored/.git/index": "2", "vendored/.git/index.lock": ""})

    assert state(top) == before


def test_a_deep_tree_is_no_trouble(top: Path) -> None:
    deep(top, 2000)
    try:
        assert state(top) == state(top)
    finally:
        remove_deep(top)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    remember(tmp_path / "records", "r2i/a:b", fingerprint="f", image="sha256:1", bases={"debian": "sha256:2"})

    assert remembered(tmp_path / "records", "r2i/a:b") == {
        "fingerprint": "f",
        "image": "sha256:1",
        "bases": {"debian": "sha256:2"},
    }
    assert remembered(tmp_path / "records", "r2i/a:c") == {}
    assert len(list((tmp_path / "records").iterdir())) == 1


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"{}", b"\xff"])
def test_a_broken_record_is_none(tmp_path: Path, text: bytes) -> None:
    remember(tmp_path, "a", fingerprint="f", image="i", bases={})
    next(tmp_path.iterdir()).write_bytes(text)

    assert remembered(tmp_path, "a") == {}


def test_a_record_that_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    remember(tmp_path / "file", "a", fingerprint="f", image="i", bases={})

    assert remembered(tmp_path / "file", "a") == {}


def test_the_content_of_a_directory_has_one_digest_on_every_machine(top: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(top, copy)
    git(copy, "init", "-q", "-b", "main")

    assert of_content(copy) == of_content(top)


@pytest.mark.parametrize(
    "change",
    [
        lambda top: (top / "a.py").write_text("2"),
        lambda top: (top / "a.py").chmod(0o755),
        lambda top: (top / "a.py").rename(top / "c.py"),
        lambda top: (top / "sub" / "new").touch(),
        lambda top: (top / "link").symlink_to("a.py"),
        lambda top: (top / "apt.txt").write_text("tree\n"),
    ],
    ids=["content", "mode", "name", "new", "link", "plan"],
)
def test_every_change_of_a_directory_is_another_content(top: Path, change: object) -> None:
    before = of_content(top)
    assert callable(change)
    change(top)

    assert of_content(top) != before


def test_what_is_left_out_of_the_image_is_not_its_content(top: Path) -> None:
    (top / ".dockerignore").write_text("*.log\n")
    before = of_content(top)
    (top / "big.log").write_text("1")

    assert of_content(top) == before
    assert of_content(top, "an option") != before


def of_content(top: Path, *settings: str) -> str:
    checkout = Checkout.open(top)
    plan, dockerfile = planned(checkout)
    return content_state(checkout, plan, dockerfile, *settings)


@pytest.mark.parametrize(
    "name",
    [
        "buildpacks/start.Dockerfile.j2",
        "image/jupyter/server.lock",
        "image/programs/gate.py",
        "facts/pins.py",
    ],
)
def test_what_r2i_brings_into_images_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    """A developer changes a template, and not the version."""
    top = Path(r2i.__file__).parent
    copy = tmp_path / "r2i"
    shutil.copytree(top, copy, ignore=shutil.ignore_patterns("__pycache__"))
    same = own_digest(copy)
    with (copy / name).open("a") as file:
        file.write("\n")
    # Each is asked once of a directory.
    moved = copy.rename(tmp_path / "changed")

    assert same == own_digest(top)
    assert own_digest(moved) != same


def test_no_value_of_a_build_argument_is_needed_to_know_a_revision() -> None:
    source = Source(provider="git", location="https://example.org/a")
    states = {
        revision_state(source, Options(build_args={"TOKEN": value}), commit="1" * 40) for value in ("a", "b")
    }

    assert len(states) == 2
