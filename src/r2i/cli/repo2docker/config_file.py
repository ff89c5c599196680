"""`--config`: settings in a file, which is a Python program of the person who starts r2i, or JSON.

Only a file that is named is read, and none of the repository that is built. repo2docker also runs `repo2docker_config.py` of
the working directory: there, it may be that of whoever wrote the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r2i.cli.repo2docker.traits import Key, Settings
from r2i.errors import UsageError
from r2i.quoting import printable

DEFAULT = "repo2docker_config.py"

SHAPE = 'Write `c.Class.trait = value`, or `{"Class": {"trait": value}}` in JSON'


class Later(list[Any]):
    """A value that a file changes before it is set: a list or a dictionary, whichever it turns out to be."""

    def __init__(self) -> None:
        super().__init__()
        self.table: dict[Any, Any] = {}

    def __setitem__(self, key: Any, value: Any) -> None:
        self.table[key] = value

    def __getitem__(self, key: Any) -> Any:
        return self.table[key]

    def update(self, values: dict[Any, Any]) -> None:
        self.table |= values

    def prepend(self, values: list[Any]) -> None:
        self[:] = [*values, *self]

    @property
    def value(self) -> Any:
        return self.table or [*self]


class Section:
    """`c.Repo2Docker`: its attributes are settings."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = Later()
        setattr(self, name, found)
        return found


class Config:
    """`c`: its attributes are the classes that have settings."""

    def __getattr__(self, name: str) -> Section:
        if name.startswith("_"):
            raise AttributeError(name)
        found = Section()
        setattr(self, name, found)
        return found


def read_config(path: Path, *, repository: Path | None) -> Settings:
    """The settings of a file; `repository` is the directory that is built. Raises `UsageError`."""
    real = path.resolve()
    if not real.is_file():
        raise UsageError(f"`--config {path}`: there is no such file", hint="Check the path")
    if repository is not None and real.is_relative_to(repository.resolve()):
        raise UsageError(
            f"`--config {path}` is a file of the repository, whose code r2i does not run on this machine",
            hint="Copy it to a directory outside the repository, and pass that file",
        )
    try:
        text = real.read_text(encoding="utf-8")
        found = json.loads(text) if real.suffix == ".json" else _run(text, real)
        return dict(_settings(found))
    except UsageError as error:
        raise UsageError(f"`--config {path}`: {error.message}", hint=error.hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`--config {path}` cannot be read: {error}", hint="Check the file") from error
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"`--config {path}`: {type(error).__name__}: {error}", hint="Correct the file"
        ) from error


def _run(text: str, path: Path) -> dict[str, Any]:
    config = Config()

    def load_subconfig(name: str, directory: str | None = None) -> None:
        other = Path(directory or path.parent) / name
        exec(compile(other.read_text(encoding="utf-8"), str(other), "exec"), names)  # noqa: S102 - the user's own

    names = {
        "c": config,
        "get_config": lambda: config,
        "load_subconfig": load_subconfig,
        "__file__": str(path),
        "__name__": "repo2docker_config",
    }
    exec(compile(text, str(path), "exec"), names)  # noqa: S102 - the user's own, see above
    return {
        name: vars(section) if isinstance(section, Section) else section
        for name, section in vars(config).items()
    }


def _settings(found: Any) -> Iterator[tuple[Key, Any]]:
    if not isinstance(found, dict):
        raise UsageError("its settings are not in an object", hint=SHAPE)
    for kind, traits in found.items():
        if kind == "version":  # of the form of the file
            continue
        if not isinstance(traits, dict):
            raise UsageError(f"`{printable(kind)}` is no class with settings", hint=SHAPE)
        for name, value in traits.items():
            yield (kind, name), value.value if isinstance(value, Later) else value
