"""Which release an image is of, by its name."""

from __future__ import annotations

import pytest

from r2i.facts.pins import base_image, is_distribution, pins


@pytest.mark.parametrize(
    ("reference", "release"),
    [
        ("debian:trixie-slim", "trixie"),
        ("docker.io/library/debian:trixie-slim", "trixie"),
        ("debian:12", "bookworm"),
        ("debian:12.5-slim", "bookworm"),
        ("debian:11-slim", "bullseye"),
        ("ubuntu:24.04", "noble"),
        ("ubuntu:22.04", "jammy"),
        ("ubuntu:noble-20240605", "noble"),
        ("python:3.11-bookworm", "bookworm"),
        ("python:3.12-slim-bullseye", "bullseye"),
        ("localhost:5000/mirror/debian:13", "trixie"),
        ("buildpack-deps:jammy", "jammy"),
        ("nvidia/cuda:12.4.1-devel-ubuntu22.04", "jammy"),
        ("nvidia/cuda:12.4.1-devel-ubuntu20.04", None),
        ("debian:trixie@sha256:" + "0" * 64, "trixie"),
        ("debian@sha256:" + "0" * 64, None),
        ("debian", None),
        ("debian:10", None),
        ("python:3.12", None),
        ("python:3.13", None),
        ("node:12", None),
        ("fedora:41", None),
        ("trixies/noblest:latest", None),
    ],
)
def test_the_name_tells_the_release(reference: str, release: str | None) -> None:
    found = base_image(reference).release

    assert (found.name if found else None) == release


@pytest.mark.parametrize(
    ("reference", "plain"),
    [
        (None, True),
        ("debian:bookworm", True),
        ("registry.example.org:5000/library/ubuntu:24.04", True),
        ("python:3.12-bookworm", False),
        ("debian:10", False),
        ("debian", False),
        ("debian:trixie@sha256:" + "0" * 64, False),
        ("example.org/debian/tools:trixie", False),
    ],
)
def test_an_image_of_packages_alone_is_told_by_its_name(reference: str | None, *, plain: bool) -> None:
    assert is_distribution(base_image(reference)) is plain


def test_the_default_is_a_release_that_we_know() -> None:
    default = base_image(None)

    assert default.reference == pins()["defaults"]["base_image"]
    assert default.release is not None
    assert default.release.python == pins()["defaults"]["python"]


def test_releases_are_named_once() -> None:
    names = [row["name"] for row in pins()["releases"]]
    aliases = [(row["distribution"], alias) for row in pins()["releases"] for alias in row["aliases"]]

    assert len(set(names)) == len(names)
    assert len(set(aliases)) == len(aliases)
