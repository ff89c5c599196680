"""`conda-lock.yml`, `conda-linux-64.lock` and other files with `@EXPLICIT`: conda packages, all of them exact."""

from __future__ import annotations

import posixpath

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, UsageError
from r2i.formats.conda_locks.agreement import disagreements, require_agreement, wishes_of_environment
from r2i.formats.conda_locks.conda_lock import CATEGORIES, CondaLock, read_conda_lock
from r2i.formats.conda_locks.environment import detection, require_platform
from r2i.formats.conda_locks.explicit import is_explicit, read_explicit
from r2i.formats.conda_locks.packages import PLATFORM, Lock
from r2i.model import Detection, Evidence, Ignored, Options
from r2i.quoting import printable

LOCK = "conda-lock.yml"

#: conda-lock writes one a platform.
OF_PLATFORM = "conda-linux-64.lock"

#: How people call what `conda list --explicit` prints; only some of it is meant for other machines.
LISTS = ("explicit.txt", "spec-file.txt", "conda-explicit.txt", "spec-list.txt")

MANIFESTS = ("environment.yml", "environment.yaml")


class CondaLocks:
    name = "conda_lock"
    files = (LOCK, OF_PLATFORM, *LISTS)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        manifest = next((path for name in MANIFESTS if (path := checkout.config(name))), None)
        if manifest is not None:
            _refuse_misnamed(checkout, manifest)
        if path := checkout.config(LOCK):
            return _of_conda_lock(checkout, path, options, manifest)
        if path := checkout.config(OF_PLATFORM):
            text = checkout.read(path)
            if not is_explicit(text):
                raise InvalidRepositoryError(
                    f"`{path}` has no line `@EXPLICIT`",
                    file=path,
                    hint=f"Generate it with `{_explicit(manifest)}`",
                )
            return _exact(checkout, options, read_explicit(text, path, renew=_explicit(manifest)), manifest)
        return _of_list(checkout, options, manifest)


def _refuse_misnamed(checkout: Checkout, path: str) -> None:
    if is_explicit(checkout.read(path)):
        raise InvalidRepositoryError(
            f"`{path}` is an explicit package list, not YAML",
            file=path,
            hint=f"Rename it to `{posixpath.join(posixpath.dirname(path), OF_PLATFORM)}`",
        )


def _of_conda_lock(checkout: Checkout, path: str, options: Options, manifest: str | None) -> Detection | None:
    wanted = {*options.extras, *options.groups}
    found = read_conda_lock(checkout, path, wanted)
    if unknown := sorted(wanted - found.categories):
        raise UsageError(
            f"`{path}` has no category `{printable(unknown[0])}`",
            hint=f"Choose one of {', '.join(f'`{c}`' for c in sorted(found.categories - CATEGORIES))}"
            if found.categories - CATEGORIES
            else "Omit the option: every category in the file is always installed",
        )
    if manifest is not None and not _is_source(found, manifest):
        sources = ", ".join(f"`{source}`" for source in found.sources[:3])
        return Detection(ignored=(Ignored(file=path, reason=f"it locks {sources}, not `{manifest}`"),))
    return _exact(checkout, options, found.lock, manifest, heeds=("--extra", "--group"))


def _is_source(found: CondaLock, manifest: str) -> bool:
    """Where the lock names no sources, it is taken for that of the file beside it."""
    beside = posixpath.dirname(found.lock.file)
    sources = {posixpath.normpath(posixpath.join(beside, source)) for source in found.sources}
    return not sources or manifest in sources


def _exact(
    checkout: Checkout, options: Options, lock: Lock, manifest: str | None, *, heeds: tuple[str, ...] = ()
) -> Detection:
    evidence: tuple[Evidence, ...] = ()
    if manifest is not None:
        evidence = (Evidence(why=f"requirements locked in `{lock.file}`", file=manifest),)
        require_platform(lock)
        require_agreement(lock, wishes_of_environment(checkout, manifest))
    others = (path for name in CondaLocks.files if (path := checkout.config(name)) and path != lock.file)
    ignored = [Ignored.beaten(path, by=lock.file) for path in others]
    return detection(CondaLocks.name, lock, options, evidence=evidence, ignored=ignored, heeds=heeds)


def _of_list(checkout: Checkout, options: Options, manifest: str | None) -> Detection | None:
    """A list that nothing ties to the manifest beside it: it counts where it agrees, and does no harm elsewhere."""
    passed_over = []
    for path in filter(None, map(checkout.config, LISTS)):
        text = checkout.read(path)
        if not is_explicit(text):
            continue
        renew = f"conda list --explicit --sha256 > {path}"
        if manifest is not None and (reason := _why_not(checkout, text, path, manifest)):
            passed_over.append(Ignored(file=path, reason=reason))
        else:
            return _exact(checkout, options, read_explicit(text, path, renew=renew), manifest)
    return Detection(ignored=tuple(passed_over)) if passed_over else None


def _why_not(checkout: Checkout, text: str, path: str, manifest: str) -> str | None:
    try:
        lock = read_explicit(text, path, renew="")
    except InvalidRepositoryError as error:
        return f"`{manifest}` requires packages, and here {error.message}"
    if PLATFORM not in lock.platforms:
        return f"it locks packages for `{next(iter(lock.platforms))}`"
    stale = next(disagreements(lock, wishes_of_environment(checkout, manifest)), None)
    return f"it lacks packages that `{manifest}` requires" if stale else None


def _explicit(manifest: str | None) -> str:
    return f"conda-lock -k explicit -p {PLATFORM} -f {manifest or 'environment.yml'}"
