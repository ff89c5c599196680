"""A build by its layers. The engine tells of steps; people think in layers (`requirements.txt`, `apt.txt`)."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from r2i.cli.progress import Kind, showing
from r2i.cli.progress.board import Board, Clock, DisplayLine, Happening, State, duration
from r2i.engines.protocol import StepEvent
from r2i.formats.dockerfile import instructions
from r2i.host.addresses import mask
from r2i.model import Dockerfile, Json, Layer, Plan
from r2i.quoting import clean

#: How many lines of output are shown below the running layer.
TAIL = 4
#: After so many seconds without a line of its own, it is said of a step.
SILENT = 60.0
#: The engine's own steps (exporting, loading the context) are worth a line when they took that long.
NOTABLE_SECONDS = 1.0
#: What is over sooner would only flicker.
FLICKER = 0.4
#: The name at the beginning of each line of a log is cut here.
MAX_NAME = 40

#: What apt, dpkg and uv say of each package and file: hundreds of lines in which nobody finds the others.
CHATTER = re.compile(
    r"\(Reading database |Selecting previously |Preparing to unpack |Unpacking |Setting up |Processing triggers for "
    r"|(?:Get|Hit|Ign):\d+ |Reading (?:package lists|state information)|Building dependency tree|(?:The following|Suggested"
    r"|Recommended) .*packages|  [a-z0-9][a-z0-9.+:-]*(?: |$)|debconf: delaying |Need to get |After this operation"
    r"|Adding 'diversion of | ?Download(?:ing|ed) "
)

#: Instructions that are steps of a build for every engine: BuildKit makes none of `ENV` or `LABEL`.
STEPS = frozenset({"RUN", "COPY", "ADD"})


@contextmanager
def progress(
    kind: Kind,
    plan: Plan,
    dockerfile: Dockerfile,
    *,
    credentials: Sequence[str] = (),
    stream: TextIO | None = None,
) -> Iterator[Callable[[StepEvent], None]]:
    """Show a build on stderr while the block lasts; `credentials` are blotted out."""
    board = LayerBoard(dockerfile, plan.layers, credentials=credentials)
    with showing(kind, board, stream=stream) as listen:
        yield listen


@dataclass
class LayerRow:
    """A layer, or one of the engine's own steps (then `number` is None)."""

    title: str
    number: int | None = None
    layer: Layer | None = None
    state: State = "waiting"
    lines: frozenset[int] = frozenset()
    pending: set[int] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    ran: bool = False
    began: float = 0.0
    spoke: float = 0.0
    seconds: float = 0.0
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))

    @property
    def ended(self) -> bool:
        return self.state not in ("waiting", "running")

    def silence(self, now: float) -> str:
        """What is said of a step that has printed nothing for long; else nothing."""
        silent = now - self.spoke
        return f"no output for {duration(silent)}" if silent >= SILENT else ""

    @property
    def notable(self) -> bool:
        return self.number is not None or self.state == "failed" or self.seconds >= NOTABLE_SECONDS


class LayerBoard(Board[StepEvent, LayerRow]):
    """Which layers there are and how far they are."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        layers: Sequence[Layer],
        *,
        credentials: Sequence[str] = (),
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self._credentials = credentials
        self._own: dict[str, LayerRow] = {}
        self._by_line: dict[int, LayerRow] = {}
        self._talker: LayerRow | None = None
        self.rows: list[LayerRow] = []
        owner = dockerfile.layer_lines
        steps = [*step_lines(dockerfile.text)]
        froms = {each.line for each in instructions(dockerfile.text) if each.keyword == "FROM"}
        found = {owner[line] for line in steps if line in owner}
        # Without two layers it is a repository's own Dockerfile: then its instructions are worth watching.
        by_instruction = len(found) < 2
        units = [[line] for line in steps]
        if not by_instruction:
            units = [[line for line in steps if owner.get(line) == index] for index in sorted(found)]
        for number, unit in enumerate(sorted(units), start=1):
            layer = layers[owner[unit[0]]] if unit[0] in owner else None
            title = "" if by_instruction or layer is None else self.text(layer.title)
            row = LayerRow(title=title, number=number, layer=layer, lines=frozenset(unit), pending=set(unit))
            self.rows.append(row)
            # Other lines of a layer (`WORKDIR` may be a step or not) belong to it; it does not wait for them.
            # A `FROM` does not: BuildKit fetches the images of all stages at once, before anything else.
            others = (
                [] if by_instruction else [n for n in owner if owner[n] == owner[unit[0]] and n not in froms]
            )
            self._by_line |= dict.fromkeys((*others, *unit), row)

    @property
    def every(self) -> list[LayerRow]:
        return [*self.rows, *self._own.values()]

    @property
    def active(self) -> list[LayerRow]:
        return [row for row in self.every if row.state == "running"]

    def count(self, *states: State) -> int:
        return sum(row.state in states for row in self.rows)

    def text(self, text: str) -> str:
        return mask(clean(text), credentials=self._credentials)

    def take(self, event: StepEvent) -> tuple[LayerRow, Happening | None]:
        """Fold one event in: the row that it belongs to, and what changed for that row as a whole."""
        row = self._row(event)
        row.title = row.title or self._title(event)
        match event.state:
            case "started":
                row.running.add(event.step)
                if row.state == "waiting":
                    row.state, row.began = "running", self.clock()
                    row.spoke = row.began
                    return row, "started"
                return row, None
            case "output":
                row.spoke = self.clock()
                row.tail.append(self.text(event.output))
                self._talker = row
                return row, "output"
            case "cached" | "done" | "failed":
                return row, self._close(row, event)

    def end(self, *, ok: bool) -> list[tuple[LayerRow, Happening]]:
        """The build is over: settle the rows that are still open."""
        changes: list[tuple[LayerRow, Happening]] = []
        for row in self.every:
            # Steps of stages that nothing needs never come: what came of the layer was all of it.
            begun = row.state == "running" or (ok and not row.ended and row.pending != row.lines)
            if begun:
                row.state = "stopped" if not ok else "done" if row.ran else "cached"
                row.seconds = row.seconds or self.clock() - row.began
                changes.append((row, row.state))
        return changes

    def summary(self, *, ok: bool) -> str:
        cached = self.count("cached")
        if not ok:
            word = "Failed" if any(row.state == "failed" for row in self.every) else "Stopped"
            return f"{word} after {duration(self.elapsed)}"
        end = f"Built in {duration(self.elapsed)}"
        return f"{end}, {cached} of {len(self.rows)} steps from the cache" if cached else end

    def line(self, row: LayerRow, what: Happening) -> str:
        """It begins with its layer: `[3/9 requirements.txt] Installed 12 packages`."""
        match what:
            case "started" if row.number is not None:
                rest = row.title if row.layer is None else row.title.partition(": ")[2].strip()
                said = rest or "started"
            case "output":
                said = row.tail[-1]
                if CHATTER.match(said):
                    return ""
            case "silent":
                now = self.clock()
                words = ("still running", duration(now - row.began), row.silence(now))
                said = ", ".join(filter(None, words))
            case "cached" if row.number is not None:
                said = "cached"
            case "done" | "failed" | "stopped" if row.notable:
                ends = {"done": "done in", "failed": "failed after", "stopped": "stopped after"}
                said = f"{ends[what]} {duration(row.seconds)}"
            case _:
                return ""
        return f"[{self._name(row)}] {said}".rstrip()

    def record(self, row: LayerRow, what: Happening) -> Mapping[str, Json]:
        state = "running" if what == "silent" else what
        said = row.tail[-1] if what == "output" else f"{row.title}: {state}"
        if what == "silent" and (silence := row.silence(self.clock())):
            said = f"{said}, {silence}"
        record: dict[str, Json] = {
            "phase": "building",
            "message": said,
            "state": state,
            "layer": row.title if row.number is not None else None,
            "elapsed": round(self.elapsed, 3),
        }
        if row.number is not None:
            record |= {"number": row.number, "of": len(self.rows)}
        if row.layer is not None:
            record["buildpack"] = row.layer.buildpack
            evidence = next((found for found in row.layer.evidence if found.file), None)
            if evidence is not None:
                record |= {"file": evidence.file, "line": evidence.line}
        if what in ("done", "failed", "stopped"):
            record["seconds"] = round(row.seconds, 3)
        return record

    def left(self, row: LayerRow) -> DisplayLine | None:
        if not row.ended or not row.notable:
            return None
        style = {"cached": "dim", "failed": "bold red", "stopped": "yellow"}.get(row.state, "")
        if row.number is None and row.state != "failed":
            style = "dim"
        spent = "cached" if row.state == "cached" else duration(row.seconds)
        return DisplayLine(state=row.state, title=row.title, style=style, columns=(spent,))

    def moving(self) -> list[DisplayLine]:
        """The running rows, with the last lines of the one that spoke last."""
        now = self.clock()
        return [
            DisplayLine(
                state=row.state,
                title=row.title,
                style="" if row.number is not None else "dim",
                columns=(duration(now - row.began),),
                tail=tuple(row.tail) if row is self._talker else (),
                warning=row.silence(now),
            )
            for row in self.active
            if row.number is not None or now - row.began > FLICKER
        ]

    def total(self) -> str:
        return f"{self.count('cached', 'done')} of {len(self.rows)} · {duration(self.elapsed)}"

    def _close(self, row: LayerRow, event: StepEvent) -> Happening | None:
        row.running.discard(event.step)
        row.seconds += event.seconds or 0.0
        if event.line in row.lines or not row.lines:
            row.ran = row.ran or event.state != "cached"
            row.pending -= {event.line}
        if row.ended:
            return None
        if event.state == "failed":
            row.state = "failed"
        elif row.pending or row.running:
            return None
        else:
            row.state = "done" if row.ran else "cached"
        return row.state

    def _row(self, event: StepEvent) -> LayerRow:
        row = self._by_line.get(event.line) if event.line is not None else None
        return row or self._own.setdefault(event.step, LayerRow(title=self._title(event)))

    def _title(self, event: StepEvent) -> str:
        """An instruction as the engine calls it, without BuildKit's `[stage-0 2/7]`."""
        return re.sub(r"^\[[^\]]*\] ", "", self.text(event.text))

    def _name(self, row: LayerRow) -> str:
        name = row.title.partition(": ")[0] if row.layer is not None else row.title
        name = name.partition(" (")[0].replace("docker.io/library/", "")
        name = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME].rstrip()}…"
        return f"{row.number}/{len(self.rows)} {name}" if row.number is not None else name


def step_lines(text: str) -> Iterator[int]:
    """The lines, counted from 1, where instructions begin that every engine makes a step of."""
    yield from (each.line for each in instructions(text) if each.keyword in STEPS)
