"""`r2i images` and `r2i prune` on an engine that has nothing but what the test puts there."""

from __future__ import annotations

import json
import os
import pty
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.building import R2I
from tests.cases import ROOT
from tests.real_engines import engine_of

from r2i.process import Completed, run

SCHEMA = json.loads((ROOT / "docs" / "images.schema.json").read_text(encoding="utf-8"))

MADE = "LABEL io.r2i.version=0.1.0"
MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store of Podman, and the cache of a user."""

    top: Path
    environ: dict[str, str]

    def podman(self, *words: str) -> str:
        done = run(["podman", *words], env=self.environ, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def build(self, name: str, dockerfile: str, **files: int) -> str:
        """The id of an image; `files` are sizes of files that there are to copy."""
        context = self.top / secrets.token_hex(8)
        context.mkdir()
        for file, size in files.items():
            (context / file).write_bytes(secrets.token_bytes(size))
        (context / "Dockerfile").write_text(dockerfile)
        self.podman("build", "--quiet", f"--tag={name}", str(context))
        return self.podman("image", "inspect", "--format={{.Id}}", name)

    def use(self, image: str, *, days: int) -> None:
        """r2i used it so many days ago."""
        file = self.top / "cache" / "r2i" / "uses" / f"podman-{image}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        moment = time.time() - days * 86400
        os.utime(file, (moment, moment))

    def r2i(self, *words: str) -> Completed:
        return run([R2I, *words, "--engine", "podman"], env=self.environ, timeout=120)

    def answered(self, answer: str, *words: str) -> Completed:
        """What r2i does where a person at the terminal gives this answer."""
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        argv = ["sh", "-c", 'exec "$@" </proc/$PPID/fd/$0', str(theirs), R2I, *words, "--engine", "podman"]
        try:
            return run(argv, env=self.environ, timeout=120)
        finally:
            os.close(ours)
            os.close(theirs)

    def images(self) -> list[dict[str, Any]]:
        done = self.r2i("images", "--json")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        jsonschema.validate(document, SCHEMA)
        found: list[dict[str, Any]] = document["images"]
        return found

    def left(self) -> list[str]:
        return sorted(name for image in self.images() for name in image["names"])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine_of("podman")
    conf = tmp_path / "storage.conf"
    conf.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/store"\nrunroot = "{tmp_path}/runs"\n'
    )
    environ = {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(conf),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "NO_COLOR": "1",
    }
    made = Store(top=tmp_path, environ=environ)
    yield made
    run(["podman", "rm", "--all", "--force"], env=environ)
    run(["podman", "image", "rm", "--all", "--force"], env=environ)


@pytest.fixture
def three(store: Store) -> dict[str, str]:
    """Two images of r2i upon a shared layer, used ten and forty days ago, and one that somebody made from them."""
    base = store.build("base", "FROM scratch\nCOPY a /\n", a=3 * MEGABYTE)
    source = "LABEL org.opencontainers.image.source=https://example.org/a/b"
    ids = {
        "old": store.build("r2i/old:1", f"FROM base\nCOPY b /\n{MADE}\n{source}\n", b=2 * MEGABYTE),
        "new": store.build(
            "new:1", f"FROM base\nCOPY c /\n{MADE}\nLABEL repo2docker.ref=0123456789abcdef\n", c=MEGABYTE
        ),
        "base": base,
    }
    ids["derived"] = store.build("derived", "FROM new:1\nCOPY d /\n", d=MEGABYTE)
    store.use(ids["old"], days=40)
    store.use(ids["new"], days=10)
    return ids


@pytest.mark.engine
def test_what_r2i_made_is_listed_and_nothing_else(store: Store, three: dict[str, str]) -> None:
    shown = store.r2i("images").stdout.splitlines()
    new, old = store.images()

    assert [new["names"], old["names"]] == [["localhost/new:1"], ["localhost/r2i/old:1"]]
    assert new["id"] == f"sha256:{three['new']}"
    assert (new["revision"], old["revision"]) == ("0123456789abcdef", None)
    assert old["repository"] == "https://example.org/a/b"
    assert 4 * MEGABYTE < new["size"] < 5 * MEGABYTE
    assert shown[0].startswith("2 images, 6.0 MB")
    assert shown[1].split() == ["USED", "CREATED", "SIZE", "ENGINE", "REPOSITORY", "REVISION", "NAME"]
    assert "10 days ago" in shown[2]
    assert "0123456789ab " in shown[2]
    assert shown[3].endswith("https://example.org/a/b  -             localhost/r2i/old:1")


@pytest.mark.engine
def test_images_are_removed_by_age(store: Store, three: dict[str, str]) -> None:
    tried = store.r2i("prune", "--older-than", "30d", "--dry-run")
    before = store.left()
    store.use("f" * 64, days=400)
    done = store.r2i("prune", "--older-than", "30d", "--yes")
    uses = {file.name for file in (store.top / "cache/r2i/uses").iterdir()}

    assert tried.stdout.splitlines()[-1] == "1 image, 2.0 MB in layers that no other image has"
    assert before == ["localhost/new:1", "localhost/r2i/old:1"]
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "Removed 1 image, 2.0 MB"
    assert store.left() == ["localhost/new:1"]
    assert uses == {f"podman-{three['new']}", f"podman-{three['old']}"}  # another daemon could have it
    assert store.r2i("prune", "--older-than", "30d", "--yes").stdout == "No image to remove\n"


@pytest.mark.engine
@pytest.mark.usefixtures("three")
def test_no_image_of_a_container_or_of_others_is_removed(store: Store) -> None:
    store.podman("create", "--name=uses", "new:1", "/program")
    done = store.r2i("prune", "--keep-size", "0", "--yes")

    assert done.returncode == 0, done.stderr
    assert store.left() == ["localhost/new:1"]
    assert set(store.podman("images", "--format={{.Names}}").splitlines()) >= {
        "[localhost/base:latest]",
        "[localhost/derived:latest]",
    }


@pytest.mark.engine
@pytest.mark.usefixtures("three")
def test_an_image_that_cannot_be_removed_stops_no_other(store: Store) -> None:
    second = store.build("r2i/second:1", f"FROM base\nCOPY e /\n{MADE}\n", e=MEGABYTE)
    store.use(second, days=50)
    program = store.top / "bin" / "podman"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ncase \"$*\" in 'image rm '*{second}) echo 'Error: no luck' >&2; exit 125;; esac\n"
        f'PATH={os.environ["PATH"]} exec podman "$@"\n'
    )
    program.chmod(0o755)
    store.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    done = store.r2i("prune", "--older-than", "30d", "--yes")

    assert done.returncode == 6
    assert done.stdout.splitlines()[-1] == "Removed 1 image, 2.0 MB"
    assert "Warning: `localhost/r2i/second:1` was not removed: no luck" in done.stderr
    assert "Error: 1 of 2 images could not be removed" in done.stderr
    assert store.left() == ["localhost/new:1", "localhost/r2i/second:1"]


@pytest.mark.engine
@pytest.mark.usefixtures("three")
def test_a_person_is_asked(store: Store) -> None:
    refused, agreed = (store.answered(word, "prune", "--older-than", "30d") for word in ("", "y"))

    assert refused.returncode == 130
    assert agreed.returncode == 0
    assert "Remove 1 image?" in refused.stderr
    assert agreed.stdout.splitlines()[-1] == "Removed 1 image, 2.0 MB"


@pytest.mark.engine
def test_an_engine_that_does_not_answer_is_named(store: Store) -> None:
    environ = {**store.environ, "DOCKER_HOST": "tcp://127.0.0.1:9"}
    done = run([R2I, "images"], env=environ, timeout=60)

    assert done.returncode == 0
    assert done.stdout == "0 images, 0 bytes\n"
    assert done.stderr.startswith("Warning: Docker does not answer")
    assert done.stderr.endswith(". r2i cannot see its images\n")


def test_no_engine_is_an_error(tmp_path: Path) -> None:
    done = run([R2I, "images"], env={"PATH": str(tmp_path), "HOME": str(tmp_path)})

    assert done.returncode == 6
    assert done.stderr == "Error: Docker is not installed\nHint: Run `r2i setup`\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            (),
            "Error: `r2i prune` needs an age or a size\nHint: Pass `--older-than 30d` or `--keep-size 20g`\n",
        ),
        (("--older-than", "soon"), "Error: `--older-than soon` is not a duration\n"),
        (("--keep-size", "much"), "Error: `--keep-size much` is not a size\n"),
        (("--older-than", "1d"), "Error: Cannot ask for confirmation: stdin is not a terminal\n"),
    ],
)
def test_a_wrong_command_line_is_told(words: tuple[str, ...], said: str) -> None:
    done = run([R2I, "prune", *words])

    assert done.returncode == 2
    assert done.stderr.startswith(said)
