"""What `docker image inspect` and `podman image inspect` say, in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2i.engines.platforms import platform_name
from r2i.model import Image


def inspected(reference: str, found: Mapping[str, Any]) -> Image:
    """Podman leaves the algorithm out of an id."""
    named = [digest.partition("@") for digest in found.get("RepoDigests") or []]
    return Image(
        reference=reference,
        id=found["Id"] if str(found["Id"]).startswith("sha256:") else f"sha256:{found['Id']}",
        digest=named[0][2] if named else None,
        user=found["Config"].get("User") or "",
        labels=found["Config"].get("Labels") or {},
        repositories=tuple(name for name, _, _ in named),
        triggers=tuple(found["Config"].get("OnBuild") or ()),
        platform=platform_name(
            found.get("Os") or "", found.get("Architecture") or "", found.get("Variant") or ""
        ),
        size=int(found.get("Size") or 0),
    )
