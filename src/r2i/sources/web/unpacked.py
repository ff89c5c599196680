"""The directory that an archive becomes: every path is checked and counted, and links come last, so that nothing is written through one."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from r2i.errors import FetchError
from r2i.sources.typed import shown
from r2i.sources.web.bounds import EMPTY, MOST_FILES, OUTSIDE, Allowance, Names, safe_path
from r2i.sources.web.members import DamagedError, Member

#: An archive that becomes larger than this must not be more than so many times its own size.
SMALL, RATIO = 256 * 1024**2, 200

#: The first second of 1980, in which zips begin.
OLDEST = 315_532_800

#: What programs of other systems leave behind.
LITTER = {"__MACOSX", ".DS_Store"}
#: A top directory of this name is what configures a repository, and not the repository.
CONFIGURATION = {"binder", ".binder"}
#: As many members are named when they are left out.
MOST_NAMED = 5


@dataclass(kw_only=True)
class Unpacked:
    """What was written so far, in a directory of its own below `directory`; `name` is what messages call the archive."""

    directory: Path
    name: str
    size: int
    allowance: Allowance
    report: Callable[[str], None]
    exact: bool
    names: Names = field(default_factory=Names)
    written: int = 0
    links: list[tuple[PurePosixPath, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    #: An engine takes a file of the same path, size and time for the one that it was sent before, of whatever repository: an archive
    #: could name those of another one, and get its content.
    fraction: int = field(default_factory=lambda: secrets.randbelow(10**9))
    scratch: Path = field(init=False)

    def __post_init__(self) -> None:
        self.scratch = self.directory / f".{secrets.token_hex(16)}"
        self.scratch.mkdir()

    def add(self, member: Member) -> None:
        """Write a member, if it is one that may be."""
        path = self._path(member.path)
        if path is None:
            return
        if member.kind == "other":
            self.left_out.append(str(path))
            return
        if member.kind == "link":
            self.links.append((path, member.target))
            return
        is_directory = member.kind == "directory"
        is_new = self.names.add(path, is_directory=is_directory)
        if not is_new and (is_directory or self.names.exact.get(str(path)) is not False):
            files = [parent for parent in path.parents if self.names.exact.get(str(parent)) is False]
            clash = str(files[0] if files else path)
            raise DamagedError(f"has both a file and a directory `{shown(clash)}`", hint=OUTSIDE)
        if len(self.names.exact) > MOST_FILES:
            raise DamagedError(f"has more than {MOST_FILES:,} files and directories", hint=OUTSIDE)
        place = self.scratch / path
        if is_directory:
            place.mkdir(parents=True, exist_ok=True)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        # A later member of the same path takes the place of the earlier one, as for every unpacker.
        place.unlink(missing_ok=True)
        if member.kind == "hard link":
            self._join(place, member)
        elif member.read is not None:
            with member.read() as source:
                self._write(place, source, executable=bool(member.mode & 0o111))
            _set_time(place, member.moment, fraction=self.fraction)

    def settle(self) -> None:
        """Lift a single directory at the top, and make the links. Raises `DamagedError` where nothing was packed."""
        if not (self.exact or self.names.exact or self.links or self.left_out):
            raise DamagedError("has no files", hint=EMPTY)
        entries = list(self.scratch.iterdir())
        lifted = ""
        linked = {path.parts[0] for path, _ in self.links}
        if len(entries) == 1 and entries[0].is_dir() and linked <= {entries[0].name}:
            lifted = "" if entries[0].name in CONFIGURATION else entries[0].name
        if lifted:
            # Its name may be that of one of its members.
            top = self.directory / f".{secrets.token_hex(16)}"
            entries[0].rename(top)
        else:
            top = self.scratch
        for entry in [*top.iterdir()]:
            entry.rename(self.directory / entry.name)
        top.rmdir()
        if lifted:
            self.scratch.rmdir()
        self._link(lifted)
        for name, other in self.names.alike.items():
            self.report(f"Warning: `{shown(name)}` and `{shown(other)}` in `{self.name}` differ only in case")
        if self.left_out:
            named = ", ".join(f"`{shown(path)}`" for path in self.left_out[:MOST_NAMED])
            more = len(self.left_out) - MOST_NAMED
            self.report(
                f"Warning: r2i leaves out links that lead out of `{self.name}`, and devices: {named}"
                f"{f' and {more} more' if more > 0 else ''}"
            )

    def _path(self, text: str) -> PurePosixPath | None:
        """Where a member goes; None for what is not wanted. A leading slash means the top of the archive."""
        path = safe_path(text.lstrip("/"), what=self.name) if text.strip("/.") or ".." in text else None
        if path is None or (not self.exact and LITTER & set(path.parts)):
            return None
        return path

    def _write(self, place: Path, source: IO[bytes], *, executable: bool) -> None:
        mode = 0o755 if executable else 0o644
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError as error:  # on a file system where names differ in more than case
            raise DamagedError(
                f"has two files that are one here: `{shown(place.name)}`", hint=OUTSIDE
            ) from error
        with os.fdopen(descriptor, "wb") as sink:
            while data := source.read(1 << 16):
                self._count(len(data))
                sink.write(data)
            os.fchmod(descriptor, mode)

    def _count(self, size: int) -> None:
        self.written += size
        self.allowance.take(size)
        if self.written > max(SMALL, RATIO * self.size):
            raise DamagedError(
                f"unpacks to more than {RATIO} times its size",
                hint="Unpack it yourself if you trust it, and build the directory",
            )

    def _join(self, place: Path, member: Member) -> None:
        """A second name of a file that came before."""
        target = self._path(member.target)
        if (
            target is None
            or self.names.exact.get(str(target)) is not False
            or not (self.scratch / target).is_file()
        ):
            self.left_out.append(member.path)
            return
        place.hardlink_to(self.scratch / target)

    def _link(self, lifted: str) -> None:
        """Make the links that stay inside, and remove those that others lead out in the end."""
        root, made = self.directory.resolve(), list[tuple[Path, PurePosixPath]]()
        for path, target in self.links:
            inner = path.relative_to(lifted) if lifted else path
            place = root / inner
            # A link may not lie behind another link, which could lead out by now.
            if (
                not _is_target(target, exact=self.exact)
                or os.path.lexists(place)
                or not _inside(place.parent, root)
            ):
                self.left_out.append(str(path))
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)
            made.append((place, path))
        while not self.exact and (
            outside := [(place, path) for place, path in made if not _inside(place, root)]
        ):
            for place, path in outside:
                place.unlink()
                self.left_out.append(str(path))
            made = [entry for entry in made if entry not in outside]


@contextmanager
def unpacking(
    directory: Path, *, name: str, size: int, exact: bool, report: Callable[[str], None]
) -> Iterator[Unpacked]:
    """A directory that is filled in the block, or else is left empty."""
    allowance = Allowance(what=name, directory=directory)
    unpacked = Unpacked(
        directory=directory, name=name, size=size, allowance=allowance, exact=exact, report=report
    )
    try:
        yield unpacked
        unpacked.settle()
    except BaseException as error:
        for entry in directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()
        if isinstance(error, OSError) and error.errno:
            raise FetchError(
                f"`{name}` cannot be unpacked: {os.strerror(error.errno)}",
                hint="Free disk space, or set `TMPDIR` to a larger disk",
            ) from error
        raise


def _inside(path: Path, root: Path) -> bool:
    """Whether a path leads below the root, through whatever links are there."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a circle of links
        return True


def _is_target(target: str, *, exact: bool) -> bool:
    if exact:
        return 0 < len(target) <= 4096 and "\0" not in target
    return 0 < len(target) <= 4096 and not target.startswith("/") and target.isprintable()


def _set_time(path: Path, moment: float | None, *, fraction: int) -> None:
    """To the second; what has no time gets the oldest one that archives know, and not ours."""
    with suppress(OSError, OverflowError, ValueError):
        seconds = OLDEST if moment is None else max(OLDEST, int(moment))
        nanoseconds = seconds * 10**9 + fraction
        os.utime(path, ns=(nanoseconds, nanoseconds))
