"""Whether the image of a plan can be made for a platform."""

from __future__ import annotations

import json
from collections.abc import Iterable

from r2i.errors import InvalidRepositoryError, UsageError
from r2i.model import Layer, Plan

#: The platforms that the layers of r2i are made for, and what `uname -m` and conda call their machines.
MACHINES = {"linux/amd64": ("x86_64", "linux-64"), "linux/arm64": ("aarch64", "linux-aarch64")}


def check_platforms(plan: Plan, platforms: Iterable[str]) -> None:
    """Raise `UsageError` for a platform that r2i has no layers for, `InvalidRepositoryError` where the repository has none.

    A repository's own `Dockerfile` may be for any.
    """
    if plan.dockerfile is not None:
        return
    for platform in platforms:
        if platform not in MACHINES:
            raise UsageError(
                f"r2i makes no images for `{platform}` without a `Dockerfile` of the repository",
                hint=f"Use {' or '.join(f'`--platform {name}`' for name in MACHINES)}",
            )
        for layer in plan.layers:
            _check_layer(layer, platform)


def _check_layer(layer: Layer, platform: str) -> None:
    machine, conda = MACHINES[platform]
    evidence = layer.evidence[0] if layer.evidence else None
    file, line = (evidence.file, evidence.line) if evidence else (None, None)
    match layer.template:
        case "julia" if machine not in _machines(layer):
            message = f"Julia {layer.variables['version']} was not built for `{platform}`"
            hint = "Ask for a newer Julia, or use another `--platform`"
        case "rstudio" if machine != "x86_64" and layer.variables["asked"]:
            message, hint = f"RStudio Server is not made for `{platform}`", "Remove `--rstudio`"
        case "conda_lock" if conda not in _locked(layer):
            message = f"The lock has no packages for `{platform}` (`{conda}`)"
            hint = f"Lock the environment for `{conda}`, too, or use another `--platform`"
        case _:
            return
    raise InvalidRepositoryError(message, file=file, line=line, hint=hint)


def _machines(layer: Layer) -> set[object]:
    archives = layer.variables["archives"]
    return (
        {archive[0] for archive in archives if isinstance(archive, tuple)}
        if isinstance(archives, tuple)
        else set()
    )


def _locked(layer: Layer) -> set[str]:
    return {
        package["platform"] for package in json.loads(layer.support["conda/environment.json"])["packages"]
    }
