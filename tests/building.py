"""Build directories that a test writes with the real command line, and ask the images."""

from __future__ import annotations

import gzip
import os
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from r2i.process import Completed, run

R2I = str(Path(sys.executable).with_name("r2i"))


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


def build(directory: Path, tag: str, **environment: str) -> Completed:
    arguments = ["build", str(directory), "--engine", "docker", "--progress", "plain", "--tag", tag]
    return run([R2I, *arguments], env={**os.environ, **environment, "NO_COLOR": "1"}, timeout=800)


@contextmanager
def image_of(directory: Path, **environment: str) -> Iterator[Built]:
    tag = f"r2i-test/{directory.name.lower()}"
    done = build(directory, tag, **environment)
    try:
        assert done.returncode == 0, done.stderr
        yield Built(tag=tag, log=done.stderr)
    finally:
        run(["docker", "image", "rm", "--force", tag])


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
