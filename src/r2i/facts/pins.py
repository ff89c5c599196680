"""The pins that ship with r2i: base images, the releases they are of, tool versions, the Jupyter lock."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from r2i.facts.tables import read_table
from r2i.model import BaseImage, Options, Release


def pins() -> dict[str, Any]:
    """The content of `pins.toml`."""
    return read_table("r2i.facts", "pins.toml")


def pythons() -> dict[str, dict[str, str]]:
    """The minor releases of CPython that somebody provides, the oldest first: `released` when, by which `provider`."""
    return {row["version"]: row for row in pins()["pythons"]}


def base_image(reference: str | None) -> BaseImage:
    """Name the release of an image by the words of its name and tag (`python:3.11-bookworm`, `ubuntu:24.04`)."""
    reference = reference or str(pins()["defaults"]["base_image"])
    name, _, tag = reference.partition("@")[0].rpartition("/")[2].partition(":")
    words = set(re.split(r"[^a-z0-9.]+|(?<=[a-z])(?=\d)", f"{name}-{tag}"))
    for row in pins()["releases"]:
        # `24.04` can only be Ubuntu's; `12` alone could be anybody's, and `12.5` is Debian's way to call an update.
        by_name = row["distribution"] in words
        numbered = [
            alias
            for alias in row["aliases"]
            if (alias in words and ("." in alias or by_name))
            or (by_name and any(word.startswith(f"{alias}.") for word in words))
        ]
        if row["name"] in words or numbered:
            release = Release(name=row["name"], distribution=row["distribution"], python=row["python"])
            return BaseImage(reference=reference, release=release)
    return BaseImage(reference=reference, release=None)


def title_of(release: Release) -> str:
    """The name that people know it by: `Debian 13`."""
    row = next(row for row in pins()["releases"] if row["name"] == release.name)
    return f"{release.distribution.capitalize()} {row['aliases'][0]}"


def base_of(options: Options) -> BaseImage:
    """The image that the options name, with the reason where r2i chose it."""
    return replace(base_image(options.base_image), evidence=options.base_evidence)


def is_default(image: BaseImage) -> bool:
    """Whether it is the one that tables of packages describe."""
    return image.reference == base_image(None).reference


def is_distribution(image: BaseImage) -> bool:
    """Whether its packages are all that it is: `python:3.12-bookworm` is more than bookworm, a digest is one build."""
    name, _, tag = image.reference.rpartition("/")[2].partition(":")
    return image.release is not None and name == image.release.distribution and "@" not in tag


def image_of(release: str) -> str:
    """The image of a release, as one writes it."""
    return {"jammy": "ubuntu:22.04", "noble": "ubuntu:24.04"}.get(release, f"debian:{release}-slim")
