"""A plan for what repo2docker builds: what it does not read is passed over where r2i finds something wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain

from r2i.binder.making import binder_of
from r2i.binder.unread import KNOWN, runtime_without_effect, unread
from r2i.binder.values import Binder
from r2i.checkout import CONFIG_DIRECTORIES, Checkout
from r2i.errors import InvalidRepositoryError
from r2i.model import Notice, Plan
from r2i.planning.detect import config_names

Planner = Callable[[Checkout, tuple[Notice, ...]], Plan]

#: Only r2i takes a version of Julia from it: an unknown one is none for repo2docker.
MANIFESTS = frozenset({"Manifest.toml", "JuliaManifest.toml"})


def tolerant(checkout: Checkout, make: Planner) -> Plan:
    """What `make` plans, of as many of the files as it can.

    Raises the `InvalidRepositoryError` of a file that repo2docker installs from.
    """
    problems: dict[str, InvalidRepositoryError] = {}
    binder = binder_of(checkout)
    runtime = runtime_without_effect(checkout, binder)
    said = [*_of_the_server(binder), *([runtime] if runtime else [])]
    checkout = checkout.without([runtime.file] if runtime and runtime.file else [])
    while True:
        try:
            return make(checkout.without(problems), (*said, *_notices(problems)))
        except InvalidRepositoryError as error:
            path = _passable(error, checkout.without(problems))
            if path is None:
                raise
            problems[path] = error


def _of_the_server(binder: Binder) -> list[Notice]:
    """What repo2docker installs beside its Jupyter server, where the Python of the notebooks is an old one."""
    return [
        Notice(
            level="warning",
            message=f"`{read.file}` is ignored: r2i adds nothing to its own Jupyter server",
            file=read.file,
        )
        for read in binder.reads
        if (read.file or "").rpartition("/")[2] == "requirements3.txt"
    ]


def _passable(error: InvalidRepositoryError, checkout: Checkout) -> str | None:
    """The file without which there may be a plan: a lock that does not fit, that of the error, else one that only r2i reads."""
    if error.file in CONFIG_DIRECTORIES and checkout.is_broken_link(error.file):
        return error.file  # it is no directory for repo2docker
    known = [path for path in unread(checkout, config_names()) if _is_refused_by_r2i_alone(path, checkout)]
    own = [path for path in known if path.rpartition("/")[2] not in KNOWN]
    named = [path for path in own if f"`{path}`" in error.message]
    manifest = error.file if error.file and error.file.rpartition("/")[2] in MANIFESTS else None
    return next(chain(named, (path for path in (*known, manifest) if path == error.file), own), None)


def _is_refused_by_r2i_alone(path: str, checkout: Checkout) -> bool:
    """repo2docker would follow a link out of the repository, which nobody should."""
    return checkout.exists(path) or checkout.is_broken_link(path)


def _notices(problems: Mapping[str, InvalidRepositoryError]) -> list[Notice]:
    return [
        Notice(
            level="warning",
            message=f"{error.message}; r2i ignores `{path}`, as repo2docker does",
            file=path,
            line=error.line if error.file == path else None,
        )
        for path, error in problems.items()
    ]
