"""What an image has every image do that builds on it, with Podman: `podman image inspect` does not say."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from r2i.model import Image
from r2i.process import Completed

#: Podman takes no larger configuration of an image.
LARGEST = 4 << 20

#: What cannot be an instruction.
UNREADABLE = ("",)


def triggers(image: Image, store: Mapping[str, Any], ask: Callable[..., Completed]) -> tuple[str, ...]:
    """Its `ONBUILD` instructions, `UNREADABLE` where they cannot be told; `store` as `podman info` describes it."""
    return triggers_in(_stored(image, store) or _saved(image, ask))


def triggers_in(config: bytes) -> tuple[str, ...]:
    """All lists of this name: Podman takes a name in any case, and puts objects together that stand there twice."""
    found: list[str] = []

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        for name, value in pairs:
            if name.casefold() == "onbuild" and isinstance(value, list):
                found.extend(str(each) for each in value)
        return {}

    try:
        json.loads(config.decode(errors="replace"), object_pairs_hook=collect)
    except (ValueError, RecursionError):
        return UNREADABLE
    return tuple(found)


def _stored(image: Image, store: Mapping[str, Any]) -> bytes:
    """The image's configuration, whose digest is its id, from Podman's store; empty where it is not there."""
    try:
        images = Path(store["graphRoot"]) / f"{store['graphDriverName']}-images"
        name = f"={base64.b64encode(image.id.encode()).decode()}"
        with (images / image.id.removeprefix("sha256:") / name).open("rb") as file:
            content = file.read(LARGEST)
    except (OSError, ValueError, KeyError):
        return b""
    return content if f"sha256:{hashlib.sha256(content).hexdigest()}" == image.id else b""


def _saved(image: Image, ask: Callable[..., Completed]) -> bytes:
    """The same from an archive of the whole image, for a store on another machine: this takes its time."""
    with TemporaryDirectory(prefix="r2i-") as directory:
        file = Path(directory) / "image.tar"
        ask("image", "save", "--format=docker-archive", f"--output={file}", "--", image.id, timeout=None)
        with suppress(OSError, ValueError, KeyError, IndexError, tarfile.TarError), tarfile.open(file) as tar:
            manifest = json.loads(_read(tar, "manifest.json"))
            return _read(tar, str(manifest[0]["Config"]))
    return b""


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    return stream.read(LARGEST) if stream else b""
