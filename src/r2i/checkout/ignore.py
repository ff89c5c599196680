"""Which files of a checkout are not for the image."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.quoting import printable

#: In this order; the first that exists counts. The one of the configuration directory is Binder's rule.
FILES = (".dockerignore", ".containerignore")

#: Twice the longest path, and more lines than anybody writes.
MAX_PATTERN = 8_192
MAX_LINES = 10_000

#: What engines take for a pattern (https://pkg.go.dev/path/filepath#Match); with any other they build nothing.
RANGE = r"([^\\\]-]|\\.)(?:-([^\\\]-]|\\.))?"
PART = re.compile(rf"\*\*/?|\*|\[\^?+(?:{RANGE})+\]|\\.|[^\\\[]", re.DOTALL)
PATTERN = re.compile(rf"(?:{PART.pattern})*+", re.DOTALL)

#: Git's own files that may hold credentials (URLs with tokens in `config`, `FETCH_HEAD` and the logs), or programs.
GIT_PRIVATE = ("config", "hooks", "logs", "FETCH_HEAD", "credentials")

ALWAYS = tuple(
    f"{place}/{name}"
    for place in ("**/.git", "**/.git/modules/**", "**/.git/worktrees/**")
    for name in GIT_PRIVATE
)


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A line of an ignore file; `path` is what it matches, in words that all engines understand, `lets_in` that it is a `!`."""

    text: str
    line: int
    path: str
    lets_in: bool

    def __str__(self) -> str:
        return f"!{self.path}" if self.lets_in else self.path

    def matches(self, path: str) -> bool:
        """Whether it matches a path or a directory above it, as https://github.com/moby/patternmatcher does it.

        All ways are gone at once, as a regular expression could take for ever.
        """
        if not all(fixed.search(path) for _, fixed in self._steps):
            return False  # nearly always, and soon known
        ends = {0}
        for wildcard, fixed in self._steps:
            starts = _reached(wildcard, fixed.pattern, path, ends)
            ends = {found.end() for start in starts if (found := fixed.match(path, start))}
            if not ends:
                return False
        return any(path[end : end + 1] in ("", "/") for end in ends)

    @cached_property
    def _steps(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """What stands between wildcards, each with the one before it."""
        steps = [["", ""]]
        for part in PART.finditer(self.path):
            if not part[0].startswith("*"):
                steps[-1][1] += _expression(part[0])
            elif part[0] == "*":
                steps.append(["*", ""])
            else:
                steps.append(["**" if part.end() == len(self.path) else "**/", ""])
        return tuple((wildcard, re.compile(fixed)) for wildcard, fixed in steps)


def dockerignore(checkout: Checkout) -> str:
    """The ignore file for the build: the repository's own, then what r2i never lets into an image."""
    return "\n".join((*own_patterns(checkout), *ALWAYS)) + "\n"


def own_patterns(checkout: Checkout) -> tuple[str, ...]:
    """The patterns of the repository's ignore file."""
    file = own_file(checkout)
    return tuple(map(str, patterns(checkout.read(file), file))) if file else ()


def own_file(checkout: Checkout) -> str | None:
    """The ignore file of the repository that counts: as on Binder, that of the root only for a `Dockerfile` or without `binder`."""
    directories = ("",) if checkout.config("Dockerfile") else (checkout.config_dir,)
    paths = (posixpath.join(directory, name) for directory in directories for name in FILES)
    return next(filter(checkout.has, paths), None)


def patterns(text: str, file: str) -> Iterator[Pattern]:
    """What the lines of an ignore file say; comments and blank lines say nothing."""
    for number, line in enumerate(text.split("\n"), 1):
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        name = pattern.removeprefix("!").strip()
        path = posixpath.normpath(name).lstrip("/").strip()
        if number > MAX_LINES:
            raise InvalidRepositoryError(
                f"`{file}` has more than {MAX_LINES:,} lines",
                file=file,
                line=number,
                hint="Merge some of them",
            )
        if not name or len(name) > MAX_PATTERN or not _is_pattern(path):
            raise InvalidRepositoryError(
                f"`{printable(pattern[:80])}` is not a pattern",
                file=file,
                line=number,
                hint="Close the brackets, or write `\\[` for a literal bracket",
            )
        lets_in = pattern.startswith("!")
        if path[:1] in ("#", "!") and not lets_in:  # it stood behind a slash
            path = f"\\{path}"
        # Not every engine takes `**.md` for all files that end so.
        path = re.sub(r"^\*\*(?=[^/*?\[\]\\]+$)", "**/*", path)
        if path:
            yield Pattern(text=pattern, line=number, path=path, lets_in=lets_in)


def left_out_by(path: str, ignored: Sequence[Pattern]) -> Pattern | None:
    """The pattern that keeps a file out of the image: the last that matches."""
    last = next((pattern for pattern in reversed(ignored) if pattern.matches(path)), None)
    return None if last is None or last.lets_in else last


def _is_pattern(path: str) -> bool:
    return PATTERN.fullmatch(path) is not None and all(
        low <= high
        for part in PART.finditer(path)
        if part[0].startswith("[")
        for low, high in _ranges(part[0])
    )


def _ranges(part: str) -> Iterator[tuple[str, str]]:
    """The first and the last of each range of characters between brackets."""
    for low, high in re.findall(RANGE, part[1:-1].removeprefix("^"), re.DOTALL):
        yield low[-1], (high or low)[-1]


def _expression(part: str) -> str:
    if part == "?":
        return "[^/]"
    if not part.startswith("["):
        return re.escape(part[-1])
    ranges = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in _ranges(part))
    return f"[^{ranges}]" if part.startswith("[^") else f"[{ranges}]"


def _reached(wildcard: str, fixed: str, path: str, ends: set[int]) -> Iterable[int]:
    """Where a step may begin if the one before may end at any of some places."""
    match wildcard:
        case "*":
            return {at for end in ends for at in range(end, (path + "/").index("/", end) + 1)}
        case "**/":
            slashes = re.compile(f"/(?={fixed})").finditer(path, min(ends))
            return ends | {slash.end() for slash in slashes}
        case "**":
            return range(min(ends), len(path) + 1)
        case _:
            return ends
