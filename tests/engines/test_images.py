"""What engines know of their images, and how one of them goes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from tests.engines.conftest import Build

from r2i.building.images import freed, made_of
from r2i.engines.protocol import Engine, StoredImage
from r2i.errors import EngineError
from r2i.process import run

pytestmark = pytest.mark.engine

MADE = "LABEL io.r2i.version=0.1.0"


@pytest.fixture
def second(engine: Engine, tag: str) -> Iterator[str]:
    """Another name of the image."""
    name = f"{tag}-{secrets.token_hex(4)}"
    yield name
    run([engine.name, "image", "rm", "--force", name])


def stored(engine: Engine, id_: str) -> StoredImage | None:
    return next((image for image in engine.stored("io.r2i.version") if image.id == id_), None)


def test_an_image_is_known_with_its_layers(engine: Engine, tag: str, base: str, build: Build) -> None:
    image, _ = build(f"FROM BASE\nRUN head -c 2000000 /dev/urandom >/made\n{MADE}\nUSER 1000\n")
    found = stored(engine, image.id)
    below = engine.find(base)
    everything = engine.stored()

    assert found is not None
    assert below is not None
    assert [name.removeprefix("localhost/") for name in found.references] == [f"{tag}:latest"]
    assert found.labels["io.r2i.version"] == "0.1.0"
    assert found.size == image.size
    assert not found.in_use
    assert [made.stored.id for made in made_of(engine.name, [found])] == [image.id]
    assert below.id in {each.id for each in everything}
    assert 2_000_000 <= freed([found], everything) < 2_100_000


def test_an_image_goes_with_its_names(engine: Engine, tag: str, second: str, build: Build) -> None:
    image, _ = build(f"FROM BASE\n{MADE}\n")
    run([engine.name, "tag", tag, second])
    found = stored(engine, image.id)
    assert found is not None
    engine.remove(found)

    assert len(found.references) == 2
    assert engine.find(image.id) is None
    engine.remove(found)  # it is gone already


def test_a_name_that_another_image_has_by_now_stays(
    engine: Engine, tag: str, second: str, build: Build
) -> None:
    old, _ = build(f"FROM BASE\n{MADE}\nENV WHICH=old\n")
    run([engine.name, "tag", tag, second])
    found = stored(engine, old.id)
    assert found is not None
    new, _ = build(f"FROM BASE\n{MADE}\nENV WHICH=new\n")
    engine.remove(found)

    assert engine.find(old.id) is None
    kept = engine.find(tag)
    assert kept is not None
    assert kept.id == new.id


def test_an_image_of_a_container_stays(engine: Engine, tag: str, build: Build) -> None:
    image, _ = build(f"FROM BASE\n{MADE}\n")
    name = f"r2i-test-{secrets.token_hex(6)}"
    run([engine.name, "create", f"--name={name}", tag, "true"])
    try:
        found = stored(engine, image.id)
        assert found is not None
        with pytest.raises(EngineError, match="A container uses it"):
            engine.remove(found)
    finally:
        run([engine.name, "rm", "--force", name])

    assert found.in_use
    assert engine.find(tag) is not None
