"""An image is run as the one of a repository only where r2i has built it of that: a name proves nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from r2i.building.records import remember, remembered, revision_state
from r2i.building.settings import BuildSettings
from r2i.cli.rescue import builder_for
from r2i.engines.naming import image_reference
from r2i.engines.protocol import BuildRequest, StepEvent
from r2i.model import Image, Options
from r2i.sources import parse, resolve
from tests.cli.test_building import Store

SETTINGS = BuildSettings()


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they are kept."""
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path / "home" / "r2i" / "images"


@pytest.fixture
def location(tmp_path: Path) -> str:
    top = tmp_path / "repo"
    top.mkdir()
    (top / "requirements.txt").write_text("six\n")
    commit = "-c user.name=a -c user.email=a@example.org commit -q -m one"
    for words in ("init -q -b main", "add -A", commit):
        subprocess.run(["git", *words.split()], cwd=top, check=True)
    return f"file://{top}"


class Names(Store):
    """An engine in which anybody gives names to images."""

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        image = super().build(request, listen)
        self.images[image.id] = image.id
        return image


def build(engine: Store, location: str, settings: BuildSettings = SETTINGS) -> Image:
    return builder_for(engine, "plain", started=0).image(parse(location, cwd=Path("/")), settings)


def name_of(location: str) -> str:
    revision = resolve(parse(location, cwd=Path("/")), environ={})
    return image_reference(revision.source, Options(), revision=revision.content_id)


def test_an_image_that_only_has_the_name_is_not_it(location: str) -> None:
    engine = Names(images={name_of(location): "sha256:evil"})
    image = build(engine, location)

    assert len(engine.builds) == 1
    assert image.id != "sha256:evil"


@pytest.mark.parametrize("where", ["revision", "directory"])
def test_a_name_that_moved_is_not_followed(location: str, where: str) -> None:
    engine = Names()
    location = location if where == "revision" else location.removeprefix("file://")
    first = build(engine, location)
    again = build(engine, location)
    engine.images[first.reference] = "sha256:evil"
    other = build(engine, location)

    assert again.id == first.id
    assert len(engine.builds) == 2
    assert other.id not in {"sha256:evil", first.id}


def test_a_trusted_build_is_not_taken_for_another(location: str) -> None:
    engine = Names()
    build(engine, location, replace(SETTINGS, trusted=True))
    build(engine, location)

    assert len(engine.builds) == 2


def test_the_whole_commit_counts() -> None:
    source = parse("https://example.org/a", cwd=Path("/"))
    commit = "0123456789" * 4
    states = {
        revision_state(source, Options(), commit=commit),
        revision_state(source, Options(), commit=f"{commit[:-1]}a"),
        revision_state(source, Options(python="3.9"), commit=commit),
        revision_state(replace(source, subdirectory="x"), Options(), commit=commit),
        revision_state(source, Options(), commit=commit, settings="x"),
    }

    assert len(states) == 5


def test_a_record_that_others_can_write_is_none(records: Path, location: str) -> None:
    engine = Names()
    build(engine, location)
    [record] = records.iterdir()
    mode = record.stat().st_mode & 0o777
    record.chmod(0o666)
    build(engine, location)

    assert mode == 0o600
    assert len(engine.builds) == 2


def test_a_record_behind_a_link_is_none(tmp_path: Path) -> None:
    remember(tmp_path / "a", "name", fingerprint="f", image="i", bases={})
    [record] = (tmp_path / "a").iterdir()
    record.rename(tmp_path / "elsewhere")
    record.symlink_to(tmp_path / "elsewhere")

    assert remembered(tmp_path / "a", "name") == {}


@pytest.mark.parametrize(
    "content",
    [{"image": 1}, {"image": "", "fingerprint": ""}, {"bases": []}, {"image": None}, []],
    ids=json.dumps,
)
def test_a_record_of_another_shape_is_none(tmp_path: Path, content: object) -> None:
    remember(tmp_path, "name", fingerprint="f", image="i", bases={})
    [record] = tmp_path.iterdir()
    whole = json.loads(record.read_text())
    record.write_text(json.dumps(whole | content if isinstance(content, dict) else content))

    assert remembered(tmp_path, "name") == {}
