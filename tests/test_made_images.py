"""Which images r2i made, what they take together, and which of them go first."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from r2i.building.images import LONG, MadeImage, by_use, forget_gone, freed, made_of, size_of, superfluous
from r2i.building.records import records, remember, remembered
from r2i.building.uses import last_use, note_use
from r2i.engines import EngineName
from r2i.engines.protocol import HistoryStep, StoredImage

LABEL = "LABEL io.r2i.version=1"
NOW = 1_700_000_000.0
DAY = 86400.0


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "r2i"


def image(
    name: str,
    *steps: tuple[str, int],
    references: tuple[str, ...] = (),
    label: str = "io.r2i.version",
    in_use: bool = False,
) -> StoredImage:
    history = tuple(HistoryStep(created="t", instruction=text, size=size) for text, size in steps)
    return StoredImage(
        id=f"sha256:{name}",
        references=references,
        size=sum(size for _, size in steps),
        created=NOW,
        labels={label: "sha256:1"},
        history=history,
        in_use=in_use,
    )


def made(name: str, *steps: tuple[str, int], days: float, in_use: bool = False) -> MadeImage:
    """An image that was last used so many days ago."""
    return MadeImage(engine="docker", stored=image(name, *steps, in_use=in_use), used=NOW - days * DAY)


def names(images: list[MadeImage]) -> list[str]:
    return [each.stored.id.removeprefix("sha256:") for each in images]


OURS = (("FROM", 1), ("COPY . .", 2), (LABEL, 0), ("USER jovyan", 0))


def test_an_image_of_r2i_has_its_label_above_all_files() -> None:
    assert made_of("docker", [image("a", *OURS)])
    assert not made_of("docker", [image("a", *OURS, label="another")])


def test_an_image_that_somebody_made_from_one_of_r2i_is_none() -> None:
    derived = image("a", *OURS, ("RUN apt-get install vim", 3), references=("mine:1",))

    assert made_of("docker", [derived]) == []


def test_an_image_whose_history_does_not_tell_is_known_by_its_name() -> None:
    steps = ("RUN build", 3), ("RUN more", 4)

    assert made_of("docker", [image("a", *steps, references=("r2i/name:1",))])
    assert made_of("podman", [image("a", *steps, references=("localhost/r2i/name:1",))])
    assert not made_of("docker", [image("a", *steps, references=("name:1",))])


def test_an_image_that_r2i_used_here_needs_no_other_sign() -> None:
    note_use("docker", "sha256:a")

    assert made_of("docker", [image("a", ("RUN build", 3), references=("name:1",))])
    assert not made_of("podman", [image("a", ("RUN build", 3), references=("name:1",))])


def test_an_image_was_used_when_it_was_made_if_nothing_else_is_known() -> None:
    [unknown] = made_of("docker", [image("a", *OURS)])
    note_use("docker", "sha256:a")
    [known] = made_of("docker", [image("a", *OURS)])

    assert unknown.used == NOW
    assert time.time() - 60 < known.used <= time.time()


def test_no_image_was_used_in_the_future(cache: Path) -> None:
    note_use("docker", "sha256:a")
    later = time.time() + 365 * DAY
    os.utime(cache / "uses" / "docker-a", (later, later))
    [found] = made_of("docker", [image("a", *OURS)])

    assert found.used <= time.time()


def test_a_use_that_cannot_be_noted_is_no_error(cache: Path) -> None:
    cache.parent.mkdir(exist_ok=True)
    cache.touch()
    note_use("docker", "sha256:a")

    assert last_use("docker", "sha256:a") is None


def test_a_directory_in_place_of_a_note_is_no_trouble(cache: Path) -> None:
    (cache / "uses" / "docker-a").mkdir(parents=True)
    note_use("docker", "sha256:a")
    forget_gone({"docker": set()}, now=time.time() + LONG + 60, complete=True)

    assert last_use("docker", "sha256:a") is not None


def test_a_shared_layer_counts_once() -> None:
    one = image("a", ("FROM", 100), ("RUN jupyter", 50), ("COPY a", 1))
    two = image("b", ("FROM", 100), ("ENV x", 0), ("RUN jupyter", 50), ("COPY b", 2))
    three = image("c", ("FROM other", 100), ("RUN jupyter", 50))

    assert size_of([one, two]) == 153
    assert size_of([one, two, three]) == 303


def test_what_other_images_have_is_not_freed() -> None:
    base = image("base", ("FROM", 100), label="another")
    one = image("a", ("FROM", 100), ("RUN jupyter", 50), ("COPY a", 1))
    two = image("b", ("FROM", 100), ("RUN jupyter", 50), ("COPY b", 2))

    assert freed([one], [base, one, two]) == 1
    assert freed([one, two], [base, one, two]) == 53
    assert freed([one, two], [one, two]) == 153


def test_images_go_by_age() -> None:
    images = by_use([made("old", days=31), made("new", days=1), made("used", days=40, in_use=True)])

    assert names(superfluous(images, unused_since=NOW - 30 * DAY, keep_size=None)) == ["old"]
    assert superfluous(images, unused_since=NOW - 50 * DAY, keep_size=None) == []


SHARED = ("FROM", 100), ("RUN jupyter", 50)


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (216, []),
        (215, ["a"]),
        (206, ["a"]),
        (205, ["a", "b"]),
        (150, ["a", "b", "d"]),
        (0, ["a", "b", "d"]),
    ],
)
def test_images_go_by_size_until_the_rest_fits(keep: int, expected: list[str]) -> None:
    images = by_use(
        [
            made("a", *SHARED, ("COPY a", 10), days=4),
            made("b", *SHARED, ("COPY b", 20), days=3),
            made("c", *SHARED, ("COPY c", 30), days=5, in_use=True),
            made("d", *SHARED, ("COPY d", 6), days=1),
        ]
    )

    assert names(superfluous(images, unused_since=None, keep_size=keep)) == expected


def test_age_and_size_go_together() -> None:
    images = by_use(
        [made(name, (f"COPY {name}", 10), days=days) for name, days in zip("abcd", (4, 3, 2, 1), strict=True)]
    )

    assert names(superfluous(images, unused_since=NOW - 3.5 * DAY, keep_size=20)) == ["a", "b"]
    assert names(superfluous(images, unused_since=NOW - 3.5 * DAY, keep_size=30)) == ["a"]


def test_what_is_kept_of_images_that_are_gone_is_removed(cache: Path) -> None:
    for name in ("here", "gone"):
        note_use("docker", f"sha256:{name}")
        remember(records(), name, fingerprint="f", image=f"sha256:{name}", bases={})
    note_use("podman", "sha256:gone")
    (cache / "images" / "broken.json").write_bytes(b"\xff")
    known: dict[EngineName, set[str]] = {"docker": {"sha256:here"}}
    # Another daemon, which was used last, may have it.
    forget_gone(known, now=time.time() + LONG - 60, complete=True)
    untouched = remembered(records(), "gone")
    forget_gone(known, now=time.time() + LONG + 60, complete=False)
    kept = remembered(records(), "gone")
    uses = sorted(file.name for file in (cache / "uses").iterdir())
    forget_gone(known, now=time.time() + LONG + 60, complete=True)

    assert untouched
    assert kept
    assert uses == ["docker-here", "podman-gone"]
    assert remembered(records(), "here")
    assert len(list((cache / "images").iterdir())) == 1
