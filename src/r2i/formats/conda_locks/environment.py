"""A lock as an environment: its conda packages in `/srv/env`, its distributions of PyPI on top, all of them exact."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from r2i.errors import InvalidRepositoryError, UsageError
from r2i.facts.server_parts import server_evidence
from r2i.formats.conda_locks.packages import MACHINES, PLATFORM, CondaPackage, Lock, PypiPackage
from r2i.formats.requirements.specifiers import normalised
from r2i.image.conda import PROGRAMS
from r2i.model import (
    Detection,
    EnvironmentTemplate,
    Evidence,
    Ignored,
    Notice,
    Options,
    PipInstall,
    PythonEnvironment,
    VersionRequest,
)


def detection(
    buildpack: str,
    lock: Lock,
    options: Options,
    *,
    evidence: Iterable[Evidence] = (),
    notices: Iterable[Notice] = (),
    ignored: Iterable[Ignored] = (),
    heeds: tuple[str, ...] = (),
) -> Detection:
    """What a lock makes of an image; raise where it has nothing for a machine that runs containers."""
    require_platform(lock)
    python = _python(lock, options)
    locked = lock.locked
    names = _names(lock)
    local = tuple(word for package in locked.pypi for word in package.local)
    environment = PythonEnvironment(
        buildpack=buildpack,
        defined_by=lock.file,
        evidence=(Evidence(why=f"locks {_count(lock)}", file=lock.file), *evidence),
        names=names,
        exact=True,
        manager="conda",
        brings=python,
        heeds=heeds,
        install=PipInstall(local=local, local_options=("--no-deps",) if local else ()),
        template=_template(lock),
    )
    return Detection(
        environment=environment,
        notices=(*_notices(lock), *notices),
        ignored=tuple(ignored),
        server=server_evidence(names),
    )


def _template(lock: Lock) -> EnvironmentTemplate:
    return EnvironmentTemplate(
        name="conda_lock",
        files={
            "conda/environment.json": _document(lock),
            "lock/requirements.txt": "".join(f"{line}\n" for line in _requirements(lock)),
        },
        resources=(*PROGRAMS, "programs/install_locked.py"),
        tools=("rattler",),
    )


def require_platform(lock: Lock) -> None:
    if PLATFORM not in lock.platforms or not lock.locked.conda:
        others = ", ".join(f"`{name}`" for name, found in sorted(lock.platforms.items()) if name != PLATFORM)
        raise InvalidRepositoryError(
            f"`{lock.file}` locks nothing for `{PLATFORM}`{f', only for {others}' if others else ''}",
            file=lock.file,
            hint=f"Lock it for `{PLATFORM}`: `{lock.extend}`",
        )


def _why(package: CondaPackage | PypiPackage) -> str:
    return f"locks `{package.name}` {package.version or ''}".rstrip()


def _python(lock: Lock, options: Options) -> VersionRequest:
    found = next((package for package in lock.locked.conda if package.name == "python"), None)
    version = re.match(r"\d+\.\d+(?:\.\d+)?", found.version) if found else None
    if found is None or version is None:
        raise InvalidRepositoryError(
            f"`{lock.file}` locks no Python, which Jupyter needs",
            file=lock.file,
            hint=f"Add `python` to the environment, and run `{lock.renew}`",
        )
    if options.python is not None and not f"{version[0]}.".startswith(f"{options.python}."):
        raise UsageError(
            f"`--python {options.python}` conflicts with `{lock.file}`, which locks Python {version[0]}",
            hint=f"Omit the option, or require another Python version and run `{lock.renew}`",
        )
    return VersionRequest(version=version[0], evidence=found.line.evidence(f"locks Python {version[0]}"))


def _document(lock: Lock) -> str:
    """One package a line, as a person would want to see it in a difference."""
    packages = [
        json.dumps({"platform": platform, **_entry(package)})
        for platform, locked in _platforms(lock)
        for package in sorted(locked, key=lambda package: package.url)
    ]
    return '{"packages": [\n' + ",\n".join(packages) + "\n]}\n"


def _entry(package: CondaPackage) -> dict[str, str | None]:
    return {"url": package.url, "sha256": package.sha256, "md5": package.md5}


def _platforms(lock: Lock) -> Iterable[tuple[str, tuple[CondaPackage, ...]]]:
    return ((platform, lock.platforms[platform].conda) for platform in MACHINES if platform in lock.platforms)


def _requirements(lock: Lock) -> list[str]:
    """What is locked for one kind of machine alone has a marker that says so."""
    lines: dict[str, list[str]] = {}
    for platform in MACHINES:
        for package in lock.platforms[platform].pypi if platform in lock.platforms else ():
            if package.requirement:
                lines.setdefault(package.requirement, []).append(platform)
    several = (
        sum(bool(lock.platforms[platform].conda) for platform in MACHINES if platform in lock.platforms) > 1
    )
    return sorted(
        _marked(line, MACHINES[platforms[0]]) if several and len(platforms) == 1 else line
        for line, platforms in lines.items()
    )


def _marked(requirement: str, machine: str) -> str:
    name, hashes, rest = requirement.partition(" --hash")
    return f'{name} ; platform_machine == "{machine}"{hashes}{rest}'


def _notices(lock: Lock) -> Iterable[Notice]:
    for package in lock.locked.pypi:
        yield from package.notices
    unchecked = [p for p in lock.locked.conda if not p.sha256 and not p.md5]
    if unchecked:
        names = ", ".join(f"`{package.name}`" for package in unchecked[:5])
        more = f" and {len(unchecked) - 5} more" if len(unchecked) > 5 else ""
        yield unchecked[0].line.warning(f"{names}{more}: locked without a hash, so r2i cannot verify them")


def _names(lock: Lock) -> dict[str, Evidence]:
    packages: tuple[CondaPackage | PypiPackage, ...] = (*lock.locked.conda, *lock.locked.pypi)
    return {
        normalised(package.name): package.line.evidence(_why(package))
        for package in packages
        if package.name != "python"
    }


def _count(lock: Lock) -> str:
    conda, pypi = len(lock.locked.conda), len(lock.locked.pypi)
    more = f", {pypi} from PyPI" if pypi else ""
    return f"{conda} conda package{'s' if conda != 1 else ''}{more}"
