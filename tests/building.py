"""Build directories that a test writes with the real command line, and ask the images."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from r2i.process import Completed, run
from tests.real_engines import remove_image

R2I = str(Path(sys.executable).with_name("r2i"))


#: How the titles of layers begin that all images have: BuildKit says that a build made them where another one does so at the same time.
SHARED = (
    "System packages on ",
    "Installer",
    "Jupyter server ",
    "User account",
    "R 4",
    "Julia 1",
    "Nix ",
    "Python environment: kernel only",
)


@dataclass(frozen=True, kw_only=True)
class Built:
    """An image and what was said while it was built."""

    tag: str
    log: str

    def ask(self, script: str, *options: str) -> Completed:
        """Run a shell script in a container, as the image's user unless options of `docker run` say another."""
        return run(["docker", "run", "--rm", *options, self.tag, "bash", "-euc", script], timeout=300)

    def answer(self, script: str, *options: str) -> str:
        done = self.ask(script, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def executed(self, notebook: str) -> str:
        """What the cell of a notebook prints when the server's own program runs it."""
        done = self.answer(f"/srv/jupyter/bin/jupyter execute --inplace {notebook} >&2; cat {notebook}")
        [cell] = json.loads(done)["cells"]
        return "".join(text for output in cell["outputs"] for text in output.get("text", []))

    def layer_size(self, words: str) -> int:
        """Bytes of the layer whose instruction has these words."""
        form = "{{.Size}}\t{{.CreatedBy}}"
        listed = run(["docker", "history", "--no-trunc", "--human=false", "--format", form, self.tag]).stdout
        return next(int(line.split("\t")[0]) for line in listed.splitlines() if words in line)


def write(directory: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory


def notebook(source: str, kernel: str = "python3") -> str:
    """A notebook of one cell."""
    cell: dict[str, object] = {
        "cell_type": "code",
        "id": "only",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}, "cells": [cell]})


def fresh_tag(name: str) -> str:
    """A tag that nobody else has, who builds and removes at the same time."""
    return f"r2i-test/{name.lower()}-{secrets.token_hex(4)}"


def build(
    source: Path | str, tag: str, *options: str, progress: str = "plain", **environment: str
) -> Completed:
    arguments = ["build", str(source), "--engine", "docker", "--progress", progress, "--tag", tag, *options]
    return run([R2I, *arguments], env={**os.environ, **environment, "NO_COLOR": "1"}, timeout=850)


def built_steps(source: Path | str, tag: str, **environment: str) -> set[str]:
    """The titles of the layers that a build did not take from the cache, without `SHARED`."""
    done = build(source, tag, progress="json", **environment)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stderr.splitlines()]
    made = {record["layer"] for record in records if record.get("state") == "done" and record.get("layer")}
    return {title for title in made if not title.startswith(SHARED)}


@contextmanager
def image_of(source: Path | str, *options: str, **environment: str) -> Iterator[Built]:
    tag = fresh_tag(Path(source).name)
    done = build(source, tag, *options, **environment)
    try:
        assert done.returncode == 0, done.stderr
        yield Built(tag=tag, log=done.stderr)
    finally:
        remove_image("docker", tag)


def occurrences(tag: str, words: bytes, scratch: Path) -> list[str]:
    """Where words stand in an image: its configuration, its history, the names and bytes of its files."""
    archive = scratch / "image.tar"
    saved = run(["docker", "save", "--output", str(archive), tag], timeout=300)
    assert saved.returncode == 0, saved.stderr
    with tarfile.open(archive) as image:
        found = [member.name for member in image if member.isfile() and _has(image, member, words)]
    archive.unlink()
    return found


def _has(image: tarfile.TarFile, member: tarfile.TarInfo, words: bytes) -> bool:
    stream = image.extractfile(member)
    assert stream is not None
    compressed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    with gzip.GzipFile(fileobj=stream) if compressed else stream as plain:
        before = b""
        while block := plain.read(1 << 20):
            if words in before + block:
                return True
            before = block[-len(words) :]
    return False
