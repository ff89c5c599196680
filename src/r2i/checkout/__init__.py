"""A fetched repository: the only way in which r2i reads a repository's files, and never beyond its root."""

from __future__ import annotations

import codecs
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from r2i.checkout.bounds import check_toml
from r2i.checkout.near import near_directory
from r2i.errors import InvalidRepositoryError, R2iError, UsageError

#: The largest configuration file that r2i reads, in bytes; the largest real one seen is below 100 kB.
MAX_CONFIG_BYTES = 4 * 1024 * 1024

#: The largest lock: programs write them, with each wheel for each platform, and real ones have several MB.
MAX_LOCK_BYTES = 8 * 1024 * 1024
MAX_TOML = 1_000_000
LOCKS = (".lock", "pylock.toml")

#: UTF-16 is what `pip freeze > requirements.txt` writes in old PowerShell; pip reads it by its mark, too.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

DateOf = Literal["the last commit", "the publication", "the newest file"]

CONFIG_DIRECTORIES = ("binder", ".binder")


@dataclass(frozen=True)
class Checkout:
    """A directory with a repository in it.

    `root` is where configuration is looked for and what becomes `$REPO_DIR` (with `--subdir`, that directory);
    `boundary` is the top of the repository: symbolic links may lead anywhere below it, and nowhere else.
    `content_id` is the resolved revision, None for a local directory; `complete` says that nothing of the revision
    could not be had. `date` is when the commit was made that it stands on, or the record published (RFC 3339, UTC), None
    where there is none; `date_of` says which of these, or that it is the day of the newest file of an archive.
    `content` names what was put into it of another repository (`URL@commit directory`). `passed_over` are files of the
    configuration that are treated as if they were not there.
    """

    root: Path
    boundary: Path
    content_id: str | None = None
    complete: bool = True
    date: str | None = None
    content: str = ""
    date_of: DateOf = "the last commit"
    passed_over: frozenset[str] = frozenset()

    @classmethod
    def open(
        cls,
        top: Path,
        *,
        subdirectory: str = "",
        content_id: str | None = None,
        complete: bool = True,
        date: str | None = None,
        date_of: DateOf = "the last commit",
    ) -> Checkout:
        """Raise `UsageError` where `subdirectory` is not a directory below `top`."""
        boundary = top.resolve()
        root = _real_path(boundary / subdirectory)
        if not root.is_relative_to(boundary):
            raise UsageError(
                f"`--subdir {subdirectory}` leads out of the repository", hint="Use a directory inside it"
            )
        if not os.path.isdir(root):  # noqa: PTH112 - unlike `Path.is_dir`, it is false for a name that is too long
            raise UsageError(
                f"The repository has no directory `{subdirectory}`"
                if subdirectory
                else f"`{top}` is not a directory",
                hint=near_directory(boundary, root) if subdirectory else None,
            )
        if not os.access(root, os.R_OK | os.X_OK):
            raise UsageError(f"`{subdirectory or top}` cannot be read", hint="Check its permissions")
        return cls(
            root=root,
            boundary=boundary,
            content_id=content_id,
            complete=complete,
            date=date,
            date_of=date_of,
        )

    @cached_property
    def config_dir(self) -> str:
        """`binder`, `.binder` or the empty string for the root; raises where both directories exist."""
        for name in CONFIG_DIRECTORIES:
            if self.has(name) and (self.root / name).is_symlink():
                self._resolve(
                    name
                )  # a link that leads out or nowhere hides the configuration: not to be passed over
        found = [name for name in CONFIG_DIRECTORIES if self._is_dir(name)]
        if len(found) > 1:
            raise InvalidRepositoryError(
                "The repository has both a `binder` and a `.binder` directory",
                file=".binder",
                hint="Keep one of the two: r2i reads configuration from only one",
            )
        return found[0] if found else ""

    def config(self, name: str) -> str | None:
        """The path of the configuration file `name`, relative to the root, or None where it does not count."""
        path = self.config_path(name)
        return path if self.has(path) else None

    def config_path(self, name: str) -> str:
        """Where a configuration file has to lie to count, and where a new one goes."""
        return f"{self.config_dir}/{name}" if self.config_dir else name

    def has(self, path: str) -> bool:
        """Whether something lies there, be it a broken link: `read` then says what is wrong with it."""
        return path not in self.passed_over and os.path.lexists(self.root / path)

    def exists(self, path: str) -> bool:
        """Whether a file or directory below the boundary lies there: not a broken link, and not one that leads out."""
        try:
            return self._resolve(path).exists()
        except (OSError, ValueError, R2iError):
            return False

    def is_broken_link(self, path: str) -> bool:
        """Whether a link lies there that leads to nothing, here or elsewhere on this machine."""
        return self.has(path) and not os.path.exists(self.root / path)  # noqa: PTH110 - never an exception

    def is_dir(self, path: str) -> bool:
        """Whether a directory below the boundary lies there."""
        return self._is_dir(path)

    def without(self, paths: Iterable[str]) -> Checkout:
        """The same, where these files of the configuration are passed over."""
        return replace(self, passed_over=self.passed_over.union(paths))

    def is_executable(self, path: str) -> bool:
        """Whether its owner may execute the file."""
        return bool(self._resolve(path).stat().st_mode & stat.S_IXUSR)

    def read_bytes(self, path: str, *, limit: int = MAX_CONFIG_BYTES) -> bytes:
        """Read a regular file; anything else below that name is an `InvalidRepositoryError`."""
        with self._opened(path) as (descriptor, size):
            _check_size(path, size, limit=limit)
            return _read_all(descriptor, size)

    def read_end(self, path: str, size: int) -> bytes:
        """Read the last `size` bytes of a regular file, however large it is."""
        with self._opened(path) as (descriptor, whole):
            os.lseek(descriptor, max(0, whole - size), os.SEEK_SET)
            return _read_all(descriptor, min(size, whole))

    def read(self, path: str) -> str:
        """Read a text file: UTF-8, or what its byte order mark says; line ends become `\\n`."""
        data = self.read_bytes(path, limit=MAX_LOCK_BYTES if path.endswith(LOCKS) else MAX_CONFIG_BYTES)
        encoding = "utf-8"
        for mark, name in BYTE_ORDER_MARKS:
            if data.startswith(mark):
                data, encoding = data[len(mark) :], name
                break
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise InvalidRepositoryError(
                f"`{path}` is not {encoding.upper()} text",
                file=path,
                line=line,
                hint="Save the file as UTF-8",
            ) from error
        if "\0" in text:
            line = text[: text.index("\0")].count("\n") + 1
            raise InvalidRepositoryError(
                f"`{path}` has a null character", file=path, line=line, hint="Save the file as UTF-8"
            )
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def read_toml(self, path: str) -> dict[str, Any]:
        """Read a TOML file; a syntax error is an `InvalidRepositoryError`. Nobody may change what it returns."""
        return parse_toml(self.read(path), path)

    def glob(self, suffix: str) -> Iterator[str]:
        """All regular files whose names end with `suffix`, sorted within each directory, links and `.git` left out."""
        for path, entry in self.walk(lambda path, is_dir: is_dir and PurePosixPath(path).name == ".git"):
            if entry.name.endswith(suffix) and entry.is_file(follow_symlinks=False):
                yield path

    def walk(self, left_out: Callable[[str, bool], bool]) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """All that is no directory, sorted within each; `left_out` is asked for each path, and whether it is one."""
        pending = [""]
        while pending:
            directory = pending.pop()
            try:
                with os.scandir(f"{self.root}/{directory}") as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except OSError:
                continue  # unreadable or deeper than the system's longest path: nothing that we could use
            children = []
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                is_dir = entry.is_dir(follow_symlinks=False)
                if left_out(path, is_dir):
                    continue
                if is_dir:
                    children.append(path)
                else:
                    yield path, entry
            pending.extend(reversed(children))

    def entries(self, directory: str) -> list[str]:
        """All that lies in a directory, sorted; nothing where it is none of this repository."""
        try:
            target = self._resolve(directory)
            paths = [f"{directory}/{name}" if directory else name for name in os.listdir(target)]  # noqa: PTH208
            return sorted(path for path in paths if path not in self.passed_over)
        except (OSError, R2iError):
            return []

    def trail(self, path: str) -> Iterator[str]:
        """The links on the way to a file, and at last the file itself: what has to be there for the path to lead to it.

        Raise `InvalidRepositoryError` where one leads out of the root, be it back in by an absolute path.
        """
        self._resolve(path)  # so there is an end
        here, pending = self.root, [*reversed(PurePosixPath(path).parts)]
        while pending:
            part = pending.pop()
            here = here.parent if part == ".." else here / part
            if not here.is_relative_to(self.root):
                raise InvalidRepositoryError(
                    f"`{path}` is behind a symbolic link that leads out of the directory to build",
                    file=path,
                    hint="Commit the file itself instead of a link to it",
                )
            if here.is_symlink():
                yield here.relative_to(self.root).as_posix()
                pending += reversed(here.readlink().parts)
                here = here.parent
        yield here.relative_to(self.root).as_posix()

    def inside(self, path: str, *, relative_to: str = "") -> str | None:
        """Normalise a path that a file of the repository names: relative to the root, None where it leads out."""
        pure = PurePosixPath(path)
        if pure.is_absolute() or "\0" in path:
            return None
        joined = os.path.normpath(self.root / PurePosixPath(relative_to).parent / pure)
        resolved = Path(os.path.realpath(joined))
        if not Path(joined).is_relative_to(self.root) or not resolved.is_relative_to(self.boundary):
            return None
        return Path(joined).relative_to(self.root).as_posix()

    @contextmanager
    def _opened(self, path: str) -> Iterator[tuple[int, int]]:
        """The descriptor of a regular file, and its size."""
        target = self._resolve(path)
        try:
            # Non-blocking, so that a FIFO cannot hold us.
            descriptor = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
            try:
                status = os.fstat(descriptor)
                _check_kind(path, status)
                yield descriptor, status.st_size
            finally:
                os.close(descriptor)
        except OSError as error:
            raise InvalidRepositoryError(
                f"`{path}` cannot be read: {error.strerror}", file=path, hint="Replace it with a text file"
            ) from error

    def _has_no_link(self, path: str) -> bool:
        """Whether something lies there, and no link on the way: of 100,000 files, to resolve each takes seconds."""
        if ".." in path:
            return False
        here = str(self.root)
        try:
            for part in path.split("/"):
                here = f"{here}/{part}"
                if stat.S_ISLNK(os.lstat(here).st_mode):
                    return False
        except (OSError, ValueError):
            return False
        return not path.startswith("/")

    def _is_dir(self, path: str) -> bool:
        try:
            return self._resolve(path).is_dir()
        except R2iError:
            return False

    def _resolve(self, path: str) -> Path:
        if path in self.passed_over:
            raise InvalidRepositoryError(f"`{path}` does not exist", file=path)
        if self._has_no_link(path):
            return self.root / path
        try:
            target = (self.root / path).resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
            link = (self.root / path).is_symlink()
            raise InvalidRepositoryError(
                f"`{path}` is a symbolic link that leads nowhere" if link else f"`{path}` does not exist",
                file=path,
                hint="Commit the file that it should point to" if link else None,
            ) from error
        if not target.is_relative_to(self.boundary):
            raise InvalidRepositoryError(
                f"`{path}` is a symbolic link that leads out of the repository",
                file=path,
                hint="Commit the file itself instead of a link to it",
            )
        return target


@lru_cache(maxsize=4)  # many look at the same project, and its lock
def parse_toml(text: str, path: str) -> dict[str, Any]:
    """The values of a TOML file, the same object for the same text."""
    check_toml(text, path, most=MAX_LOCK_BYTES if path.endswith(LOCKS) else MAX_TOML)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        raise InvalidRepositoryError(
            f"`{path}` is not valid TOML: {message}",
            file=path,
            line=int(line[1]) if line else None,
            hint="Correct the syntax",
        ) from error
    except (RecursionError, ValueError) as error:  # ValueError: more digits than Python reads
        raise InvalidRepositoryError(
            f"`{path}` is nested too deeply, or has a number that is too long",
            file=path,
            hint="Correct the file",
        ) from error


def _real_path(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise UsageError(
            f"`{path.name}` is not a directory of the repository", hint="Check the spelling of `--subdir`"
        ) from error


def _check_kind(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise InvalidRepositoryError(f"`{path}` is {kind}", file=path, hint="Replace it with a text file")


def _check_size(path: str, size: int, *, limit: int) -> None:
    if size > limit:
        raise InvalidRepositoryError(
            f"`{path}` is {size / 1e6:,.0f} MB large, too large for a file of this kind",
            file=path,
            hint="Check that it is the right file",
        )


def _read_all(descriptor: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
