"""Which Python repo2docker takes, for each kind of buildpack."""

from __future__ import annotations

import json
import re
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from r2i.binder.files import BinderFiles
from r2i.binder.old_toml import read_old_toml
from r2i.binder.runtime import Runtime
from r2i.binder.values import Chosen, RefusedByBinder
from r2i.facts.binder import environments, table
from r2i.model import Evidence

NUMBERS = re.compile(r"\d+(\.\d+)*")


def minor_of(version: str, evidence: Evidence) -> str:
    """The first two numbers; for one number, the version that repo2docker takes for it."""
    parts = version.split(".")
    return ".".join(parts[:2]) if len(parts) > 1 else _of_major(version, evidence)


def _of_major(version: str, evidence: Evidence) -> str:
    known = {"2": table()["python"]["default_2"], "3": table()["python"]["default"]}
    if version not in known:
        raise RefusedByBinder(f"There is no Python {version[:60]}", file=evidence.file, line=evidence.line)
    return str(known[version])


def of_runtime(files: BinderFiles, runtime: Runtime) -> Chosen:
    """`runtime.txt`, else the default one; `requires-python` of a `pyproject.toml` in the root may exclude it."""
    default = str(table()["python"]["default"])
    if runtime.name is not None and runtime.name != "python":
        why = f"`{runtime.name[:40]}-…` names no Python version, so repo2docker takes its default"
        return Chosen(version=default, evidence=Evidence(why=why, file=runtime.path))
    chosen, fixed = Chosen(version=default), False
    if runtime.name is not None and runtime.version is not None:
        chosen, fixed = _of_word(runtime.version, runtime)
    path = files.own("pyproject.toml")
    requirement = _requires_python(files, path) if path is not None else None
    if requirement is None or Version(chosen.version) in requirement:
        return chosen
    if fixed:
        message = f"`requires-python` in `{path}` excludes Python {chosen.version} of `{runtime.path}`"
        raise RefusedByBinder(message, file=runtime.path)
    possible = [*requirement.filter(table()["python"]["supported"])]
    if not possible:
        raise RefusedByBinder("`requires-python` allows no Python that repo2docker has", file=path)
    why = f"`requires-python` excludes {default}, so repo2docker takes the newest that it allows"
    return Chosen(version=str(possible[-1]), evidence=Evidence(why=why, file=path))


def _of_word(version: str, runtime: Runtime) -> tuple[Chosen, bool]:
    """The version as it is written, and whether nothing may change it: that of one number is a default."""
    evidence = Evidence(why=f"asks for Python {version[:60]}", file=runtime.path, line=1)
    try:
        release = Version(version).release
    except ValueError as error:  # `InvalidVersion`, or more digits than Python reads
        raise RefusedByBinder(f"`{version[:60]}` is not a version", file=runtime.path) from error
    if len(release) <= 1:
        return Chosen(version=_of_major(version, evidence), evidence=evidence), False
    return Chosen(version=version, evidence=evidence), True


def _requires_python(files: BinderFiles, path: str) -> SpecifierSet | None:
    project = files.toml(path)
    wrong = RefusedByBinder("`project.requires-python` is not text", file=path)
    if "project" not in project:
        return None
    table_ = project["project"]
    if isinstance(table_, str | list) and "requires-python" not in table_:
        return None
    if not isinstance(table_, dict):
        raise wrong
    if "requires-python" not in table_:
        return None
    try:
        requirement = SpecifierSet(table_["requires-python"])  # a list of texts is one for this library, too
        _ = (
            Version(table()["python"]["default"]) in requirement
        )  # numbers are read only when they are compared
        return requirement  # noqa: TRY300
    except (ValueError, TypeError, AttributeError) as error:  # `InvalidSpecifier` is a `ValueError`
        raise RefusedByBinder("`requires-python` is not a specifier", file=path) from error


def of_pipfile(files: BinderFiles) -> Chosen:
    """`_meta.requires` of the lock, then `[requires]` of `Pipfile`: the first that begins with a number."""
    sources = [source for source in (_of_lock(files), _of_pipfile(files)) if source is not None]
    for path, requires in sources:
        for key in ("python_full_version", "python_version"):
            value = _get(requires, key, path)
            if not value:
                continue
            if not isinstance(value, str):
                raise RefusedByBinder(f"`{key}` is not text", file=path)
            if match := NUMBERS.match(value):
                evidence = Evidence(why=f"asks for Python {value[:60]}", file=path)
                return Chosen(version=minor_of(match[0], evidence), evidence=evidence)
    where = sources[-1][0] if sources else None
    why = "names no Python version, so repo2docker takes its default"
    return Chosen(version=str(table()["python"]["default"]), evidence=Evidence(why=why, file=where))


def _of_lock(files: BinderFiles) -> tuple[str, Any] | None:
    path = files.config("Pipfile.lock")
    if path is None:
        return None
    try:
        lock = json.loads(files.text(path))
    except (ValueError, RecursionError) as error:
        raise RefusedByBinder(f"`{path}` is not valid JSON", file=path) from error
    return path, _get(_get(lock, "_meta", path, {}), "requires", path, {})


def _of_pipfile(files: BinderFiles) -> tuple[str, Any] | None:
    path = files.config("Pipfile")
    return None if path is None else (path, read_old_toml(files, path).get("requires", {}))


def _get(value: Any, key: str, path: str, default: Any = None) -> Any:
    if not isinstance(value, dict):
        raise RefusedByBinder(f"`{path}` has something else where a table with `{key}` belongs", file=path)
    return value.get(key, default)


def check_python(chosen: Chosen) -> None:
    """repo2docker has a lock for each Python that it builds, and for no other."""
    if chosen.version in environments():
        return
    version = chosen.version[:60]
    message = (
        f"repo2docker has no environment for Python {version}"
        if version.count(".") == 1
        else f"repo2docker takes Python versions of two numbers, and not `{version}`"
    )
    raise RefusedByBinder(message, file=chosen.evidence.file, line=chosen.evidence.line)


def has_own_server(version: str) -> bool:
    """Whether the server runs on this Python: older ones are kernels beside it."""
    return Version(version) >= Version(table()["python"]["server_since"])
