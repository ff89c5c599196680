"""What uv is told beside the requirements: until when, and what it cannot know of old releases."""

from __future__ import annotations

import tomllib
from dataclasses import replace

from r2i.as_of import exactly_pinned
from r2i.model import AsOf, Json, PythonEnvironment

#: Beside the requirements; where a buildpack has settings of its own, they are in it already.
CONFIG = "uv.toml"
ARGUMENT = f"--config-file=/tmp/requirements/{CONFIG}"


def configured(wanted: PythonEnvironment, as_of: AsOf | None) -> PythonEnvironment:
    """The environment with arguments and settings for uv."""
    cutoff = (f"--exclude-newer={as_of.moment}",) if as_of else ()
    wanted = replace(wanted, options=(*wanted.options, *cutoff))
    settings: dict[str, Json] = {}
    # A pin names its release, whenever it or a wheel of it was published: the cutoff is for what is not pinned.
    if as_of and (pinned := exactly_pinned(wanted)):
        settings["exclude-newer-package"] = dict.fromkeys(pinned, False)
    return _with_settings(wanted, settings) if settings and wanted.entry else wanted


def _with_settings(wanted: PythonEnvironment, settings: dict[str, Json]) -> PythonEnvironment:
    import tomli_w

    own = tomllib.loads(wanted.support.get(CONFIG, ""))
    for key in own.keys() & settings.keys():
        ours, theirs = settings[key], own[key]
        if isinstance(ours, dict) and isinstance(theirs, dict):
            settings[key] = {**ours, **theirs}
        elif isinstance(ours, list) and isinstance(theirs, list):
            settings[key] = [*theirs, *ours]
    text = tomli_w.dumps({**own, **settings})
    options = wanted.options if ARGUMENT in wanted.options else (*wanted.options, ARGUMENT)
    return replace(wanted, support={**wanted.support, CONFIG: text}, options=options)
