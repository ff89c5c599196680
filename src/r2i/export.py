"""A folder that plain `docker build` turns into the image: the Dockerfile, its support files and the repository."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError, UsageError
from r2i.ignore import left_out_by, patterns
from r2i.model import Dockerfile, Plan
from r2i.render import render

#: Makes of a directory in the folder what a build by r2i gives as a second build context.
SUPPORT_STAGE = "# What comes from r2i and not from the repository\nFROM scratch AS r2i\nCOPY r2i /\n\n"


def export(plan: Plan, checkout: Checkout, output: Path) -> None:
    """Write the folder at once or not at all; raise `UsageError` where something is in the way."""
    dockerfile = render(plan, checkout, files_in="repo")
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UsageError(f"`{output}` is not empty", hint="Name a directory that does not exist yet")
        paths = tuple(context_paths(checkout.root, plan.dockerignore))
        with (
            _directory(output.parent),
            tempfile.TemporaryDirectory(dir=output.parent, prefix=".r2i-") as scratch,
        ):
            folder = Path(scratch, "folder")
            if plan.dockerfile is not None:
                _copy(checkout.root, paths, folder)
                _replace(folder / "Dockerfile", dockerfile.text)
            else:
                _copy(checkout.root, paths, folder / "repo")
                _write_support(dockerfile, folder)
            folder.chmod(0o755)
            if output.exists():
                output.rmdir()
            folder.replace(output)
    except OSError as error:
        raise R2iError(
            f"`{output}` cannot be written: {error.strerror or error}",
            hint="Name a directory that you can write to",
        ) from error


@contextmanager
def _directory(path: Path) -> Iterator[None]:
    """A directory and those above it; what was not there before goes again where the block fails."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for directory in missing:
            with suppress(OSError):
                directory.rmdir()
        raise


def context_paths(root: Path, ignore: str) -> Iterator[str]:
    """The files, links and directories that a build sees: what `.dockerignore` leaves.

    A file is left out by the last pattern that matches it or a directory above it, as with Docker.
    """
    ignored = tuple(patterns(ignore, ".dockerignore"))
    pending = [""]
    while pending:
        directory = pending.pop()
        for entry in _entries(root, directory):
            path = f"{directory}/{entry.name}" if directory else entry.name
            left_out = left_out_by(path, ignored) is not None
            if entry.is_dir(follow_symlinks=False):
                # Something below it may be let in again.
                if not left_out or any(pattern.lets_in for pattern in ignored):
                    pending.append(path)
            elif not (entry.is_symlink() or entry.is_file()):
                continue  # pipes and sockets are nothing that an image could hold
            if not left_out:
                yield path


def _entries(root: Path, directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / directory) as scan:
            return sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        raise InvalidRepositoryError(
            f"`{directory[:80]}` cannot be read: {error.strerror}",
            file=directory[:80],
            hint="Leave it out with a `.dockerignore`",
        ) from error


def _copy(root: Path, paths: tuple[str, ...], target: Path) -> None:
    target.mkdir(parents=True)
    for path in paths:
        source, copy = root / path, target / path
        if source.is_dir() and not source.is_symlink():
            copy.mkdir(parents=True, exist_ok=True)
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)


def _write_support(dockerfile: Dockerfile, folder: Path) -> None:
    comment, blank, rest = dockerfile.text.partition("\n\n")
    _write(folder / "Dockerfile", comment + blank + SUPPORT_STAGE + rest)
    for path, text in dockerfile.support.items():
        _write(folder / "r2i" / path, text)
        (folder / "r2i" / path).chmod(0o755)


def _replace(path: Path, text: str) -> None:
    """Write in place of what the repository has there, which may be a link to anywhere."""
    if path.is_dir() and not path.is_symlink():
        raise InvalidRepositoryError(
            f"`{path.name}` is a directory, where `docker build` looks for the Dockerfile", file=path.name
        )
    path.unlink(missing_ok=True)
    _write(path, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
