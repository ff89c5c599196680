"""One call of repo2docker, and who hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TextIO

from r2i.building.listener import Listener
from r2i.cli.repo2docker.log import JsonLog, Phase
from r2i.cli.repo2docker.wanted import Wanted


@dataclass(frozen=True, kw_only=True)
class Job:
    """One call: what is wanted, in which environment, and who is told; `product` takes the Dockerfile."""

    wanted: Wanted
    environ: Mapping[str, str]
    listener: Listener
    product: TextIO
    log: JsonLog | None = None

    def say(self, message: str, phase: Phase | None = None) -> None:
        if self.log is not None:
            self.log.say(message, phase=phase)
        else:
            self.listener.note(message)

    def working(self, phase: Phase) -> AbstractContextManager[None]:
        return self.log.working(phase) if self.log is not None else nullcontext()
