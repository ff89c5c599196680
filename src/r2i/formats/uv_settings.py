"""What uv is told beside the requirements: until when, and what it cannot know of old releases."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Literal

from r2i.facts.old_releases import metadata_for
from r2i.formats.as_of import exactly_pinned
from r2i.formats.projects.toml import toml_text
from r2i.model import AsOf, Json, PythonEnvironment

#: Beside the requirements; where a buildpack has settings of its own, they are in it already.
CONFIG = "uv.toml"
ARGUMENT = f"--config-file=/tmp/requirements/{CONFIG}"

#: When the oldest setuptools was there that uv builds source distributions with (40.8.0), and a wheel that goes with it.
OLDEST_BUILD_TOOLS = "2019-02-06T00:00:00Z"

#: Until when releases were made whose metadata uv does not read.
SOUND = "2019-07-19T00:00:00Z"


def configured(
    wanted: PythonEnvironment, as_of: AsOf | None, *, installer: Literal["uv", "pip"] = "uv"
) -> PythonEnvironment:
    """The environment with arguments and settings for uv."""
    if installer == "pip":
        # It knows no dates and no settings of uv's.
        return wanted if wanted.exact else _with_options(wanted, "--installer=pip")
    if as_of:
        wanted = _with_options(wanted, f"--exclude-newer={as_of.moment}")
    settings: dict[str, Json] = {}
    if as_of and (moments := _moments(wanted, as_of)):
        settings["exclude-newer-package"] = moments
    if as_of and (numpy := exactly_pinned(wanted).get("numpy")):
        # What is compiled with a newer one does not run with this, and its pin keeps no newer one away.
        settings["build-constraint-dependencies"] = [f"numpy<={numpy}"]
    if metadata := metadata_for(wanted, old=as_of is not None and as_of.moment < SOUND):
        settings["dependency-metadata"] = metadata
    return _with_settings(wanted, settings) if settings and wanted.install.entry else wanted


def _moments(wanted: PythonEnvironment, as_of: AsOf) -> dict[str, Json]:
    """What does not follow the date: pins name their release, whenever it or a wheel of it was published."""
    moments: dict[str, Json] = dict.fromkeys(exactly_pinned(wanted), False)
    if as_of.moment < OLDEST_BUILD_TOOLS:
        for name in ("setuptools", "wheel"):
            moments.setdefault(name, OLDEST_BUILD_TOOLS)
    return moments


def _with_settings(wanted: PythonEnvironment, settings: dict[str, Json]) -> PythonEnvironment:
    own = tomllib.loads(wanted.install.support.get(CONFIG, ""))
    for key in own.keys() & settings.keys():
        ours, theirs = settings[key], own[key]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            settings[key] = {**ours, **theirs}
        elif isinstance(ours, list) and isinstance(theirs, list):
            settings[key] = [*theirs, *ours]
    text = toml_text({**own, **settings})
    install = replace(wanted.install, support={**wanted.install.support, CONFIG: text})
    wanted = replace(wanted, install=install)
    return wanted if ARGUMENT in install.options else _with_options(wanted, ARGUMENT)


def _with_options(wanted: PythonEnvironment, *options: str) -> PythonEnvironment:
    return replace(wanted, install=replace(wanted.install, options=(*wanted.install.options, *options)))
