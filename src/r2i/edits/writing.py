"""New contents and names of a repository's files: all of them or none, each whole at every moment."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from r2i.checkout import Checkout
from r2i.edits.places import draft, entered, link_on_the_way, replace
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.process.interrupts import uninterrupted


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """The bytes of a file that are to be there after `before`, which is empty where there is no file yet.

    `file` is relative to the root of the checkout. Whoever may read what is `executable` may execute it.
    """

    file: str
    before: bytes
    after: bytes
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The new file beside the old one, which is None where there is none."""

    here: int
    name: str
    target: str
    old: os.stat_result | None
    before: bytes

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The old file is back where the block fails."""
        replace(self.here, self.name, self.target)
        try:
            yield
        except BaseException:
            with suppress(OSError):
                self._take_back()
            raise

    def _take_back(self) -> None:
        if self.old is None:
            os.unlink(self.target, dir_fd=self.here)
            return
        with draft(self.here, self.before, like=self.old) as name:
            replace(self.here, name, self.target)


def rewrite(checkout: Checkout, files: Iterable[Rewrite], renamed: Iterable[tuple[str, str]] = ()) -> None:
    """Write the files, then rename; raise `R2iError` where something cannot be done, and then nothing is.

    No link is followed on the way, nor is what a link names written to: that of another name for it included, since a
    file that is written is a new one. What is not as it was when the change was thought out stays as it is.
    """
    with uninterrupted(), ExitStack() as undo:
        drafts = [(file, undo.enter_context(_drafted(checkout, file))) for file in files]
        for file, new in drafts:
            with _told(checkout, file.file):
                undo.enter_context(new.in_place())
        for old_name, new_name in renamed:
            with _told(checkout, old_name):
                undo.enter_context(_renamed(checkout, old_name, new_name))


def where_it_lies(checkout: Checkout, file: str) -> str | None:
    """The file behind the links of the repository; None where that is outside, or git's own."""
    if checkout.inside(file) is None:
        return None
    place = Path(os.path.realpath(checkout.root / file))
    if not place.is_relative_to(checkout.boundary) or _is_of_git(checkout, place):
        return None
    return os.path.relpath(place, checkout.root)


@contextmanager
def _drafted(checkout: Checkout, file: Rewrite) -> Iterator[Draft]:
    place = _place(checkout, file.file)
    with (
        _told(checkout, file.file),
        entered(place.parent, make=True) as here,
        ExitStack() as stack,
    ):
        old = _unchanged(here, place.name, file)
        name = stack.enter_context(draft(here, file.after, like=old, executable=file.executable))
        yield Draft(here=here, name=name, target=place.name, old=old, before=file.before)


def _unchanged(here: int, name: str, file: Rewrite) -> os.stat_result | None:
    """The file as it is, None where there is none; raise `R2iError` where it is another one than was looked at."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    except FileNotFoundError:
        status, found = None, b""
    else:
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidRepositoryError(
                    f"`{file.file}` is not a regular file",
                    file=file.file,
                    hint="Replace it with a regular file",
                )
            found = stream.read(len(file.before) + 1)
    if found != file.before:
        raise R2iError(
            f"`{file.file}` has changed since r2i read it; r2i left it unchanged",
            hint="Run the same command again",
        )
    return status


@contextmanager
def _renamed(checkout: Checkout, old: str, new: str) -> Iterator[None]:
    before, after = _place(checkout, old), _place(checkout, new)
    with entered(before.parent) as here, entered(after.parent, make=True) as there:
        os.rename(before.name, after.name, src_dir_fd=here, dst_dir_fd=there)
        try:
            yield
        except BaseException:
            with suppress(OSError):
                os.rename(after.name, before.name, src_dir_fd=there, dst_dir_fd=here)
            raise


def _place(checkout: Checkout, file: str) -> Path:
    place = Path(os.path.normpath(checkout.root / file))
    if not place.is_relative_to(checkout.boundary):
        raise InvalidRepositoryError(
            f"`{file}` is outside the repository", file=file, hint="Make the change yourself"
        )
    if _is_of_git(checkout, place):
        raise InvalidRepositoryError(
            f"`{file}` is part of the git directory", file=file, hint="Use another file of the repository"
        )
    return place


def _is_of_git(checkout: Checkout, place: Path) -> bool:
    return ".git" in map(str.lower, place.relative_to(checkout.boundary).parts)


@contextmanager
def _told(checkout: Checkout, file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        link = link_on_the_way(checkout.boundary, Path(os.path.normpath(checkout.root / file)))
        if link is not None:
            name = os.path.relpath(link, checkout.root)
            raise InvalidRepositoryError(
                f"`{name}` is a symbolic link, and r2i does not write through links",
                file=name,
                hint="Replace the link with its target, or make the change yourself",
            ) from error
        raise R2iError(
            f"`{file}` cannot be changed: {error.strerror}", hint="Check the permissions of its directory"
        ) from error
