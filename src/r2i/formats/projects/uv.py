"""`[tool.uv]` and `[tool.pdm]`: where packages come from, and what else a resolution follows."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from r2i.checkout import Checkout
from r2i.formats.projects.project import requirement
from r2i.formats.projects.toml import Toml, read_toml
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Notice

#: What a project says of resolution and builds that holds when its dependencies are installed with `uv pip`, too.
SETTINGS = (
    "index",
    "index-url",
    "extra-index-url",
    "find-links",
    "index-strategy",
    "prerelease",
    "resolution",
    "exclude-newer",
    "exclude-newer-package",
    "constraint-dependencies",
    "override-dependencies",
    "exclude-dependencies",
    "build-constraint-dependencies",
    "dependency-metadata",
    "config-settings",
    "config-settings-package",
    "extra-build-dependencies",
    "no-binary",
    "no-binary-package",
    "no-build",
    "no-build-package",
    "allow-insecure-host",
)

#: Those among them that are requirements.
REQUIREMENTS = ("constraint-dependencies", "override-dependencies", "build-constraint-dependencies")

REMOTE = re.compile(r"https?://[^\s/]+", re.IGNORECASE)


def uv_settings(doc: Toml, checkout: Checkout) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """What of `[tool.uv]` counts, or of the `uv.toml` beside it, which is then read in its place.

    Indexes that are directories are left out: only the checkout has those.
    """
    beside = posixpath.join(posixpath.dirname(doc.path), "uv.toml")
    if checkout.has(beside):
        return _settings(read_toml(checkout, beside))
    return _settings(doc, "tool", "uv")


def _settings(doc: Toml, *place: str) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    table = doc.table(*place)
    found = {key: table[key] for key in SETTINGS if key in table}
    for key in REQUIREMENTS:
        for line in doc.strings(*place, key):
            requirement(line)
    notices = []
    for key in ("index", "extra-index-url", "find-links"):
        given = doc.array(*place, key)
        found[key] = [item for item in given if REMOTE.match(_address(item))]
        if len(found[key]) < len(given):
            notices.append(doc.line("", *place, key).warning(f"`{key}` names a directory and is ignored"))
        if not found[key]:
            del found[key]
    if not REMOTE.match(str(found.get("index-url", "https://host"))):
        del found["index-url"]
    return found, tuple(notices)


def pdm_settings(doc: Toml) -> dict[str, Any]:
    """The package indexes and overrides of `[tool.pdm]`, in the words of `uv.toml`."""
    indexes = []
    for source in doc.array("tool", "pdm", "source"):
        if not isinstance(source, dict) or not isinstance(source.get("url"), str):
            raise doc.error("`tool.pdm.source` must be tables with a `url`", "tool", "pdm", "source")
        index = {"url": source["url"], "name": source["name"]} if "name" in source else {"url": source["url"]}
        indexes.append(index | ({"default": True} if source.get("name") == "pypi" else {}))
    found: dict[str, Any] = {"index": indexes} if indexes else {}
    if any("default" not in index for index in indexes):
        found["index-strategy"] = "unsafe-best-match"
    overrides = doc.table("tool", "pdm", "resolution", "overrides")
    if overrides:
        found["override-dependencies"] = [
            _override(doc, name, version) for name, version in overrides.items()
        ]
    return found


def workspace_members(doc: Toml) -> tuple[str, ...]:
    """The patterns of the directories that belong to the workspace."""
    return tuple(line.text for line in doc.strings("tool", "uv", "workspace", "members"))


def sources(doc: Toml) -> dict[str, Any]:
    return {normalised(name): value for name, value in doc.table("tool", "uv", "sources").items()}


def _address(item: object) -> str:
    return str(item.get("url", "") if isinstance(item, dict) else item)


def _override(doc: Toml, name: str, version: object) -> str:
    line = doc.word(version, "tool", "pdm", "resolution", "overrides", name)
    text = line.text
    if re.match(r"\d", text):
        text = f"=={text}"
    joined = f"{name} @ {text}" if "://" in text else f"{name}{text}"
    return requirement(doc.line(joined, "tool", "pdm", "resolution", "overrides", name)).text
