"""Docker and Podman behind one contract."""

from __future__ import annotations

from r2i.engines.choice import choose

__all__ = ["choose"]
