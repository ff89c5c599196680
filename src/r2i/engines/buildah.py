"""What `podman build` writes, as events. It is text, and what the steps print stands between its own lines."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal

from r2i.engines.pace import LONGEST_LINE, Paced
from r2i.engines.protocol import StepEvent
from r2i.formats.dockerfile import BuildStage

#: How many of a step's last lines are kept: why it failed may stand far before its end.
KEPT_LINES = 2_000

STEP = re.compile(r"(?:\[(?P<stage>\d+)/\d+\] )?STEP (?P<number>\d+)/(?P<total>\d+): (?P<text>.*)")

COMMIT = re.compile(r"(?:\[\d+/\d+\] )?COMMIT(?: \S+)?")

OWN = re.compile(r"--> (?:Using cache )?[0-9a-f]{11,64}")

#: Before each step Podman reads all images of the store, and ends where another program removes one of them meanwhile.
OVERTAKEN = re.compile(
    "Error: checking if cached image exists from a previous build: .*(?:not known|no such image|not exist)"
)


class BuildProgress:
    """Reads the lines one by one. `lines_of` maps a line of the Dockerfile to where it was before it got help.

    A step can print what looks like a line of Podman's: only the step that has to come next in its stage is believed.
    Stages take turns: one that needs another waits for it.
    """

    def __init__(
        self, stages: tuple[BuildStage, ...], lines_of: Mapping[int, int], listen: Callable[[StepEvent], None]
    ) -> None:
        self.text = ""
        self.line: int | None = None
        self.tail: deque[str] = deque(maxlen=KEPT_LINES)
        self._stages = stages
        self._lines_of = lines_of
        self._listen = Paced(listen)
        self._place = (0, 0)
        self._reached: dict[int, int] = {}
        self._begun: dict[str, int | None] = {}
        self._began = 0.0
        self._hidden = False
        self._total = 0
        self._cached = False

    def feed(self, line: str) -> None:
        if (match := STEP.fullmatch(line)) and self._follows(match):
            self._finish()
            self._begin(match)
        elif COMMIT.fullmatch(line):
            self._end_of_stage()
        elif OWN.fullmatch(line):
            if line.startswith("--> Using cache"):
                self._cached = True
                self._emit("cached")
        else:
            self._output(line)

    @property
    def overtaken(self) -> bool:
        """Whether the build ended for what another program did, so that it may begin anew."""
        return bool(self.tail and OVERTAKEN.fullmatch(self.tail[-1]))

    def fail(self, said: str) -> str:
        """The build ended with a failure of the step that `said` begins with; gives the rest, which says why."""
        for text, line in self._begun.items():
            if said.startswith(f'"{text}": '):
                self.text, self.line = text, line
                said = said.removeprefix(f'"{text}": ')
                break
        else:
            said = said.partition('": ')[2]
        self._emit("failed", seconds=time.monotonic() - self._began)
        return said

    def _follows(self, match: re.Match[str]) -> bool:
        stage = int(match["stage"] or len(self._stages))
        number, total = int(match["number"]), int(match["total"])
        if not 0 < stage <= len(self._stages) or total < number:
            return False
        return number == self._reached.get(stage, 0) + 1

    def _begin(self, match: re.Match[str]) -> None:
        stage, number = self._place = (int(match["stage"] or len(self._stages)), int(match["number"]))
        self._reached[stage] = number
        instructions = self._stages[stage - 1].instructions
        line = instructions[number - 1].line if number <= len(instructions) else None
        self.line = self._lines_of.get(line) if line is not None else None
        self._hidden = line is not None and self.line is None
        self._total = int(match["total"])
        self.text = match["text"]
        self._begun[self.text] = self.line
        self.tail.clear()
        self._cached = False
        self._began = time.monotonic()
        self._emit("started")

    def _finish(self) -> None:
        if self._place != (0, 0) and not self._cached:
            self._emit("done", seconds=time.monotonic() - self._began)

    def _end_of_stage(self) -> None:
        """What Podman says after the last step is not of the step."""
        if self._place == (len(self._stages), self._total):
            self._finish()
            self._hidden = True

    def _output(self, line: str) -> None:
        line = line[:LONGEST_LINE]
        self.tail.append(line)
        if self._place != (0, 0) and not self._hidden and not self.overtaken:
            self._listen(
                StepEvent(step=self._name(), state="output", text=self.text, line=self.line, output=line)
            )

    def _emit(
        self, state: Literal["started", "cached", "done", "failed"], *, seconds: float | None = None
    ) -> None:
        if not self._hidden:
            self._listen(
                StepEvent(step=self._name(), state=state, text=self.text, line=self.line, seconds=seconds)
            )

    def _name(self) -> str:
        return f"{self._place[0]}/{self._place[1]}"


class ToldOnce:
    """A listener for a build that begins anew: what is told of a step that has ended is not told again."""

    def __init__(self, listen: Callable[[StepEvent], None]) -> None:
        self._listen = listen
        self._ended: set[str] = set()

    def __call__(self, event: StepEvent) -> None:
        if event.step in self._ended:
            return
        if event.state in {"done", "cached"}:
            self._ended.add(event.step)
        self._listen(event)
