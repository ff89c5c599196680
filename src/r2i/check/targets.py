"""Whose image a finding is about: that of Binder, that of r2i, or both."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

Target: TypeAlias = Literal["binder", "r2i"]
Targets: TypeAlias = frozenset[Target]

BINDER_ONLY: Targets = frozenset[Target](("binder",))
R2I_ONLY: Targets = frozenset[Target](("r2i",))
NEITHER: Targets = frozenset[Target]()
BOTH: Targets = BINDER_ONLY | R2I_ONLY

#: What `--target` and `[tool.r2i.check]` take.
CHOICES: Mapping[str, Targets] = MappingProxyType({"binder": BINDER_ONLY, "r2i": R2I_ONLY, "both": BOTH})


def those(*, binder: bool, r2i: bool) -> Targets:
    """Empty where it is about neither."""
    return (BINDER_ONLY if binder else NEITHER) | (R2I_ONLY if r2i else NEITHER)


def limited(targets: Targets) -> str:
    """`Binder only` or `r2i only`; empty for both."""
    return {BINDER_ONLY: "Binder only", R2I_ONLY: "r2i only"}.get(targets, "")
