"""Passes on what steps print as fast as somebody can use it: a step that runs `yes` must not fill a terminal or a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from r2i.engines.protocol import StepEvent

#: Lines that may come at once, and lines a second after them.
BURST = 2_000
RATE = 100.0

#: A line of output is kept and passed on up to here: what is shown of it is less.
LONGEST_LINE = 10_000


@dataclass
class Paced:
    """Called like the listener that it protects. What it leaves out it says, with the next thing that happens."""

    listen: Callable[[StepEvent], None]
    clock: Callable[[], float] = time.monotonic
    _left: float = BURST
    _before: float = 0.0
    _omitted: dict[str, int] = field(default_factory=dict)

    def __call__(self, event: StepEvent) -> None:
        if event.state == "output" and not self._may_pass():
            self._omitted[event.step] = self._omitted.get(event.step, 0) + 1
            return
        if omitted := self._omitted.pop(event.step, 0):
            text = f"r2i: {omitted:,} lines are not shown: the step prints too fast"
            self.listen(replace(event, state="output", output=text, seconds=None))
        self.listen(event)

    def _may_pass(self) -> bool:
        now = self.clock()
        self._left = min(BURST, self._left + (now - self._before) * RATE) if self._before else BURST
        self._before = now
        # After the burst, a whole second of lines at a time: else each would stand alone among omissions.
        if self._left < 1 or (self._omitted and self._left < RATE):
            return False
        self._left -= 1
        return True
