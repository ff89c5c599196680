"""`pylock.toml`: a lock in the standard format (PEP 751), which uv reads itself."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.locks.environment import about_passwords, emitted, local_argument, locked, locked_names, locked_pins
from r2i.locks.selection import select
from r2i.locks.shapes import Table, read_toml
from r2i.model import Detection, Ignored, Options, PythonConstraint
from r2i.projects.project import python_constraint
from r2i.requirements.lines import Line
from r2i.server_parts import server_evidence

SEVERAL = "there are several such locks, and none is called `pylock.toml`"


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
                f"`{path}` has the version {lock.text('lock-version') or 'of no lock'}, and only 1.0 is known",
                file=path,
                hint="Make it anew, for example with `uv export --format pylock.toml`",
            )
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
