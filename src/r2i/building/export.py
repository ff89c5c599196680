"""A folder that plain `docker build` turns into the image: the Dockerfile, its support files and the repository."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from r2i.checkout import Checkout
from r2i.checkout.ignore import left_out_by, patterns
from r2i.edits.outputs import destination
from r2i.edits.places import NEW, entered, unguessable
from r2i.errors import InvalidRepositoryError, R2iError, UsageError
from r2i.model import Dockerfile, Plan
from r2i.planning.render import render

#: Makes of a directory in the folder what a build by r2i gives as a second build context.
SUPPORT_STAGE = "# Files of r2i, not of the repository\nFROM scratch AS r2i\nCOPY r2i /\n\n"


def export(plan: Plan, checkout: Checkout, output: Path) -> None:
    """Write the folder at once or not at all; raise `UsageError` where something is in the way."""
    dockerfile = render(plan, checkout, files_in="repo")
    place = destination("--output", output, boundary=checkout.boundary)
    try:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UsageError(f"`{output}` is not empty", hint="Choose a directory that does not exist yet")
        paths = tuple(context_paths(checkout.root, plan.dockerignore))
        with (
            entered(place.parent, make=True) as here,
            entered(checkout.root) as root,
            _new_folder(here) as (name, folder),
        ):
            if plan.dockerfile is not None:
                _copy(root, paths, folder)
                _remove(folder, "Dockerfile")
                _write(folder, "Dockerfile", dockerfile.text)
            else:
                with entered(PurePosixPath("repo"), below=folder, make=True) as repo:
                    _copy(root, paths, repo)
                _write_support(dockerfile, folder)
            os.fchmod(folder, 0o755)
            with suppress(FileNotFoundError):
                os.rmdir(place.name, dir_fd=here)
            os.rename(name, place.name, src_dir_fd=here, dst_dir_fd=here)
    except OSError as error:
        raise R2iError(
            f"`{output}` cannot be written: {error.strerror or error}",
            hint="Choose a writable directory",
        ) from error


@contextmanager
def _new_folder(here: int) -> Iterator[tuple[str, int]]:
    """A directory's name and descriptor; what is still called so at the end goes again."""
    name = unguessable()
    try:
        os.mkdir(name, 0o700, dir_fd=here)
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
        try:
            yield name, folder
        finally:
            os.close(folder)
    finally:
        shutil.rmtree(name, ignore_errors=True, dir_fd=here)


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
            hint="Exclude it with a `.dockerignore`",
        ) from error


def _copy(root: int, paths: tuple[str, ...], target: int) -> None:
    """Copy files with their permissions and times, and links as links."""
    for path in map(PurePosixPath, paths):
        with entered(path.parent, below=root) as there:
            status = os.stat(path.name, dir_fd=there, follow_symlinks=False)
            folder = path if stat.S_ISDIR(status.st_mode) else path.parent
            with entered(folder, below=target, make=True) as here:
                if stat.S_ISLNK(status.st_mode):
                    os.symlink(os.readlink(path.name, dir_fd=there), path.name, dir_fd=here)
                elif stat.S_ISREG(status.st_mode):
                    _copy_file(there, here, path.name)


def _copy_file(there: int, here: int, name: str) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with (
        os.fdopen(os.open(name, flags, dir_fd=there), "rb") as source,
        os.fdopen(os.open(name, NEW, 0o600, dir_fd=here), "wb") as copy,
    ):
        shutil.copyfileobj(source, copy, 1024 * 1024)
        copy.flush()
        status = os.fstat(source.fileno())
        os.fchmod(copy.fileno(), stat.S_IMODE(status.st_mode))
        os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def _write_support(dockerfile: Dockerfile, folder: int) -> None:
    comment, blank, rest = dockerfile.text.partition("\n\n")
    _write(folder, "Dockerfile", comment + blank + SUPPORT_STAGE + rest)
    for path, text in dockerfile.support.items():
        _write(folder, f"r2i/{path}", text, mode=0o755)


def _remove(folder: int, name: str) -> None:
    """What the repository has there, which may be a link to anywhere."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError) as error:  # macOS says the latter
        raise InvalidRepositoryError(
            f"`{name}` is a directory, where `docker build` looks for the Dockerfile", file=name
        ) from error


def _write(folder: int, path: str, text: str, *, mode: int | None = None) -> None:
    place = PurePosixPath(path)
    with (
        entered(place.parent, below=folder, make=True) as here,
        os.fdopen(os.open(place.name, NEW, 0o666, dir_fd=here), "wb") as stream,
    ):
        stream.write(text.encode())
        if mode is not None:
            os.fchmod(stream.fileno(), mode)
