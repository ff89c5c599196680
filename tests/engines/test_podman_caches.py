"""Directories in which Podman keeps the caches of build steps: nobody else can have written to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from r2i.engines.podman_caches import place, temporary
from r2i.errors import EngineError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache directory of the user."""
    directory = tmp_path / "cache"
    directory.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(directory))
    return directory


@pytest.mark.usefixtures("cache")
def test_only_we_can_read_it() -> None:
    before = os.umask(0)
    try:
        directory = Path(temporary("name")["TMPDIR"])
    finally:
        os.umask(before)

    assert directory == place() / "name"
    assert [each.stat().st_mode & 0o777 for each in (directory, place())] == [0o700, 0o700]
    assert temporary("name") == {"TMPDIR": str(directory)}
    assert temporary("other") != temporary("name")
    assert temporary("") == {}


@pytest.mark.parametrize("level", ["r2i", "r2i/podman", "r2i/podman/name"])
def test_a_directory_of_another_user_is_not_used(cache: Path, level: str) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root to give a directory away")
    directory = cache / level
    directory.mkdir(parents=True)
    os.chown(directory, 1234, 1234)

    with pytest.raises(EngineError, match=f"`{directory}` belongs to another user"):
        temporary("name")


@pytest.mark.parametrize("level", ["r2i/podman", "r2i/podman/name"])
def test_a_link_is_not_followed(cache: Path, tmp_path: Path, level: str) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (cache / level).parent.mkdir(parents=True)
    (cache / level).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(EngineError, match="is not a directory"):
        temporary("name")
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755


def test_a_place_that_everybody_can_change_is_not_used(cache: Path) -> None:
    cache.chmod(0o777)
    with pytest.raises(EngineError, match=f"Everybody can write to `{cache}`"):
        temporary("name")

    cache.chmod(0o1777)
    assert temporary("name")


def test_a_file_in_its_place_is_an_error(cache: Path) -> None:
    (cache / "r2i").write_text("")
    with pytest.raises(EngineError, match="cannot be created for the step caches of Podman: Not a directory"):
        temporary("name")
