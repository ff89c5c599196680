"""What `docker buildx build --progress rawjson` writes, as events."""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from r2i.engines.pace import LONGEST_LINE, Paced
from r2i.engines.protocol import StepEvent
from r2i.formats.dockerfile import BuildStage, Instruction

#: How many of a step's last lines are kept: why it failed may stand far before its end.
KEPT_LINES = 2_000

STEP = re.compile(
    r"\[(?:[a-z0-9]+/\S+ )?(?:(?P<stage>\S+) )?(?P<number>\d+)/(?P<total>\d+)\] (?P<text>.*)", re.DOTALL
)

#: How the name of a step begins that reads a layer cache elsewhere: the build goes on without one.
READS_CACHE = "importing cache manifest from "

LINE_END = re.compile(r"\r\n|\n|\r")

FRACTION = re.compile(r"\.(\d{1,6})\d*")


@dataclass
class BuildKitStep:
    """What is known of one vertex of the build."""

    text: str = ""
    line: int | None = None
    state: str = ""
    error: str = ""
    partial: bytes = b""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))


class SolveProgress:
    """Reads the lines one by one. `failed` is the step that failed, `text` what was not JSON: messages of errors."""

    def __init__(self, stages: tuple[BuildStage, ...], listen: Callable[[StepEvent], None]) -> None:
        self.failed: BuildKitStep | None = None
        self.text: deque[str] = deque(maxlen=200)
        self._stages = stages
        self._listen = Paced(listen)
        self._steps: dict[str, BuildKitStep] = defaultdict(BuildKitStep)
        self._json: list[str] = []

    @property
    def running(self) -> BuildKitStep | None:
        """The step of the Dockerfile that was begun last and has not ended."""
        return next(
            (s for s in reversed(self._steps.values()) if s.state == "started" and s.line is not None), None
        )

    def feed(self, line: str) -> None:
        """buildx 0.13 spreads an object over many lines, of which only the first and the last are not indented."""
        if self._json:
            if line[:1] not in {" ", "}"}:
                self.text.append(line)
                return
            self._json.append(line)
            if line != "}":
                return
            line, self._json = "\n".join(self._json), []
        elif line == "{":
            self._json.append(line)
            return
        try:
            status = json.loads(line)
        except ValueError:
            self.text.append(line)
            return
        if isinstance(status, dict):
            self._update(status)

    def _update(self, status: dict[str, Any]) -> None:
        for vertex in status.get("vertexes") or ():
            self._vertex(vertex)
        for log in status.get("logs") or ():
            self._log(log)

    def _vertex(self, vertex: dict[str, Any]) -> None:
        digest = vertex["digest"]
        step = self._steps[digest]
        if not step.text:
            step.text, step.line = self._locate(vertex.get("name", ""))
        seconds = _seconds(vertex)
        if error := vertex.get("error"):
            step.error = error
            self._flush(digest)
            if step.text.startswith(READS_CACHE):
                self._output(digest, error.encode())
                self._emit(digest, "done", seconds=seconds)
            # What is cancelled because another step failed did not fail.
            elif not error.endswith("context canceled"):
                self.failed = self.failed or step
                self._emit(digest, "failed", seconds=seconds)
        elif vertex.get("cached"):
            self._emit(digest, "cached")
        elif seconds is not None:
            self._flush(digest)
            self._emit(digest, "done", seconds=seconds)
        elif vertex.get("started"):
            self._emit(digest, "started")

    def _log(self, log: dict[str, Any]) -> None:
        step = self._steps[log["vertex"]]
        *lines, step.partial = _split(step.partial + base64.b64decode(log.get("data") or ""))
        for line in lines:
            self._output(log["vertex"], line)
        if len(step.partial) > LONGEST_LINE:
            self._flush(log["vertex"])

    def _flush(self, digest: str) -> None:
        step = self._steps[digest]
        if step.partial:
            line, step.partial = step.partial, b""
            self._output(digest, line.removesuffix(b"\r"))

    def _output(self, digest: str, line: bytes) -> None:
        step = self._steps[digest]
        text = line[:LONGEST_LINE].decode(errors="replace")
        step.tail.append(text)
        self._listen(StepEvent(step=digest, state="output", text=step.text, line=step.line, output=text))

    def _emit(self, digest: str, state: Any, *, seconds: float | None = None) -> None:
        step = self._steps[digest]
        if not step.state and state in {"done", "failed"}:
            self._emit(digest, "started")
        if step.state != state:
            step.state = state
            self._listen(StepEvent(step=digest, state=state, text=step.text, line=step.line, seconds=seconds))

    def _locate(self, name: str) -> tuple[str, int | None]:
        """The text of a step without its number, and the line of its instruction."""
        match = STEP.fullmatch(name)
        if match is None:
            return name, None
        instructions = self._numbered(match["stage"])
        # With an `ONBUILD` of the base image, there is a step 2 of 1.
        if int(match["number"]) <= int(match["total"]) == len(instructions):
            instruction = instructions[int(match["number"]) - 1]
            if match["text"].upper().startswith(instruction.keyword):
                return match["text"], instruction.line
        # The base image has instructions of its own (ONBUILD), or the step is shared with another build that runs
        # now and bears the name that it has there: only the text can tell.
        same = [i for i in instructions if f"{i.keyword} {i.value}" == match["text"]]
        return match["text"], same[0].line if len(same) == 1 else None

    def _numbered(self, stage: str | None) -> tuple[Instruction, ...]:
        if stage is None:
            return self._stages[-1].numbered if self._stages else ()
        for index, candidate in enumerate(self._stages):
            if stage in {candidate.name, f"stage-{index}"}:
                return candidate.numbered
        return ()


def _split(data: bytes) -> list[bytes]:
    """Lines, and last what is not yet ended. A carriage return at the very end may be half of a line's end."""
    held = data.endswith(b"\r")
    body = data[:-1] if held else data
    lines = [part.encode("latin-1") for part in LINE_END.split(body.decode("latin-1"))]
    if held:
        lines[-1] += b"\r"
    return lines


def _seconds(vertex: dict[str, Any]) -> float | None:
    started, completed = vertex.get("started"), vertex.get("completed")
    if not started or not completed:
        return None
    return (_time(completed) - _time(started)).total_seconds()


def _time(stamp: str) -> datetime:
    """Go writes nanoseconds, and no fraction at all where it is zero."""
    return datetime.fromisoformat(FRACTION.sub(lambda match: f".{match[1]:0<6}", stamp))
