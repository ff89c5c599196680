"""The files of a checkout as repo2docker sees them: plain `exists` and `open`, without r2i's checks."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from r2i.binder.values import RefusedByBinder
from r2i.checkout import MAX_LOCK_BYTES, MAX_TOML, Checkout
from r2i.checkout.bounds import check_toml
from r2i.errors import InvalidRepositoryError

#: Python reads text in pieces of so many bytes: what lies behind the last piece that was needed is never decoded.
PIECE = 8192


@dataclass(frozen=True)
class BinderFiles:
    """A directory or a link counts as there, a broken link does not; text is UTF-8 with any line ends."""

    checkout: Checkout

    @cached_property
    def config_dir(self) -> str:
        found = [name for name in ("binder", ".binder") if self.checkout.is_dir(name)]
        if len(found) == 2:
            raise RefusedByBinder(
                "The repository has both a `binder` and a `.binder` directory", file=".binder"
            )
        return found[0] if found else ""

    def config(self, name: str) -> str | None:
        """The path of a file of the configuration, None where it is not there."""
        path = f"{self.config_dir}/{name}" if self.config_dir else name
        return path if self.exists(path) else None

    def own(self, name: str) -> str | None:
        """A file of the root that counts only where there is no directory of the configuration."""
        return name if not self.config_dir and self.exists(name) else None

    def exists(self, path: str) -> bool:
        return self.checkout.exists(path)

    def data(self, path: str) -> bytes:
        checkout = self.checkout
        try:
            return checkout.read_bytes(path, limit=MAX_LOCK_BYTES)
        except InvalidRepositoryError as error:
            raise RefusedByBinder(error.message, file=path) from error

    def text(self, path: str) -> str:
        return _decoded(self.data(path), path)

    def beginning(self, path: str, start: str) -> str | None:
        """The first line that starts so; bytes that are no text count only if they come before it."""
        data = self.data(path)
        whole = data.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
        found = next((line for line in whole.split("\n") if line.startswith(start)), None)
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            end = data.find(found.encode()) + len(found.encode()) if found is not None else len(data)
            if error.start < -(-end // PIECE) * PIECE:
                raise _no_text(path, data, error) from error
        return found

    def toml(self, path: str) -> dict[str, Any]:
        """As the standard library reads it; a syntax error is repo2docker's, too."""
        return parsed_toml(self.text(path), path)


@lru_cache(maxsize=4)  # several steps look at the same project
def parsed_toml(text: str, path: str) -> dict[str, Any]:
    """The same object for the same text, which nobody may change."""
    try:
        check_toml(text, path, most=MAX_TOML)
        return tomllib.loads(text)
    except InvalidRepositoryError as error:
        raise RefusedByBinder(error.message, file=path, line=error.line) from error
    except tomllib.TOMLDecodeError as error:
        raise RefusedByBinder(f"`{path}` is not valid TOML: {error}", file=path) from error
    except (RecursionError, ValueError) as error:
        raise RefusedByBinder(
            f"`{path}` is nested too deeply, or has a number that is too long", file=path
        ) from error


def _decoded(data: bytes, path: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _no_text(path, data, error) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _no_text(path: str, data: bytes, error: UnicodeDecodeError) -> RefusedByBinder:
    line = data[: error.start].count(b"\n") + 1
    return RefusedByBinder(f"`{path}` is not UTF-8 text", file=path, line=line)
