"""`r2i cache`: what is kept of downloads, for people and programs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.building import R2I

from r2i.process import Completed, run
from r2i.sources.web.kept import DownloadCache


@pytest.fixture
def kept(tmp_path: Path) -> DownloadCache:
    """Two files in the cache of a user, the second of which was used later."""
    cache = DownloadCache(directory=tmp_path / "cache" / "r2i" / "downloads", limit=10_000)
    for number, name in enumerate(("old.zip", "new\x1b[2J.csv")):
        path = tmp_path / name
        path.write_bytes(bytes(1000 + number))
        cache.add(path, "zenodo.org", f"md5:{number}")
        found = cache.find("zenodo.org", f"md5:{number}")
        assert found is not None
        os.utime(found.parent, (1_500_000_000 + number, 1_500_000_000 + number))
    return cache


def r2i(tmp_path: Path, *arguments: str, **environ: str) -> Completed:
    return run(
        [R2I, "cache", *arguments], env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), **environ}
    )


def test_what_is_kept_is_listed(tmp_path: Path, kept: DownloadCache) -> None:
    done = r2i(tmp_path, R2I_CACHE_LIMIT="1g")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"2 files, 2.0 kB of at most 1.1 GB, in `{kept.directory}`",
        "     1.0 kB  2017-07-14  zenodo.org  new\\x1b[2J.csv",
        "     1.0 kB  2017-07-14  zenodo.org  old.zip",
    ]


def test_programs_get_json(tmp_path: Path, kept: DownloadCache) -> None:
    document = json.loads(r2i(tmp_path, "--json").stdout)
    assert document == {
        "version": 1,
        "directory": str(kept.directory),
        "limit": 10 << 30,
        "size": 2001,
        "removed": 0,
        "files": [
            {
                "name": "new\x1b[2J.csv",
                "host": "zenodo.org",
                "checksum": "md5:1",
                "size": 1001,
                "used": "2017-07-14T02:40:01Z",
            },
            {
                "name": "old.zip",
                "host": "zenodo.org",
                "checksum": "md5:0",
                "size": 1000,
                "used": "2017-07-14T02:40:00Z",
            },
        ],
        "podman": {"directory": str(tmp_path / "cache" / "r2i" / "podman"), "size": 0, "removed": 0},
    }


def test_it_is_emptied(tmp_path: Path, kept: DownloadCache) -> None:
    (kept.directory / ".unfinished").mkdir()
    done = r2i(tmp_path, "--clear")
    assert (done.returncode, done.stdout) == (0, f"Removed 2.0 kB from `{kept.directory}`\n")
    assert list(kept.directory.iterdir()) == []
    assert r2i(tmp_path).stdout.startswith("0 files, 0 bytes of at most 10.7 GB")


def test_a_limit_that_is_no_size(tmp_path: Path) -> None:
    done = r2i(tmp_path, R2I_CACHE_LIMIT="much")
    assert done.returncode == 2
    assert "Error: `R2I_CACHE_LIMIT=much` is not a size\nHint: Write it like `512m` or `10g`" in done.stderr
