"""What a build looks like on stderr: live on a terminal, by lines in a log, as JSON for programs.

The engine tells of steps; people think in layers (`requirements.txt`, `apt.txt`). A `Board` sorts the one into
the other, three renderers show it. See docs/progress.md.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Literal, Protocol, TextIO, TypeAlias

from r2i.engines.protocol import StepEvent
from r2i.host import mask
from r2i.model import Dockerfile, Json, Layer, Plan
from r2i.quoting import ESCAPES

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

Kind: TypeAlias = Literal["auto", "rich", "plain", "json"]
State: TypeAlias = Literal["waiting", "running", "cached", "done", "failed", "stopped"]
Change: TypeAlias = Literal["started", "output", "cached", "done", "failed", "stopped"]
Clock: TypeAlias = Callable[[], float]

#: How many lines of output are shown below the running layer.
TAIL = 4
#: After so many seconds without a line, `plain` says what is still running.
SILENCE = 10.0
#: The engine's own steps (exporting, loading the context) are worth a line when they took that long.
NOTABLE_SECONDS = 1.0
#: What is over sooner would only flicker.
FLICKER = 0.4
#: Lines of output are cut here.
MAX_LINE = 2000
#: The name at the beginning of each line of `plain` is cut here.
MAX_NAME = 30
#: Live lines grow no wider, so that the eye finds the times on a wide terminal.
MAX_WIDTH = 100
MARKS: Mapping[State, str] = {"done": "✓", "cached": "✓", "failed": "✗", "stopped": "-"}

#: Instructions that are steps of a build for every engine: BuildKit makes none of `ENV` or `LABEL`.
STEP = re.compile(r"\s*(?:RUN|COPY|ADD)\s", re.IGNORECASE)
FROM = re.compile(r"\s*FROM\s", re.IGNORECASE)
HEREDOC = re.compile(r"(?<=\s)\d*<<-?[\"']?([A-Za-z_][A-Za-z0-9_]*)[\"']?")


class Renderer(Protocol):
    def start(self) -> None: ...

    def event(self, event: StepEvent) -> None: ...

    def finish(self, *, ok: bool) -> None:
        """Called once, whatever happened; the terminal is as it was before."""


@contextmanager
def progress(
    kind: Kind,
    plan: Plan,
    dockerfile: Dockerfile,
    *,
    credentials: Sequence[str] = (),
    stream: TextIO | None = None,
) -> Iterator[Renderer]:
    """Show a build on stderr: its events go to `event` of what this gives; `credentials` are blotted out."""
    board = Board(dockerfile, plan.layers, credentials=credentials)
    shown = renderer(kind, board, stream=stream or sys.stderr, environ=os.environ)
    shown.start()
    try:
        yield shown
    except BaseException:
        shown.finish(ok=False)
        raise
    shown.finish(ok=True)


def renderer(kind: Kind, board: Board, *, stream: TextIO, environ: Mapping[str, str]) -> Renderer:
    """Live progress needs a terminal that moves its cursor and knows Unicode; everything else gets lines."""
    if kind == "json":
        return JsonRenderer(board, stream)
    if kind == "plain" or not moves(stream, environ):
        return PlainRenderer(board, stream)
    from rich.console import Console

    return LiveRenderer(board, Console(file=stream))


def moves(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether it is a terminal on which lines can be drawn over."""
    return (
        stream.isatty()
        and environ.get("TERM", "dumb") != "dumb"
        and stream.encoding.lower().startswith("utf")
    )


def clean(text: str) -> str:
    """Make text of a repository harmless to a terminal: one line without control characters."""
    text = ESCAPES.sub("", text[: 4 * MAX_LINE])
    # What a progress bar wrote last on its line is what a terminal would show.
    text = text.rstrip("\r\n").rpartition("\r")[2].expandtabs(4)
    # Cf holds the marks that turn the direction of text, Zl and Zp break lines.
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}…"


def duration(seconds: float) -> str:
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


@dataclass
class Row:
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
    seconds: float = 0.0
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))

    @property
    def ended(self) -> bool:
        return self.state not in ("waiting", "running")

    @property
    def notable(self) -> bool:
        return self.number is not None or self.state == "failed" or self.seconds >= NOTABLE_SECONDS


class Board:
    """Which layers there are and how far they are: folds the engine's events, shows nothing."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        layers: Sequence[Layer],
        *,
        credentials: Sequence[str] = (),
        clock: Clock = time.monotonic,
    ) -> None:
        self.clock = clock
        self.began = clock()
        self._credentials = credentials
        self._own: dict[str, Row] = {}
        self._by_line: dict[int, Row] = {}
        self.rows: list[Row] = []
        owner = dockerfile.layer_lines
        steps = [*step_lines(dockerfile.text)]
        froms = {n for n, line in enumerate(dockerfile.text.split("\n"), start=1) if FROM.match(line)}
        found = {owner[line] for line in steps if line in owner}
        # Without two layers it is a repository's own Dockerfile: then its instructions are worth watching.
        by_instruction = len(found) < 2
        units = [[line] for line in steps]
        if not by_instruction:
            units = [[line for line in steps if owner.get(line) == index] for index in sorted(found)]
        for number, unit in enumerate(sorted(units), start=1):
            layer = layers[owner[unit[0]]] if unit[0] in owner else None
            title = "" if by_instruction or layer is None else self.text(layer.title)
            row = Row(title=title, number=number, layer=layer, lines=frozenset(unit), pending=set(unit))
            self.rows.append(row)
            # Other lines of a layer (`WORKDIR` may be a step or not) belong to it; it does not wait for them.
            # A `FROM` does not: BuildKit fetches the images of all stages at once, before anything else.
            others = (
                [] if by_instruction else [n for n in owner if owner[n] == owner[unit[0]] and n not in froms]
            )
            self._by_line |= dict.fromkeys((*others, *unit), row)

    @property
    def elapsed(self) -> float:
        return self.clock() - self.began

    @property
    def every(self) -> list[Row]:
        return [*self.rows, *self._own.values()]

    @property
    def active(self) -> list[Row]:
        return [row for row in self.every if row.state == "running"]

    def count(self, *states: State) -> int:
        return sum(row.state in states for row in self.rows)

    def text(self, text: str) -> str:
        return mask(clean(text), credentials=self._credentials)

    def take(self, event: StepEvent) -> tuple[Row, Change | None]:
        """Fold one event in: the row that it belongs to, and what changed for that row as a whole."""
        row = self._row(event)
        row.title = row.title or self._title(event)
        match event.state:
            case "started":
                row.running.add(event.step)
                if row.state == "waiting":
                    row.state, row.began = "running", self.clock()
                    return row, "started"
                return row, None
            case "output":
                row.tail.append(self.text(event.output))
                return row, "output"
            case "cached" | "done" | "failed":
                return row, self._close(row, event)

    def end(self, *, ok: bool) -> list[tuple[Row, Change]]:
        """The build is over: settle the rows that are still open."""
        changes: list[tuple[Row, Change]] = []
        for row in self.every:
            # Steps of stages that nothing needs never come: what came of the layer was all of it.
            begun = row.state == "running" or (ok and not row.ended and row.pending != row.lines)
            if begun:
                row.state = "stopped" if not ok else "done" if row.ran else "cached"
                row.seconds = row.seconds or self.clock() - row.began
                changes.append((row, row.state))
        return changes

    def _close(self, row: Row, event: StepEvent) -> Change | None:
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

    def _row(self, event: StepEvent) -> Row:
        row = self._by_line.get(event.line) if event.line is not None else None
        return row or self._own.setdefault(event.step, Row(title=self._title(event)))

    def _title(self, event: StepEvent) -> str:
        """An instruction as the engine calls it, without BuildKit's `[stage-0 2/7]`."""
        return re.sub(r"^\[[^\]]*\] ", "", self.text(event.text))


def step_lines(text: str) -> Iterator[int]:
    """The lines, counted from 1, where instructions begin that every engine makes a step of."""
    inside, heredocs = False, deque[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        if heredocs:
            if line.strip("\t") == heredocs[0]:
                heredocs.popleft()
            continue
        if line.lstrip().startswith("#"):
            continue  # nor does a comment end a continued instruction
        if not inside and STEP.match(line):
            yield number
        if inside or STEP.match(line):
            heredocs.extend(HEREDOC.findall(line))
        inside = line.rstrip().endswith("\\")


def summary(board: Board, *, ok: bool) -> str:
    cached = board.count("cached")
    if not ok:
        word = "Failed" if any(row.state == "failed" for row in board.every) else "Stopped"
        return f"{word} after {duration(board.elapsed)}"
    end = f"Built in {duration(board.elapsed)}"
    return f"{end}, {cached} of {len(board.rows)} steps from the cache" if cached else end


class PlainRenderer:
    """Lines that begin with their layer: `[3/9 requirements.txt] Installed 12 packages`."""

    def __init__(self, board: Board, stream: TextIO, *, silence: float = SILENCE) -> None:
        self._board = board
        self._stream = stream
        self._silence = silence
        self._lock = RLock()
        self._last = board.clock()
        self._over = Event()
        self._beat = Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._beat.start()

    def event(self, event: StepEvent) -> None:
        with self._lock:
            row, change = self._board.take(event)
            self._tell(row, change)

    def finish(self, *, ok: bool) -> None:
        self._over.set()
        self._beat.join()
        for row, change in self._board.end(ok=ok):
            self._tell(row, change)
        self._write(summary(self._board, ok=ok))

    def _tell(self, row: Row, change: Change | None) -> None:
        match change:
            case "started" if row.number is not None:
                rest = row.title if row.layer is None else row.title.partition(": ")[2].strip()
                self._line(row, rest or "started")
            case "output":
                self._line(row, row.tail[-1])
            case "cached" if row.number is not None:
                self._line(row, "cached")
            case "done" | "failed" | "stopped" if row.notable:
                words = {"done": "done in", "failed": "failed after", "stopped": "stopped after"}
                self._line(row, f"{words[change]} {duration(row.seconds)}")
            case _:
                pass

    def _line(self, row: Row, text: str) -> None:
        name = row.title.partition(": ")[0] if row.layer is not None else row.title
        name = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME].rstrip()}…"
        place = f"{row.number}/{len(self._board.rows)} " if row.number is not None else ""
        self._write(f"[{place}{name}] {text}".rstrip())

    def _write(self, line: str) -> None:
        self._last = self._board.clock()
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def _watch(self) -> None:
        """CI services end a job that says nothing, and people think the same way."""
        while not self._over.wait(self._silence / 10):
            with self._lock:
                now = self._board.clock()
                if now - self._last >= self._silence:
                    for row in self._board.active:
                        self._line(row, f"still running, {duration(now - row.began)}")


class JsonRenderer:
    """One JSON object a line, in ASCII; the fields are those of docs/progress.md."""

    def __init__(self, board: Board, stream: TextIO) -> None:
        self._board = board
        self._stream = stream

    def start(self) -> None:
        pass

    def event(self, event: StepEvent) -> None:
        row, change = self._board.take(event)
        if change is not None:
            self._tell(row, change)

    def finish(self, *, ok: bool) -> None:
        for row, change in self._board.end(ok=ok):
            self._tell(row, change)
        elapsed = round(self._board.elapsed, 3)
        self._write(
            {
                "phase": "building" if ok else "failed",
                "message": summary(self._board, ok=ok),
                "state": "done" if ok else "failed",
                "layer": None,
                "elapsed": elapsed,
            }
        )

    def _tell(self, row: Row, change: Change) -> None:
        record: dict[str, Json] = {
            "phase": "building",
            "message": row.tail[-1] if change == "output" else f"{row.title}: {change}",
            "state": change,
            "layer": row.title if row.number is not None else None,
            "elapsed": round(self._board.elapsed, 3),
        }
        if row.number is not None:
            record |= {"number": row.number, "of": len(self._board.rows)}
        if row.layer is not None:
            record["buildpack"] = row.layer.buildpack
            evidence = next((found for found in row.layer.evidence if found.file), None)
            if evidence is not None:
                record |= {"file": evidence.file, "line": evidence.line}
        if change in ("done", "failed", "stopped"):
            record["seconds"] = round(row.seconds, 3)
        self._write(record)

    def _write(self, record: Mapping[str, Json]) -> None:
        self._stream.write(f"{json.dumps(record)}\n")
        self._stream.flush()


def moving(console: Console, picture: Callable[[], RenderableType]) -> Live:
    """A display that shows what `picture` gives at the moment, and is gone at the end."""
    from rich.live import Live

    return Live(
        console=console,
        get_renderable=picture,
        refresh_per_second=10,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


class LiveRenderer:
    """Finished layers scroll up, the running one moves, below it its last lines."""

    def __init__(self, board: Board, console: Console) -> None:
        from rich.spinner import Spinner

        self._board = board
        self._console = console
        self._spinner = Spinner("dots")
        self._lock = RLock()
        self._talker: Row | None = None
        self._live = moving(console, self.picture)

    def start(self) -> None:
        self._live.start()

    def event(self, event: StepEvent) -> None:
        # The lock is not held while printing: the thread that refreshes takes rich's lock first and then ours.
        with self._lock:
            row, change = self._board.take(event)
            if change == "output":
                self._talker = row
        if row.ended and change is not None and row.notable:
            self._console.print(self._line(row))

    def finish(self, *, ok: bool) -> None:
        self._live.stop()
        for row, _ in self._board.end(ok=ok):
            if row.notable:
                self._console.print(self._line(row))
        self._console.print(summary(self._board, ok=ok), style="bold" if ok else "bold red", highlight=False)

    def picture(self) -> RenderableType:
        """What moves: the running rows, the last lines of the one that spoke last, and the total."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.text import Text

        parts: list[RenderableType] = []
        with self._lock:
            now = self._board.clock()
            active = [
                row for row in self._board.active if row.number is not None or now - row.began > FLICKER
            ]
            talker = self._talker if self._talker in active else None
            for row in active:
                parts.append(self._line(row))
                if row is talker:
                    lines = (Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in row.tail)
                    parts += [Padding(line, (0, 0, 0, 4)) for line in lines]
            ended = self._board.count("cached", "done")
            total = f"{ended} of {len(self._board.rows)} · {duration(self._board.elapsed)}"
        parts.append(Text(f"  {total}", style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*parts)

    def _line(self, row: Row) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        style = {"cached": "dim", "failed": "bold red", "stopped": "yellow"}.get(row.state, "")
        if row.number is None and row.state != "failed":
            style = "dim"
        colours = {"done": "green", "failed": "bold red"}
        mark: RenderableType = Text(MARKS.get(row.state, " "), style=colours.get(row.state, style))
        if row.state == "running":
            mark = self._spinner.render(self._console.get_time())
            spent = duration(self._board.clock() - row.began)
        else:
            spent = "cached" if row.state == "cached" else duration(row.seconds)
        table = Table.grid(padding=(0, 1), expand=True)
        table.width = min(self._console.width, MAX_WIDTH)
        table.add_column(width=1)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        table.add_row(mark, Text(row.title, style=style), Text(spent, style="dim"))
        return table
