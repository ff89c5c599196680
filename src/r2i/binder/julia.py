"""Which Julia repo2docker takes: the newest release that `[compat]` allows, by its own reading of that."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from r2i.binder.files import BinderFiles
from r2i.binder.old_toml import read_old_toml
from r2i.binder.values import BinderLanguage, RefusedByBinder
from r2i.facts.binder import julia_releases, table
from r2i.model import Evidence

Release: TypeAlias = tuple[int, ...]

COMPARISONS: Mapping[str, Callable[[Release, Release], bool]] = MappingProxyType(
    {
        ">=": operator.ge,
        "<=": operator.le,
        "≥": operator.ge,
        "≤": operator.le,
        ">": operator.gt,
        "<": operator.lt,
        "=": operator.eq,
        "==": operator.eq,
        "!=": operator.ne,
    }
)
NUMBER = re.compile(r"0|[1-9][0-9]*")


def project_path(files: BinderFiles) -> str | None:
    return files.config("JuliaProject.toml") or files.config("Project.toml")


def julia_version(files: BinderFiles, path: str) -> BinderLanguage:
    project = read_old_toml(files, path)
    compat: Any = table()["julia"]["default_compat"]
    evidence = Evidence(why=f"has no `[compat]` for Julia, so repo2docker takes `{compat}`", file=path)
    section = project.get("compat")
    if isinstance(section, dict) and "julia" in section:
        compat = section["julia"]
        evidence = Evidence(why=f"allows Julia `{str(compat)[:60]}`", file=path)
    if not isinstance(compat, str):
        raise RefusedByBinder("`julia` in `[compat]` is not text: put it into quotes", file=path)
    allows = _matcher(compat, path)
    for version in reversed(julia_releases()):
        if allows(_release(version)):
            return BinderLanguage(version=version, evidence=evidence)
    raise RefusedByBinder(f"No release of Julia matches `{compat[:60]}`", file=path)


def _release(text: str) -> Release:
    return tuple(int(part) for part in text.split("."))


def _matcher(compat: str, path: str) -> Callable[[Release], bool]:
    text = compat.strip()
    start = next((index for index, character in enumerate(text) if character.isdecimal()), None)
    unreadable = RefusedByBinder(f"repo2docker cannot read `{compat[:60]}` in `[compat]`", file=path)
    if start is None:
        raise unreadable
    sign, numbers = text[:start], text[start:]
    try:
        wanted = _release(numbers)
    except ValueError as error:
        raise unreadable from error
    if sign.strip() in {"", "^"} and (not sign or sign.strip() == "^"):
        return _between(wanted, _next_breaking(wanted))
    if sign.strip() == "~":
        return _between(wanted, _next_minor(wanted))
    # A comparison has no blank before its number; a full version has no leading zeros, a short one may.
    if sign not in COMPARISONS or len(wanted) > 3 or (len(wanted) == 3 and not _strict(numbers)):
        raise unreadable
    compare, full = COMPARISONS[sign], (*wanted, 0, 0)[:3]
    return lambda release: compare((*release, 0, 0)[:3], full)


def _strict(numbers: str) -> bool:
    return all(NUMBER.fullmatch(part) for part in numbers.split("."))


def _between(low: Release, high: Release) -> Callable[[Release], bool]:
    return lambda release: low <= release < high


def _next_breaking(wanted: Release) -> Release:
    """The first number that is not zero may not change; of `0` and `0.0`, the last one may not."""
    if wanted[0]:
        return (wanted[0] + 1,)
    index = next((index for index, number in enumerate(wanted) if number), len(wanted) - 1)
    return (*wanted[:index], wanted[index] + 1)


def _next_minor(wanted: Release) -> Release:
    if len(wanted) == 1:
        return (wanted[0] + 1,)
    if len(wanted) > 2 and wanted[:2] == (0, 0):
        return (0, 0, wanted[2] + 1)
    return (wanted[0], wanted[1] + 1)
