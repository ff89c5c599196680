"""What a build looks like: layers out of steps, and nothing that a repository prints can disturb the terminal."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import unicodedata
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.waiting import until

from r2i.cli.progress import Renderer, renderer
from r2i.cli.progress.board import duration
from r2i.cli.progress.layers import LayerBoard, LayerRow, progress, step_lines
from r2i.cli.progress.lines import JsonRenderer, PlainRenderer
from r2i.cli.progress.live import LiveRenderer
from r2i.engines.protocol import StepEvent
from r2i.model import BaseImage, Dockerfile, Evidence, Layer, Plan, Stage
from r2i.quoting import MAX_LINE, clean

Live: TypeAlias = LiveRenderer[StepEvent, LayerRow]
TEXT = """\
FROM debian AS base
RUN apt-get update \\
 && apt-get install git
WORKDIR /srv
COPY requirements.txt /
RUN uv pip install
ENV A=1
RUN ./postBuild
"""
OWNER = {1: 0, 2: 0, 3: 0, 4: 1, 5: 1, 6: 1, 7: 2, 8: 2}
DOCKERFILE = Dockerfile(text=TEXT, support={}, ignore="", layer_lines=OWNER)
LAYERS = tuple(
    Layer(buildpack=name, stage=Stage.APT, title=title, template="t", evidence=evidence)
    for name, title, evidence in [
        ("system", "System packages on debian:trixie", ()),
        (
            "requirements",
            "requirements.txt: 12 packages",
            (Evidence(why="it is there", file="requirements.txt"),),
        ),
        ("postbuild", "postBuild", (Evidence(why="it is there", file="binder/postBuild", line=1),)),
    ]
)


class Clock:
    """A clock that moves when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> LayerBoard:
    return LayerBoard(DOCKERFILE, LAYERS, credentials=["hunter2hunter2"], clock=clock)


def started(line: int | None, text: str = "") -> StepEvent:
    return StepEvent(step=f"s{line}{text}", state="started", text=text, line=line)


def said(line: int | None, output: str, text: str = "") -> StepEvent:
    return StepEvent(step=f"s{line}{text}", state="output", text=text, line=line, output=output)


def done(line: int | None, seconds: float = 1.0, text: str = "") -> StepEvent:
    return StepEvent(step=f"s{line}{text}", state="done", text=text, line=line, seconds=seconds)


def cached(line: int) -> StepEvent:
    return StepEvent(step=f"s{line}", state="cached", text="", line=line)


def failed(line: int) -> StepEvent:
    return StepEvent(step=f"s{line}", state="failed", text="", line=line, seconds=0.5)


BUILD = [
    started(None, "[internal] load .dockerignore"),
    done(None, 0.1, "[internal] load .dockerignore"),
    started(1, "[base 1/5] FROM debian"),
    done(1, 2.0, "[base 1/5] FROM debian"),
    cached(2),
    started(4),
    done(4, 0.1),
    started(5),
    done(5, 0.1),
    started(6),
    said(6, "Installed 12 packages"),
    done(6, 3.0),
    started(8),
    said(8, "\x1b[31mno such file\x1b[0m hunter2hunter2"),
    failed(8),
]


def play(shown: Renderer[StepEvent], events: list[StepEvent], *, ok: bool = True) -> None:
    shown.start()
    for event in events:
        shown.event(event)
    shown.finish(ok=ok)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (TEXT, [2, 5, 6, 8]),
        ("run a\n  copy b c\nENV RUN 1\nADD x y", [1, 2, 4]),
        ("RUN a \\\n# comment\n RUN b\nRUN c", [1, 4]),
        ("# comment \\\nRUN a", [2]),
        ("RUN <<EOF cat\nRUN inside\nEOF\nRUN b", [1, 4]),
        ("COPY <<'A' <<-\"B\" /x/\nRUN a\nA\nRUN b\n\tB\nRUN c", [1, 6]),
        ("RUN cat <<<word\nRUN echo $((1<<SHIFT))\nRUN c", [1, 2, 3]),
        ("", []),
    ],
)
def test_steps_begin_where_their_instructions_do(text: str, lines: list[int]) -> None:
    assert [*step_lines(text)] == lines


def test_plain_leaves_out_what_apt_says_of_every_file(board: LayerBoard) -> None:
    stream = io.StringIO()
    chatter = [
        "(Reading database ... 4561 files and directories currently installed.)",
        "Selecting previously unselected package curl.",
        "Preparing to unpack .../curl_8.14.1-2_amd64.deb ...",
        "Get:1 http://deb.example.org/debian trixie InRelease [140 kB]",
        "  libcurl4t64 libnghttp2-14",
        " Downloaded numpy",
    ]
    kept = ["E: Unable to locate package curll", "W: an index is missing", " + numpy==2.0.0"]
    events = [started(5), *(said(5, text) for text in (*chatter, *kept)), failed(5)]
    play(PlainRenderer(board, stream), events, ok=False)

    assert [line.partition("] ")[2] for line in stream.getvalue().splitlines()][1:-2] == kept


def test_plain_names_the_layer_on_every_line(board: LayerBoard) -> None:
    stream = io.StringIO()
    play(PlainRenderer(board, stream), BUILD, ok=False)

    assert stream.getvalue().splitlines() == [
        "[FROM debian] done in 2.0 s",
        "[1/3 System packages on debian:trixie] cached",
        "[2/3 requirements.txt] 12 packages",
        "[2/3 requirements.txt] Installed 12 packages",
        "[2/3 requirements.txt] done in 3.2 s",
        "[3/3 postBuild] started",
        "[3/3 postBuild] no such file ***",
        "[3/3 postBuild] failed after 0.5 s",
        "Failed after 0.0 s",
    ]


def test_a_layer_is_cached_only_if_all_its_steps_are(board: LayerBoard) -> None:
    for event in (cached(2), cached(5), started(6), done(6), cached(8)):
        board.take(event)

    assert [row.state for row in board.rows] == ["cached", "done", "cached"]


def test_a_layer_is_done_once_though_more_of_it_follows(board: LayerBoard) -> None:
    changes = [
        board.take(event)[1] for event in (started(5), done(5), started(6), done(6), started(4), done(4))
    ]

    assert changes == ["started", None, None, "done", None, None]


def test_steps_that_never_come_do_not_keep_a_layer_open(board: LayerBoard) -> None:
    for event in (cached(5), started(8), done(8)):
        board.take(event)
    ended = board.end(ok=True)

    assert [(row.title, change) for row, change in ended] == [("requirements.txt: 12 packages", "cached")]


def test_what_runs_when_the_build_ends_was_stopped(board: LayerBoard, clock: Clock) -> None:
    stream = io.StringIO()
    shown = PlainRenderer(board, stream)
    shown.start()
    shown.event(started(6))
    clock.now += 7
    shown.finish(ok=False)

    assert stream.getvalue().splitlines()[1:] == [
        "[2/3 requirements.txt] stopped after 7.0 s",
        "Stopped after 7.0 s",
    ]


def test_a_dockerfile_of_the_repository_is_shown_by_instruction(clock: Clock) -> None:
    own = Dockerfile(text=TEXT, support={}, ignore="", layer_lines={})
    stream = io.StringIO()
    step = "[2/5] RUN apt-get update && apt-get install git"
    play(
        PlainRenderer(LayerBoard(own, (), clock=clock), stream),
        [started(2, step), said(2, "x", step), done(2, 1, step)],
    )

    assert stream.getvalue().splitlines() == [
        "[1/4 RUN apt-get update && apt-get install gi…] RUN apt-get update && apt-get install git",
        "[1/4 RUN apt-get update && apt-get install gi…] x",
        "[1/4 RUN apt-get update && apt-get install gi…] done in 1.0 s",
        "Built in 0.0 s",
    ]


def test_plain_says_what_still_runs_while_it_is_silent(board: LayerBoard, clock: Clock) -> None:
    stream = io.StringIO()
    shown = PlainRenderer(board, stream, silence=0.1)
    shown.start()
    shown.event(started(6))
    clock.now += 20
    until(lambda: "still running" in stream.getvalue())
    shown.finish(ok=True)

    assert "[2/3 requirements.txt] still running, 20 s\n" in stream.getvalue()


def test_plain_says_of_a_step_that_it_has_been_silent_for_long(board: LayerBoard, clock: Clock) -> None:
    stream = io.StringIO()
    shown = PlainRenderer(board, stream, silence=0.1)
    shown.start()
    shown.event(started(6))
    clock.now += 20
    shown.event(said(6, "a line"))
    clock.now += 70
    until(lambda: "no output" in stream.getvalue())
    shown.finish(ok=True)

    expected = "[2/3 requirements.txt] still running, 1 min 30 s, no output for 1 min 10 s\n"
    assert expected in stream.getvalue()


def test_json_says_so_too(board: LayerBoard, clock: Clock) -> None:
    stream = io.StringIO()
    shown = JsonRenderer(board, stream, silence=0.1)
    shown.start()
    shown.event(started(6))
    clock.now += 70
    until(lambda: "no output" in stream.getvalue())
    shown.finish(ok=True)
    record = json.loads(stream.getvalue().splitlines()[1])

    assert record["state"] == "running"
    assert record["layer"] == "requirements.txt: 12 packages"
    assert record["message"] == "requirements.txt: 12 packages: running, no output for 1 min 10 s"


def test_json_tells_all_that_is_known(board: LayerBoard) -> None:
    stream = io.StringIO()
    play(JsonRenderer(board, stream), BUILD, ok=False)
    records = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert all({"phase", "message", "state", "layer", "elapsed"} <= record.keys() for record in records)
    layer = {"layer": "requirements.txt: 12 packages", "number": 2, "of": 3, "buildpack": "requirements"}
    place = {"file": "requirements.txt", "line": None, "phase": "building", "elapsed": 0.0}
    assert [record for record in records if record.get("buildpack") == "requirements"] == [
        {"message": "requirements.txt: 12 packages: started", "state": "started", **layer, **place},
        {"message": "Installed 12 packages", "state": "output", **layer, **place},
        {"message": "requirements.txt: 12 packages: done", "state": "done", "seconds": 3.2, **layer, **place},
    ]
    assert records[-1] == {
        "phase": "failed",
        "message": "Failed after 0.0 s",
        "state": "failed",
        "layer": None,
        "elapsed": 0.0,
    }


def live(board: LayerBoard, *, width: int = 60) -> tuple[Live, Console, Terminal]:
    stream = Terminal()
    console = Console(file=stream, width=width, height=20, force_terminal=True, color_system=None)
    return LiveRenderer(board, console), console, stream


def drawn(shown: Live, *, width: int = 60) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, record=True)
    console.print(shown.picture())
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_live_shows_the_running_layer_with_its_last_lines(board: LayerBoard, clock: Clock) -> None:
    shown, _, _ = live(board, width=40)
    for event in (cached(2), started(6), *(said(6, f"line {number} " + "x" * 99) for number in range(9))):
        shown.event(event)
    clock.now += 83
    lines = drawn(shown, width=40)

    assert lines[0][1:] == " requirements.txt: 12 packa… 1 min 23 s"
    assert lines[1:] == [
        *(f"    line {number} xxxxxxxxxxxxxxxxxxxxxxxxxxxx…" for number in (5, 6, 7, 8)),
        "    no output for 1 min 23 s",
        "  1 of 3 · 1 min 23 s",
    ]


def test_live_leaves_the_finished_layers_above(board: LayerBoard) -> None:
    shown, _, stream = live(board)
    play(shown, BUILD, ok=False)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line[:1] in "✓✗"]

    assert [re.sub(r" {2,}", "  ", line) for line in lines if line] == [
        "✓ FROM debian  2.0 s",
        "✓ System packages on debian:trixie  cached",
        "✓ requirements.txt: 12 packages  3.2 s",
        "✗ postBuild  0.5 s",
    ]
    assert "Failed after" in text


def test_live_shows_once_what_prints_after_its_end(board: LayerBoard) -> None:
    shown, _, stream = live(board)
    play(shown, [started(6), failed(6), said(6, "and more")], ok=False)

    assert stream.getvalue().count("✗ requirements.txt") == 1


def test_live_wastes_no_line_on_what_flickers(board: LayerBoard, clock: Clock) -> None:
    shown, _, _ = live(board)
    shown.event(started(None, "exporting to image"))
    soon = drawn(shown)
    clock.now += 2

    assert soon == ["  0 of 3 · 0.0 s"]
    assert "exporting to image" in drawn(shown)[0]


def test_titles_and_output_are_not_taken_for_markup(clock: Clock) -> None:
    layers = tuple(
        Layer(buildpack="b", stage=Stage.APT, title="[red]x[/nope]", template="t") for _ in range(3)
    )
    shown, _, _ = live(LayerBoard(DOCKERFILE, layers, clock=clock))
    for event in (started(6), said(6, "[bold]y[/] :smile:")):
        shown.event(event)

    assert "[red]x[/nope]" in drawn(shown)[0]
    assert drawn(shown)[1].strip() == "[bold]y[/] :smile:"


def test_the_cursor_comes_back_after_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    plan = Plan(
        base=BaseImage(reference="debian", release=None),
        user_name="u",
        user_id=1,
        repo_dir="/r",
        layers=LAYERS,
    )
    monkeypatch.setenv("TERM", "xterm")
    with suppress(KeyboardInterrupt), progress("auto", plan, DOCKERFILE, stream=stream) as listen:
        listen(started(6))
        raise KeyboardInterrupt

    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")
    assert "Stopped after" in stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "stream", "term", "expected"),
    [
        ("auto", Terminal(), "xterm", LiveRenderer),
        ("rich", Terminal(), "xterm", LiveRenderer),
        ("auto", Terminal(), "dumb", PlainRenderer),
        ("auto", io.StringIO(), "xterm", PlainRenderer),
        ("rich", io.StringIO(), "xterm", PlainRenderer),
        ("plain", Terminal(), "xterm", PlainRenderer),
        ("json", Terminal(), "xterm", JsonRenderer),
    ],
)
def test_the_renderer_fits_the_stream(
    board: LayerBoard, kind: Any, stream: Any, term: str, expected: type
) -> None:
    assert type(renderer(kind, board, stream=stream, environ={"TERM": term})) is expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("\x9b2Ja\x9d0;t\x9cb", "ab"),
        ("\x1b[2J\x1b[Hhome\x1b(B\x1bc", "home"),
        ("\x1bP+q\x1b\\x", "x"),
        ("10%\r50%\r100%\r\n", "100%"),
        ("a\tb\x08\x00\x7f", "a   b"),
        ("\u202etxt.exe\u2066\u2028", "txt.exe"),
        ("é 漢 ✓", "é 漢 ✓"),
        ("x" * 99_999, "x" * MAX_LINE + "…"),
    ],
)
def test_control_characters_do_not_get_through(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["\x1b]" * 500_000, "\x1b[" * 500_000, "\r" * 900_000, "\x1b" * 900_000])
def test_long_hostile_output_is_cleaned_in_linear_time(text: str) -> None:
    assert len(clean(text)) <= MAX_LINE + 1


@given(data=st.binary(max_size=200) | st.text().map(lambda text: text.encode(errors="replace")))
def test_any_output_stays_one_harmless_line(data: bytes) -> None:
    event = said(6, data.decode(errors="replace"))
    plain, lines = io.StringIO(), io.StringIO()
    play(PlainRenderer(LayerBoard(DOCKERFILE, LAYERS), plain), [event])
    play(JsonRenderer(LayerBoard(DOCKERFILE, LAYERS), lines), [event])

    assert len(plain.getvalue().splitlines()) == len(lines.getvalue().splitlines()) == 2
    assert not [c for c in plain.getvalue() if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n"]
    assert json.loads(lines.getvalue().splitlines()[0])["state"] == "output"


@given(
    states=st.lists(
        st.tuples(st.sampled_from(["started", "output", "cached", "done", "failed"]), st.integers(0, 9))
    )
)
def test_events_in_any_order_are_no_traceback(states: list[tuple[Any, int]]) -> None:
    stream = io.StringIO()
    events = [StepEvent(step=f"{line}", state=state, text="t", line=line or None) for state, line in states]
    play(PlainRenderer(LayerBoard(DOCKERFILE, LAYERS), stream), events)
    ends = re.findall(r"^\[(\d)/3 [^\]]*\] (?:cached|done in|failed after)", stream.getvalue(), re.MULTILINE)

    assert len(ends) == len(set(ends))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (9.97, "10 s"), (59.6, "1 min 0 s"), (3661, "61 min 1 s")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_importing_it_does_not_import_rich() -> None:
    program = "import sys, r2i.cli.progress.layers; sys.exit('rich' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
