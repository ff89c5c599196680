"""A page for people that needs nothing else: one file, no scripts, nothing from the network.

All that it shows came out of a container in which somebody else's code ran. Text is escaped by the template; pictures are
decoded and written anew; what a notebook gave as HTML stands in a frame that may run and load nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal, TypeAlias

from r2i.check.execution.outputs import data_of, raised, text_of
from r2i.check.execution.runs import (
    NOTHING_TO_RUN,
    CellRun,
    DynamicReport,
    Level,
    Mismatch,
    NotebookRun,
    Output,
)
from r2i.check.report import Report
from r2i.quoting import printable

if TYPE_CHECKING:
    from jinja2 import Environment

#: What a page shows of pictures and frames in all, and of one output, in characters of the notebook.
MOST_DATA, LARGEST_OUTPUT = 60_000_000, 12_000_000

#: How many lines of a text output, and how many of a traceback without a click.
MOST_LINES, TRACEBACK_LINES = 200, 12

#: How pictures begin: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
PICTURES: Mapping[str, tuple[bytes, ...]] = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
}

SVG = "image/svg+xml"

#: What connects to a server although the page's policy forbids to ask it (`<link rel=preconnect>`), and what can hide that.
CONNECTING = re.compile("<(?=link|iframe)", re.IGNORECASE)

DiffKind: TypeAlias = Literal["same", "removed", "added", "file", "place"]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One output as the page has it: a picture (`data:` address), a document for a frame, or text.

    `size` is that of a PNG, as it stands in it.
    """

    kind: Literal["picture", "frame", "text", "error", "cut"]
    text: str
    size: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A difference: lines where both are text, pictures beside each other otherwise."""

    mismatch: Mismatch
    lines: tuple[tuple[DiffKind, str], ...] = ()
    stored: tuple[Shown, ...] = ()
    produced: tuple[Shown, ...] = ()

    @property
    def over_each_other(self) -> bool:
        """Whether both are pictures of one size, so that the difference of each dot says something."""
        sizes = {shown.size for shown in (*self.stored, *self.produced)}
        return bool(self.stored and self.produced) and len(sizes) == 1 and None not in sizes


class Outputs:
    """Outputs for the page, until there are enough: a browser has to open it."""

    def __init__(self, most: int = MOST_DATA) -> None:
        self._left = most

    def shown(self, outputs: Iterable[Output]) -> Iterator[Shown]:
        for output in outputs:
            yield self._bounded(_shown(output))

    def _bounded(self, shown: Shown) -> Shown:
        size = len(shown.text)
        if size > LARGEST_OUTPUT or size > self._left:
            return Shown(kind="cut", text=f"{size:,} characters, left out")
        self._left -= size
        return shown


def to_html(report: Report, *, title: str = "", diff: Iterable[str] = ()) -> str:
    """`title` names the repository, `diff` is what the causes' fixes would change."""
    dynamic = report.dynamic
    outputs = Outputs()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=printable(title),
            report=report,
            dynamic=dynamic,
            levels=[(level, dynamic.status(level), _detail(dynamic, level)) for level in Level]
            if dynamic
            else [],
            notebooks=[_Section(run, dynamic, outputs) for run in dynamic.runs] if dynamic else [],
            nothing_to_run=NOTHING_TO_RUN,
            diff=[(_diff_kind(line), line) for line in diff],
        )
    )


class _Section:
    """What the template asks of a notebook."""

    def __init__(self, run: NotebookRun, dynamic: DynamicReport, outputs: Outputs) -> None:
        self.run = run
        self.causes = dynamic.causes.get(run.path, ())
        self.levels = [(level, run.statuses.get(level, "skipped")) for level in Level if level >= Level.L2]
        self.failing_line = run.failure.line if run.failure else None
        self.source = (
            run.failure.source.rstrip("\n").split("\n") if run.failure and run.failure.source else []
        )
        traceback = [*run.failure.traceback] if run.failure else []
        self.last_lines, self.traceback = traceback[-TRACEBACK_LINES:], traceback[-MOST_LINES:]
        cells = {cell.number: cell for cell in run.cells}
        failed = cells.get(run.failure.cell) if run.failure and run.failure.cell else None
        self.printed = [*outputs.shown(_without_error(failed))] if failed else []
        self.compared = [_compared(one, cells.get(one.cell), outputs) for one in run.mismatches]

    @property
    def of_interest(self) -> bool:
        """Whether there is more to say of it than that it runs."""
        run = self.run
        notes = [said for said in run.notes if "outputs" not in said]
        return bool(self.causes or run.failure or self.compared or run.failed_imports or notes)

    @property
    def state(self) -> str:
        return "failed" if "failed" in self.run.statuses.values() else "passed"

    @property
    def said(self) -> str:
        """In a line: why, else what differs."""
        if self.causes:
            return self.causes[0].message
        if self.run.failure:
            return self.run.failure.message
        count = len(self.run.mismatches)
        return f"{count} output{'' if count == 1 else 's'} not as saved" if count else ""


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("r2i.check", "formats"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["literals"] = _literals
    made.filters["clean"] = clean
    made.filters["seconds"] = _seconds
    made.filters["megabytes"] = lambda size: f"{size / 1e6:,.0f} MB"
    return made


def clean(text: str) -> str:
    """What can stand in a document: line ends and tabs, and no other control characters or halves of characters."""
    return "".join(
        c if c in "\n\t" or c.isprintable() or c == "\u00a0" else "\ufffd" for c in text.replace("\r", "")
    )


def _literals(text: str) -> list[tuple[bool, str]]:
    """Parts of a message, and whether each stood in backticks."""
    return [(number % 2 == 1, part) for number, part in enumerate(re.split("`([^`]*)`", clean(text))) if part]


def _seconds(seconds: float) -> str:
    if seconds >= 60:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _detail(dynamic: DynamicReport, level: Level) -> str:
    if dynamic.status(level) == "skipped":
        return "not tried" if level > dynamic.tried else ""
    if level == Level.L0:
        return _seconds(dynamic.build.seconds)
    if level == Level.L1:
        return ", ".join(kernel.name for kernel in dynamic.kernels)
    return f"{sum(run.passed(level) for run in dynamic.runs)} of {len(dynamic.runs)} notebooks"


def _without_error(cell: CellRun) -> list[Output]:
    """What it gave before: the error stands elsewhere."""
    return [output for output in cell.outputs if output.get("output_type") != "error"]


def _compared(mismatch: Mismatch, cell: CellRun | None, outputs: Outputs) -> Compared:
    if mismatch.stored or mismatch.produced:
        return Compared(mismatch=mismatch, lines=tuple(_lines(mismatch.stored, mismatch.produced)))
    kind = mismatch.what
    stored, produced = (
        tuple(outputs.shown(output for output in (given if cell else ()) if kind in data_of(output)))
        for given in ((cell.stored, cell.outputs) if cell else ((), ()))
    )
    return Compared(mismatch=mismatch, stored=stored, produced=produced)


def _lines(stored: str, produced: str) -> Iterator[tuple[DiffKind, str]]:
    one, other = stored.split("\n"), produced.split("\n")
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (("same", line) for line in one[a:b])
        else:
            yield from (("removed", line) for line in one[a:b])
            yield from (("added", line) for line in other[c:d])


def _diff_kind(line: str) -> DiffKind:
    kinds: Mapping[str, DiffKind] = {"---": "file", "+++": "file", "@@ ": "place"}
    signs: Mapping[str, DiffKind] = {"-": "removed", "+": "added"}
    return kinds.get(line[:3]) or signs.get(line[:1]) or "same"


def _shown(output: Output) -> Shown:
    """The first representation that a browser can show, of those that a reader of the notebook would see."""
    if "r2i_cut" in output:
        return Shown(kind="cut", text=f"{output['r2i_cut']} bytes, left out")
    if output.get("output_type") == "stream":
        return Shown(kind="text", text=text_of(output.get("text")))
    if output.get("output_type") == "error":
        return Shown(kind="error", text=raised(output))
    data = data_of(output)
    for kind in (*PICTURES, SVG):
        if kind in data and (address := _picture(kind, text_of(data[kind]))):
            return Shown(kind="picture", text=address, size=_size(address))
    if "text/html" in data:
        return Shown(kind="frame", text=CONNECTING.sub("&lt;", clean(text_of(data["text/html"]))))
    return Shown(kind="text", text=text_of(data.get("text/plain", ", ".join(data))))


def _picture(kind: str, text: str) -> str | None:
    """A `data:` address of what is such a picture indeed; in a picture no script runs, and nothing is loaded."""
    if kind == SVG:
        return (
            f"data:{kind};base64,{base64.b64encode(text.encode(errors='replace')).decode()}"
            if "<svg" in text
            else None
        )
    try:
        data = base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return None
    if not data.startswith(PICTURES[kind]):
        return None
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _size(address: str) -> bytes | None:
    before, _, data = address.partition(",")
    return base64.b64decode(data[:32])[16:24] if before.startswith("data:image/png") else None
