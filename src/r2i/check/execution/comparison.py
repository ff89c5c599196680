"""Whether the outputs of a notebook are those that it was saved with, but for what differs at every run.

Pure. What is not compared: numbers of executions, stderr (warnings name paths and versions, bars of progress go there),
traces of errors, and widgets.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from r2i.check.execution.outputs import data_of, raised, text_of
from r2i.check.execution.runs import CellRun, Mismatch, Output
from r2i.model import Json

#: How much of a text that differs is shown, in characters.
EXCERPT = 1000

#: Longer texts are compared as they are, in characters.
LONGEST = 200_000

#: As relative difference: other processors and libraries round otherwise.
TOLERANCE = 1e-6

#: What says in a notebook that nbval, too, should not compare a cell.
IGNORED_TAG, IGNORED_COMMENT = "nbval-ignore-output", "NBVAL_IGNORE_OUTPUT"

#: Of several representations of one output, those that a reader sees first.
COMPARED = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/svg+xml",
    "text/latex",
    "text/markdown",
    "application/json",
    "text/plain",
    "text/html",
)

#: What differs at every run, and what stands for it. The order matters.
SANITISED = tuple(
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), word)
    for pattern, word in (
        (r"(?<!\r)\r+\n", "\n"),
        (r"^[^\n]*\r", ""),  # painted over
        (r"^.*(?:\d%\||\dit \[|\bit/s|\bs/it).*$\n?", ""),  # tqdm
        (r"\b0x[0-9a-f]{4,}\b", "<address>"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
        (r"<ipython-input-[^>]*>|(?<![^\s'\"<>(])[^\s'\"<>(]*/ipykernel_\d+/\d+\.py", "<cell>"),
        (r"(?<![^\s'\"<>(])[^\s'\"<>(]*[/\\](?:site|dist)-packages[/\\]", "<packages>/"),
        (r"(?:/private)?(?:/tmp|/var/tmp|/var/folders)/[^\s'\"<>),;:]+", "<temporary>"),
        (r"[a-z]:\\+[^\s'\"<>]{0,100}\\+temp\\+[^\s'\"<>),;:]+", "<temporary>"),
        (r"(?:/home|/Users|[a-z]:\\+Users\\+)[/\\]?[^\s/\\'\"<>]+", "<home>"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|\s?[+-]\d\d:?\d\d)?", "<time>"),
        (
            r"\b(?:mon|tue|wed|thu|fri|sat|sun)\w*,?\s+(?:\d+\s+)?[a-z]{3}\w*\s+\d+[^\n]{0,6}\s\d\d:\d\d:\d\d(?:\s\d{4})?",
            "<time>",
        ),
        (r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
        (r"\bdatetime\.(?:datetime\(\d{4}, \d+, \d+, |time\()\d+, \d+, \d+(?:, \d+)?\b", "<time>"),
        (r"\bdatetime\.timedelta\((?:\w+=-?\d+, )*microseconds=\d+\)", "<duration>"),
        (
            r"(?<![\w.])\d+(?:[.,]\d+)?(?:e[+-]?\d+)?\s?(?:ns|[uµμ]s|ms|s|secs?|seconds?|mins?|minutes?)\b(?:\s*±[^\n]*)?",
            "<duration>",
        ),
        (r"\bpid\s{0,3}[=:]?\s{0,3}\d+", "<pid>"),
        (r"(?<![ \t])[ \t]+$", ""),
    )
)

#: Identifiers that libraries draw for a page or a picture, and its date.
DRAWN = re.compile(
    r"""\b(?:id|for|class|aria-[a-z]+)=["'][^"']{0,300}["']|(?:url\()?["']?#[\w-]{6,}|<dc:date>[^<]*</dc:date>|\b[0-9a-f]{16,}\b"""
)

#: How code takes the time as a number, and what that looks like since 2011: without such code, it may be any number.
CLOCK = re.compile(r"\btime\(\)|\btime_ns\(\)|\btimestamp\(\)")
SECONDS = re.compile(r"(?<![\w.])1[3-9]\d{8}(?:\.\d+|\d{9})\b")

NUMBER = re.compile(
    r"[-+]?(?:\d{1,30}\.\d{0,30}|\.\d{1,30})(?:e[-+]?\d{1,3})?|[-+]?\d{1,30}e[-+]?\d{1,3}", re.IGNORECASE
)


def mismatches(cells: Iterable[CellRun]) -> tuple[Mismatch, ...]:
    """All differences, by cells; none where a cell did not run, here or before it was saved."""
    cells = [*cells]
    clock = any(CLOCK.search(cell.source) for cell in cells)
    return tuple(
        mismatch
        for cell in cells
        if cell.status == "passed" and cell.saved and not ignored(cell)
        for mismatch in _of_cell(cell, clock=clock)
    )


def ignored(cell: CellRun) -> bool:
    return IGNORED_TAG in cell.tags or IGNORED_COMMENT in cell.source


def has_outputs(cells: Iterable[CellRun]) -> bool:
    return any(cell.stored for cell in cells)


def sanitised(text: str) -> str:
    """For people to read and to compare; what is longer than anybody reads stays as it is."""
    if len(text) > LONGEST:
        return text
    for pattern, word in SANITISED:
        text = pattern.sub(word, text)
    return text.strip()


def same_text(one: str, other: str) -> bool:
    """The same words, and numbers that are as good as equal."""
    if one == other:
        return True
    if NUMBER.split(one) != NUMBER.split(other):
        return False
    numbers = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=TOLERANCE) for a, b in numbers)


def _of_cell(cell: CellRun, *, clock: bool) -> Iterator[Mismatch]:
    stored, produced = (_printed(outputs) for outputs in (cell.stored, cell.outputs))
    if not (_cut(cell.stored) or _cut(cell.outputs)):
        yield from _text_mismatch(cell, "stdout", stored, produced, clock=clock)
    before, now = ([*_shown(outputs)] for outputs in (cell.stored, cell.outputs))
    if len(before) != len(now):
        yield Mismatch(
            cell=cell.number,
            what="number",
            message=f"{_count(len(before))} stored, {len(now)} now",
            stored=_excerpt("\n".join(map(_kind, before)), 0),
            produced=_excerpt("\n".join(map(_kind, now)), 0),
        )
        return
    for one, other in zip(before, now, strict=True):
        if not (_cut([one]) or _cut([other])):
            yield from _of_output(cell, one, other, clock=clock)


def _of_output(cell: CellRun, stored: Output, produced: Output, *, clock: bool) -> Iterator[Mismatch]:
    """The first representation that both have decides."""
    if "error" in (stored.get("output_type"), produced.get("output_type")):
        yield from _text_mismatch(cell, "error", raised(stored), raised(produced), clock=clock)
        return
    before, now = data_of(stored), data_of(produced)
    kind = next((kind for kind in COMPARED if kind in before and kind in now), None)
    if kind is None:
        return
    if kind.startswith("image/") and kind != "image/svg+xml":
        if not same_picture(before[kind], now[kind]):
            yield Mismatch(cell=cell.number, what=kind, message="The image differs")
        return
    texts = [text_of(part[kind]) for part in (before, now)]
    if kind in ("image/svg+xml", "text/html"):
        texts = [DRAWN.sub("", text) for text in texts]
    yield from _text_mismatch(cell, kind, *texts, clock=clock)


def _text_mismatch(
    cell: CellRun, what: str, stored: str, produced: str, *, clock: bool
) -> Iterator[Mismatch]:
    one, other = (sanitised(SECONDS.sub("<time>", text) if clock else text) for text in (stored, produced))
    if same_text(one, other):
        return
    pairs = zip_longest(one.split("\n"), other.split("\n"), fillvalue="")
    line = next((number for number, (a, b) in enumerate(pairs) if not same_text(a, b)), 0)
    yield Mismatch(
        cell=cell.number,
        what=what,
        message=f"The output differs from line {line + 1}" if line else "The output differs",
        stored=_excerpt(one, line),
        produced=_excerpt(other, line),
    )


def same_picture(stored: Json, produced: Json) -> bool:
    """Whether the pixels are the same: a PNG may carry the version of what drew it."""
    one, other = (_decoded(picture) for picture in (stored, produced))
    return one == other or ((pixels := _pixels(one)) is not None and pixels == _pixels(other))


def _decoded(picture: Json) -> bytes:
    try:
        return base64.b64decode(text_of(picture), validate=False)
    except (binascii.Error, ValueError):
        return text_of(picture).encode()


def _pixels(data: bytes) -> bytes | None:
    """The parts of a PNG that make the picture: https://www.w3.org/TR/png/#11Chunks."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    at, parts, compressed = 8, [], []
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        chunk = data[at + 8 : at + 8 + size]
        if kind == b"IDAT":
            compressed.append(chunk)
        elif kind in (b"IHDR", b"PLTE", b"tRNS"):
            parts.append(chunk)
        at += 12 + size
    try:
        return b"".join(parts) + zlib.decompressobj().decompress(b"".join(compressed), 100_000_000)
    except zlib.error:
        return None


def _printed(outputs: Iterable[Output]) -> str:
    return "".join(
        text_of(output.get("text"))
        for output in outputs
        if output.get("output_type") == "stream" and output.get("name") == "stdout"
    )


def _shown(outputs: Iterable[Output]) -> Iterator[Output]:
    """What is no stream, and something that can be compared."""
    for output in outputs:
        data = data_of(output)
        widget = any(kind.startswith("application/vnd.jupyter.widget") for kind in data)
        if output.get("output_type") != "stream" and not widget:
            yield output


def _kind(output: Output) -> str:
    return ", ".join(data_of(output)) or text_of(output.get("output_type"))


def _cut(outputs: Iterable[Output]) -> bool:
    return any("r2i_cut" in output for output in outputs)


def _count(number: int) -> str:
    return "One output" if number == 1 else f"{number} outputs"


def _excerpt(text: str, line: int) -> str:
    """From a line on, as much as is worth a look."""
    rest = "\n".join(text.split("\n")[line:])
    return rest if len(rest) <= EXCERPT else f"{rest[:EXCERPT]}…"
