"""Which files of the configuration have no part in what repo2docker installs: none of them can stop it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from r2i.binder.detection import CONDA, PIPFILE, package_file
from r2i.binder.files import BinderFiles
from r2i.binder.making import binder_of
from r2i.binder.reading import CONFIG, OF_ROOT
from r2i.binder.runtime import read_runtime
from r2i.binder.values import Binder, RefusedByBinder
from r2i.checkout import Checkout
from r2i.model import Notice

#: All names that mean something to repo2docker.
KNOWN = frozenset({*CONFIG, *OF_ROOT})

#: All that a `runtime.txt` decides for repo2docker.
LANGUAGES = frozenset({"python", "r"})


def unread(checkout: Checkout, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the files with these names that count and that it does without, the ones that only r2i knows first.

    None where repo2docker stops itself.
    """
    binder = binder_of(checkout)
    if binder.error is not None or binder.build_error is not None:
        return ()
    files = BinderFiles(checkout)
    read = {evidence.file for evidence in binder.reads}
    with suppress(RefusedByBinder):  # a file that it does not even open
        read -= {*_without_effect(files)}
    there = [path for name in names if (path := f"{files.config_dir}/{name}".lstrip("/")) not in read]
    found = dict.fromkeys(path for path in there if checkout.has(path))
    return tuple(sorted(found, key=lambda path: path.rpartition("/")[2] in KNOWN))


def runtime_without_effect(checkout: Checkout, binder: Binder) -> Notice | None:
    """What is to be said of a `runtime.txt` with a version of Python that another file decides; None where there is none."""
    files = BinderFiles(checkout)
    if binder.error is not None or binder.buildpack not in {CONDA, PIPFILE} or binder.reason is None:
        return None
    runtime = read_runtime(files)
    if runtime.name != "python":
        return None
    message = f"`{runtime.path}` is ignored, as repo2docker does beside `{binder.reason.file}`"
    return Notice(level="warning", message=message, file=runtime.path, line=1)


def _without_effect(files: BinderFiles) -> Iterator[str]:
    """What it reads, and does nothing with but to look for a version."""
    if (project := files.own("pyproject.toml")) is not None and package_file(files) != project:
        yield project
    runtime = read_runtime(files)
    if runtime.path is not None and runtime.name not in LANGUAGES:
        yield runtime.path
