"""Docker and Podman behind one contract."""

from __future__ import annotations

from typing import Literal, TypeAlias

EngineName: TypeAlias = Literal["docker", "podman"]
#: What may be asked for: `auto` is the first that works.
EngineChoice: TypeAlias = Literal["auto", "docker", "podman"]
