"""What code imports and no file declares, but the Binder environment has: installed with the rest, as if it were declared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from r2i.facts.binder_modules import binder_modules
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Detection, Evidence, PythonEnvironment


def with_imported(detections: tuple[Detection, ...]) -> tuple[Detection, ...]:
    """The same with these requirements in the environment."""
    return tuple(
        d if d.environment is None else replace(d, environment=_with(d.environment, detections))
        for d in detections
    )


def _with(environment: PythonEnvironment, detections: Iterable[Detection]) -> PythonEnvironment:
    return replace(environment, imported=undeclared(environment, detections))


def undeclared(environment: PythonEnvironment, detections: Iterable[Detection]) -> dict[str, Evidence]:
    """The requirements that no file names, each with its first import."""
    modules = {module: at for detection in detections for module, at in detection.imports.items()}
    pinned = {pin.name for pin in environment.pins}
    found: dict[str, tuple[str, Evidence]] = {}
    for module, at in modules.items():
        requirement = binder_modules()[module]
        name = name_of(requirement)
        # Whoever asks for any version means one that has the module.
        restricted = name != normalised(requirement) and name not in pinned
        if restricted or (name not in environment.names and name not in found):
            found[name] = requirement, at
    return dict(found[name] for name in sorted(found))


def name_of(requirement: str) -> str:
    return normalised(re.split(r"[<>=!~]", requirement)[0])
