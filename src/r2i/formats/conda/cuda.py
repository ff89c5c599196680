"""Whether packages for NVIDIA's cards are asked for: a solver takes them only where it is told that there is such a card."""

from __future__ import annotations

import re
from collections.abc import Iterable

from r2i.formats.conda.specs import Spec

#: The version for which packages are chosen where none is named.
DEFAULT = "12.9"

#: Packages whose version is that of CUDA.
VERSIONED = frozenset({"__cuda", "cuda-version", "cudatoolkit", "cuda", "cuda-toolkit"})


def cuda(specs: Iterable[Spec]) -> str | None:
    """The CUDA that a driver is to have, None where nothing asks for it."""
    asked = [spec for spec in specs if is_for_cards(spec)]
    if not asked:
        return None
    versions = (re.search(r"\d+(?:\.\d+)?", spec.version) for spec in asked if spec.name in VERSIONED)
    return next((found[0] for found in versions if found), DEFAULT)


def is_for_cards(spec: Spec) -> bool:
    return spec.name in VERSIONED or spec.name.endswith("-gpu") or "cuda" in spec.build or "gpu" in spec.build
