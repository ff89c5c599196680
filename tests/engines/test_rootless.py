"""Podman for an ordinary user of this machine, who has never used it before: the real program, and r2i's own command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.building import image_of, notebook, write
from tests.real_engines import BASE, engine_of
from tests.rootless import OrdinaryUser, ordinary_user

from r2i.process import run

pytestmark = pytest.mark.engine

OWN = f"""\
FROM {BASE}
RUN useradd --create-home --uid 1000 jovyan
RUN --mount=type=cache,target=/kept,uid=1000 setpriv --reuid=1000 --clear-groups sh -c 'cat /kept/word || echo of-before >/kept/word'
USER jovyan
WORKDIR /home/jovyan
"""


@pytest.fixture(scope="module")
def user() -> Iterator[OrdinaryUser]:
    engine_of("podman")
    with ordinary_user() as user:
        yield user


@pytest.fixture(scope="module")
def ready(user: OrdinaryUser) -> OrdinaryUser:
    """With the fast storage, as `r2i doctor` says, and the base image."""
    before = doctor(user)
    if before["storage"]["problem"] == "slow-storage":
        user.answer("sh", "-c", before["storage"]["fix"])
    assert doctor(user)["storage"]["message"] == "storage driver overlay"
    load(user, "podman", BASE)
    return user


@pytest.fixture(scope="module")
def others(user: OrdinaryUser) -> Iterator[tuple[Path, ...]]:
    """Where Podman keeps caches by itself: Podman 4 for all users, newer ones where others can be first."""
    places = (Path("/var/tmp/buildah-cache"), Path(f"/var/tmp/buildah-cache-{user.uid}"))
    made = [place for place in places if not place.exists()]
    for place in made:
        place.mkdir(mode=0o755)
    yield places
    for place in made:
        with suppress(OSError):
            place.rmdir()


@pytest.fixture
def own(ready: OrdinaryUser) -> Path:
    """A repository of the user with a `Dockerfile`."""
    directory = ready.home / "own"
    directory.mkdir(exist_ok=True)
    return ready.own(write(directory, {"Dockerfile": OWN}))


def doctor(user: OrdinaryUser) -> dict[str, Any]:
    """What it finds, by check."""
    said = json.loads(user("r2i", "doctor", "--engine", "podman", "--json").stdout)
    return {finding["check"]: finding for finding in said["findings"]}


def load(user: OrdinaryUser, engine: str, image: str) -> None:
    archive = user.home / "image.tar"
    saved = run([engine, "save", "--output", str(archive), image], timeout=300)
    assert saved.returncode == 0, saved.stderr
    archive.chmod(0o644)
    user.answer("podman", "load", "--quiet", "--input", str(archive))
    archive.unlink()


def test_caches_are_private_and_kept_between_builds_until_they_are_removed(
    ready: OrdinaryUser, others: tuple[Path, ...], own: Path
) -> None:
    denied = ready("podman", "build", "--no-cache", str(own))
    assert "permission denied" in denied.stderr

    build = ("r2i", "build", str(own), "--engine=podman", "--tag=own", "--progress=plain")
    first = ready(*build)
    second = ready(*build, "--no-cache")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "of-before" not in first.stderr.replace("echo of-before", "")
    assert "] of-before\n" in second.stderr
    assert not any(path.stat().st_uid == ready.uid for place in others for path in place.glob("*"))

    caches = ready.home / ".cache/r2i/podman"
    assert caches.stat().st_mode & 0o777 == 0o700
    assert json.loads(ready.answer("r2i", "cache", "--json"))["podman"]["size"] > 0
    ready.answer("r2i", "cache", "--clear")
    assert not caches.exists()


def test_a_mounted_directory_is_writable_and_stays_the_users(ready: OrdinaryUser, own: Path) -> None:
    made = ready.own(write(ready.home / "data", {"there": "x\n"}))
    options = ("--engine=podman", "--editable", f"--volume={made}:/data")
    script = "id -u >made && cat /data/there >/data/made"
    done = ready("r2i", "run", str(own), *options, "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr

    assert (own / "made").read_text() == "1000\n"
    assert (made / "made").read_text() == "x\n"
    assert {(own / "made").stat().st_uid, (made / "made").stat().st_uid} == {ready.uid}


def test_notebooks_run(ready: OrdinaryUser, tmp_path: Path) -> None:
    """In an image whose layers Docker has, from other tests."""
    engine_of("docker")
    files = {"it.ipynb": notebook("import os; print(os.getuid())")}
    with image_of(write(tmp_path / "kernel", files)) as built:
        load(ready, "docker", built.tag)
    directory = ready.home / "notebooks"
    directory.mkdir()
    ready.own(write(directory, {**files, "Dockerfile": f"FROM docker.io/{built.tag}\nCOPY it.ipynb ./\n"}))
    options = ("--execute", "--engine=podman", "--trust-repository")
    said = ready.answer("r2i", "check", str(directory), *options)

    assert "L3  every notebook runs  1 of 1 notebooks" in said
