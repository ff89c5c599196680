"""`pylock.toml`: a lock in the standard format (PEP 751), which uv reads itself."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.facts.server_parts import server_evidence
from r2i.formats.locks.environment import (
    about_passwords,
    emitted,
    local_argument,
    locked,
    locked_names,
    locked_pins,
)
from r2i.formats.locks.selection import select
from r2i.formats.locks.shapes import Table, read_toml
from r2i.formats.projects.project import python_constraint
from r2i.formats.requirements.lines import Line
from r2i.model import Detection, Ignored, Options, PythonConstraint

SEVERAL = "there are several such lock files and none is named `pylock.toml`"


class Pylock:
    name = "pylock"
    files = ("pylock.toml",)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        named = _named(checkout)
        path = checkout.config("pylock.toml") or (named[0] if len(named) == 1 else None)
        if path is None:
            return (
                Detection(ignored=tuple(Ignored(file=each, reason=SEVERAL) for each in named))
                if named
                else None
            )
        lock = read_toml(checkout, path)
        if not lock.text("lock-version").startswith("1."):
            raise InvalidRepositoryError(
                f"`{path}` has the lock version `{lock.text('lock-version') or 'none'}`; r2i supports only 1.0",
                file=path,
                hint="Regenerate it, for example with `uv export --format pylock.toml`",
            )
        _check_valid(lock, checkout.read(path))
        chosen = select(options, path, extras=lock.texts("extras"), groups=lock.texts("dependency-groups"))
        packages = lock.tables("packages")
        names = locked_names(checkout, path, packages)
        remote = [package.items for package in packages if _place(package) is None]
        environment = locked(
            self.name,
            path,
            lock=("pylock", *chosen.arguments()),
            files={"pylock.toml": emitted({**lock.items, "packages": remote})},
            names=names,
            pins=locked_pins(names, packages),
            local=_local(checkout, path, packages),
        )
        return Detection(
            environment=environment,
            requires=_python(lock),
            notices=about_passwords(checkout, path),
            server=server_evidence(names),
        )


def _named(checkout: Checkout) -> list[str]:
    """A lock may have a name of its own (`pylock.paper.toml`)."""
    return [
        path
        for path in checkout.entries(checkout.config_dir)
        if re.fullmatch(r"pylock\.[^.]+\.toml", posixpath.basename(path))
    ]


def _check_valid(lock: Table, text: str) -> None:
    """Raise `InvalidRepositoryError` where it is not what the specification says."""
    from packaging.pylock import Pylock as Standard
    from packaging.pylock import PylockValidationError

    try:
        Standard.from_dict(lock.items)
    except PylockValidationError as error:
        raise InvalidRepositoryError(
            f"`{lock.file}` is not a valid lock file: {error}",
            file=lock.file,
            line=_line_of(error.context or "", text),
            hint="Regenerate it, for example with `uv export --format pylock.toml`",
        ) from error


def _line_of(context: str, text: str) -> int | None:
    """Where the package begins that a `packages[3].version` is of."""
    found = re.match(r"packages\[(\d+)\]", context)
    heads = [number for number, line in enumerate(text.split("\n"), 1) if line.strip() == "[[packages]]"]
    return heads[int(found[1])] if found and int(found[1]) < len(heads) else None


def _place(package: Table) -> str | None:
    """Where a package lies, relative to the lock; None for what comes from elsewhere."""
    for kind in ("directory", "archive", "vcs"):
        source = package.table(kind)
        if "path" in source and "url" not in source:
            return source.text("path")
    files = (*package.tables("wheels"), *([package.table("sdist")] if "sdist" in package else []))
    paths = [file.text("path") for file in files if "path" in file and "url" not in file]
    return paths[0] if paths and len(paths) == len(files) else None


def _local(checkout: Checkout, path: str, packages: tuple[Table, ...]) -> Iterator[str]:
    """Arguments that install what lies in the repository."""
    for package in packages:
        if (place := _place(package)) is not None:
            where = local_argument(checkout, path, place)
            yield from ("-e", where) if package.table("directory").flag("editable") else (where,)


def _python(lock: Table) -> tuple[PythonConstraint, ...]:
    text = lock.text("requires-python")
    return (python_constraint(Line(file=lock.file, number=1, text=text)),) if text.strip() else ()
