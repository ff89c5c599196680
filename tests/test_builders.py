"""Builds on another machine, caches there and back, and images that go elsewhere than into the local store."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from r2i.engines import EngineName
from r2i.process import Completed, run
from tests.builders import RemoteBuilder, remote_builder
from tests.building import R2I, build, fresh_tag
from tests.cases import ROOT
from tests.children import started
from tests.real_engines import BASE, engine_of, remove_image
from tests.waiting import until

pytestmark = pytest.mark.engine

SCHEMA = json.loads((ROOT / "docs/metadata.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def remote() -> Iterator[RemoteBuilder]:
    engine_of("docker")
    with remote_builder() as found:
        yield found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose step nobody has built before."""
    directory = tmp_path / "repository"
    directory.mkdir()
    word = secrets.token_hex(8)
    (directory / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo {word} >/word\nCOPY notes /notes\n")
    (directory / "notes").write_text(word)
    return directory


@pytest.fixture
def tag() -> Iterator[str]:
    name = fresh_tag("builders")
    yield name
    for engine in ("docker", "podman"):
        remove_image(engine, name)


def away(repository: Path | str, remote: RemoteBuilder, tag: str, *options: str) -> Completed:
    return build(repository, tag, "--builder", remote.name, *options, **remote.environ)


def told(file: Path) -> Any:
    """What a metadata file says, as the schema has it."""
    document = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA)
    return document


def cached(file: Path) -> list[bool]:
    return [layer["cached"] for layer in told(file)["layers"]]


def test_remote_builder_gives_the_image_to_this_machine(
    remote: RemoteBuilder, repository: Path, tag: str, tmp_path: Path
) -> None:
    first, again = tmp_path / "first.json", tmp_path / "again.json"
    done = away(repository, remote, tag, "--metadata-file", str(first))
    assert done.returncode == 0, done.stderr
    assert away(repository, remote, tag, "--metadata-file", str(again)).returncode == 0

    assert done.stdout == f"{tag}\n"
    assert (
        run(["docker", "run", "--rm", tag, "cat", "/word"]).stdout
        == (repository / "notes").read_text() + "\n"
    )
    built, found = told(first), told(again)
    assert [layer["title"][:4] for layer in built["layers"]] == ["RUN ", "COPY"]
    assert (built["found"], found["found"], found["layers"]) == (False, True, None)
    assert built["image"] == found["image"]
    assert built["plan"] == found["plan"]
    assert run(["docker", "--host", remote.host, "image", "ls", "--quiet", tag]).stdout == ""


def test_image_goes_to_a_registry_and_into_an_archive(
    remote: RemoteBuilder, repository: Path, tmp_path: Path
) -> None:
    name, file, archive = (
        f"{remote.registry}/{secrets.token_hex(4)}:1",
        tmp_path / "m.json",
        tmp_path / "image.tar",
    )
    outputs = ("--output", "type=registry", "--output", f"type=oci,dest={archive}")
    more = ("--builder", remote.name, *outputs, "--metadata-file", str(file))
    done = build(repository, name, *more, **remote.environ, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr

    # Only the use of an image of the local store is noted.
    assert not (tmp_path / "cache" / "r2i" / "uses").exists()
    there, image = remote.image(name), told(file)["image"]
    assert [f"{name.removesuffix(':1')}@{image['digest']}"] == there["RepoDigests"]
    assert image["references"] == [name]
    assert image["platforms"] == ["linux/amd64"]
    with tarfile.open(archive) as members:
        assert "oci-layout" in members.getnames()
    assert run(["docker", "image", "ls", "--quiet", name]).stdout == ""
    assert not [*tmp_path.glob(".r2i-*")]


@pytest.mark.parametrize("more", [(), ("--output", "type=docker")], ids=["registry", "store"])
def test_own_name_of_a_revision_is_not_pushed(
    remote: RemoteBuilder, repository: Path, more: tuple[str, ...]
) -> None:
    """The builder reaches no other registry, so a second name would fail."""
    for words in ("init -q -b main", "add -A", "-c user.name=a -c user.email=a@b.org commit -q -m one"):
        assert run(["git", *words.split()], cwd=repository).returncode == 0
    revision, name = f"file://{repository}", f"{remote.registry}/{secrets.token_hex(4)}:1"
    done = away(revision, remote, name, "--output", "type=registry", *more)
    assert done.returncode == 0, done.stderr
    again = away(revision, remote, name) if more else None
    remove_image("docker", name)

    assert remote.image(name)["RepoDigests"]
    assert f"Pushed {name}@sha256:" in done.stderr
    # The local store has the name, by which the revision is found.
    assert again is None or "is up to date" in again.stderr


def test_registry_that_the_builder_does_not_reach_is_named(remote: RemoteBuilder, repository: Path) -> None:
    done = away(repository, remote, "127.0.0.1:1/octavia/x:1", "--output", "type=registry")

    assert done.returncode == 75
    assert "Error: No registry answers at `127.0.0.1:1`" in done.stderr


@pytest.mark.parametrize("kind", ["local", "registry", "inline"])
def test_layers_come_from_a_cache_elsewhere(
    remote: RemoteBuilder, repository: Path, tmp_path: Path, kind: str
) -> None:
    file, name = tmp_path / "m.json", f"{remote.registry}/{secrets.token_hex(4)}:1"
    to, from_ = {
        "local": (f"type=local,dest={tmp_path}/cache,mode=max", f"type=local,src={tmp_path}/cache"),
        "registry": (f"type=registry,ref={name}-cache,mode=max", f"{name}-cache"),
        "inline": ("type=inline", f"type=registry,ref={name}"),
    }[kind]
    output = "type=registry" if kind == "inline" else "none"
    first = away(repository, remote, name, "--output", output, "--cache-to", to)
    assert first.returncode == 0, first.stderr
    remote.forget()
    more = ("--output", "none", "--metadata-file", str(file))
    without = away(repository, remote, name, *more)
    assert without.returncode == 0, without.stderr
    assert cached(file) == [False, False]
    remote.forget()
    done = away(repository, remote, name, *more, "--cache-from", from_)
    assert done.returncode == 0, done.stderr

    assert cached(file) == [True, True]
    assert done.stdout == ""
    assert told(file)["image"]["references"] == []


def test_several_platforms_are_one_index(
    remote: RemoteBuilder, repository: Path, tmp_path: Path, tag: str
) -> None:
    archive, file = tmp_path / "image.tar", tmp_path / "m.json"
    (repository / "Dockerfile").write_text("FROM scratch\nCOPY notes /notes\n")
    platforms = ("--platform", "linux/amd64,arm64")
    options = (*platforms, "--output", f"type=oci,dest={archive}", "--metadata-file", str(file))
    done = away(repository, remote, tag, *options)
    assert done.returncode == 0, done.stderr

    with tarfile.open(archive) as members:
        begin = members.extractfile("index.json")
        assert begin is not None
        digest = json.load(begin)["manifests"][0]["digest"]
        blob = members.extractfile(f"blobs/{digest.replace(':', '/')}")
        assert blob is not None
        manifests = json.load(blob)["manifests"]
    # No registry has it.
    assert told(file)["image"]["digest"] is None
    assert [each["platform"]["architecture"] for each in manifests] == ["amd64", "arm64"]
    assert told(file)["image"]["platforms"] == ["linux/amd64", "linux/arm64"]

    refused = build(repository, tag, *platforms)
    assert refused.returncode == 6
    assert "does not hold images for several platforms" in refused.stderr
    assert "docker buildx create --use" in refused.stderr


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_archives_are_made_of_the_local_store(name: EngineName, repository: Path, tag: str) -> None:
    engine_of(name)
    archives = {kind: repository / f"{kind}.tar" for kind in ("oci", "docker")}
    (repository / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . /all\nRUN ls -A /all >/list\n")
    outputs = [word for kind, file in archives.items() for word in ("--output", f"type={kind},dest={file}")]
    archives["oci"].write_text("of a build before")
    done = build(repository, tag, "--engine", name, *outputs)
    assert done.returncode == 0, done.stderr

    inside = run([name, "run", "--rm", tag, "cat", "/list"]).stdout.split()
    assert sorted(inside) == ["Dockerfile", "notes"]
    for kind, file in archives.items():
        assert file.stat().st_mode & 0o777 == 0o644
        with tarfile.open(file) as members:
            assert {"oci": "oci-layout", "docker": "manifest.json"}[kind] in members.getnames()
    assert sorted(path.name for path in repository.iterdir()) == [
        "Dockerfile",
        "docker.tar",
        "notes",
        "oci.tar",
    ]


def test_build_that_fails_leaves_the_archive_of_before(
    remote: RemoteBuilder, repository: Path, tmp_path: Path
) -> None:
    archive, file = tmp_path / "image.tar", tmp_path / "m.json"
    archive.write_text("of a build before")
    (repository / "Dockerfile").write_text(f"FROM {BASE}\nRUN false\n")
    options = ("--output", f"type=oci,dest={archive}", "--metadata-file", str(file))
    done = away(repository, remote, "fails", *options)

    assert done.returncode == 7
    assert archive.read_text() == "of a build before"
    assert not file.exists()
    assert not [*tmp_path.glob(".r2i-*")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_export_leaves_nothing(
    remote: RemoteBuilder, repository: Path, tmp_path: Path, number: signal.Signals
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (repository / "Dockerfile").write_text(f"FROM {BASE}\nRUN sleep 97\n")
    argv = [R2I, "build", str(repository), "--builder", remote.name, "--progress", "plain"]
    argv += ["--output", f"type=oci,dest={target}/image.tar"]
    environ = {**os.environ, **remote.environ}
    with started(*argv, stderr=subprocess.DEVNULL, env=environ) as child:
        until(lambda: [*target.glob(".r2i-*/image.tar")])
        child.send_signal(number)
        child.wait(timeout=60)

    until(lambda: not any(target.iterdir()))


#: A program for a machine that nobody has and nobody imitates.
FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xad\xde\x01" + bytes(43)


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_missing_emulation_is_named(name: EngineName, repository: Path, tag: str) -> None:
    from r2i.engines.protocol import BuildRequest
    from r2i.errors import EngineError
    from r2i.model import Dockerfile

    (repository / "sh").write_bytes(FOREIGN)
    (repository / "sh").chmod(0o755)
    text = "FROM scratch\nCOPY sh /bin/sh\nRUN true\n"
    dockerfile = Dockerfile(text=text, support={}, ignore="", layer_lines={})
    request = BuildRequest(
        context=repository, dockerfile=dockerfile, tags=(tag,), platforms=("linux/arm64",), network=False
    )
    with pytest.raises(EngineError, match="does not run programs for `linux/arm64`") as raised:
        engine_of(name).build(request, lambda _: None)

    assert "qemu-user-static" in str(raised.value.hint)


def test_builder_that_cannot_is_an_error(repository: Path, tag: str, tmp_path: Path) -> None:
    for option, value, message in (
        ("--builder", "nobody-made-this", "There is no builder `nobody-made-this`"),
        ("--cache-to", f"type=local,dest={tmp_path}/cache", "The builder cannot export its layer cache"),
    ):
        done = build(repository, tag, option, value, BUILDX_CONFIG=str(tmp_path / "buildx"))
        assert done.returncode == 6
        assert f"Error: {message}" in done.stderr
