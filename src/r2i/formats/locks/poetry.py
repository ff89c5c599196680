"""What Poetry writes into `poetry.lock` of the `pyproject.toml` that it was made for: a hash of what matters of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: Without these, too, the hash has a place for them, unless the standard tables say anything.
LEGACY = ("dependencies", "source", "extras", "dev-dependencies")
OF_POETRY = (*LEGACY, "group")
OF_PROJECT = ("requires-python", "dependencies", "optional-dependencies")


def content_hash(manifest: Mapping[str, Any], *, with_groups: bool = True) -> str:
    project = _some(_table(manifest, "project"), OF_PROJECT)
    groups = _table(manifest, "dependency-groups") if with_groups else {}
    settings = _table(_table(manifest, "tool"), "poetry")
    poetry = _some(settings, OF_POETRY)
    if not project and not groups:
        poetry |= {key: settings.get(key) for key in LEGACY}
    content: dict[str, Any] = {"project": project} if project else {}
    if groups:
        content["dependency-groups"] = groups
    content = {**content, "tool": {"poetry": poetry}} if content else poetry
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def content_hashes(manifest: Mapping[str, Any]) -> set[str]:
    """By old and new releases: the dependency groups count since 2.3."""
    return {content_hash(manifest), content_hash(manifest, with_groups=False)}


def _some(table: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: table[key] for key in keys if table.get(key) is not None}


def _table(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}
