"""Running notebooks on stderr: lines for a log, objects for a program, and a picture that moves."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate
from rich.console import Console
from tests.waiting import until

from r2i.check.execution.jobs import RunStep
from r2i.cli.progress import Renderer
from r2i.cli.progress.lines import JsonRenderer, PlainRenderer
from r2i.cli.progress.live import LiveRenderer
from r2i.cli.progress.runs import RunBoard

DOCS = Path(__file__).parents[2] / "docs"

STEPS = (
    RunStep(job="server", state="started"),
    RunStep(job="a.ipynb", state="started"),
    RunStep(job="b\x1b[31m.ipynb", state="started"),
    RunStep(job="a.ipynb", state="running", number=2, of=7),
    RunStep(job="a.ipynb", state="failed", text="KeyError: 'a'\x1b]0;title\x07\nmore", seconds=2.04),
    RunStep(job="server", state="done", seconds=3.2),
)


def told(renderer: Renderer[RunStep], stream: io.StringIO) -> str:
    renderer.start()
    for step in STEPS:
        renderer.event(step)
    renderer.finish(ok=True)
    return stream.getvalue()


def test_a_log_has_a_line_for_each_end() -> None:
    stream = io.StringIO()

    assert told(PlainRenderer(RunBoard(3), stream), stream) == (
        "[a.ipynb] failed after 2.0 s: KeyError: 'a'\n[Jupyter] done in 3.2 s\n"
    )


def test_a_silent_log_says_what_runs() -> None:
    stream = io.StringIO()
    times = [0.0]
    renderer = PlainRenderer(RunBoard(1, clock=lambda: times[-1]), stream, silence=0.05)
    renderer.start()
    renderer.event(RunStep(job="a.ipynb", state="running", number=2, of=7))
    times.append(20)
    until(stream.getvalue)
    renderer.finish(ok=True)

    assert stream.getvalue().startswith("[a.ipynb] cell 2/7, running for 20 s\n")


def test_a_program_gets_objects_of_the_schema() -> None:
    stream = io.StringIO()
    records: list[dict[str, Any]] = [
        json.loads(line) for line in told(JsonRenderer(RunBoard(3), stream), stream).splitlines()
    ]
    schema = json.loads((DOCS / "progress.schema.json").read_text(encoding="utf-8"))
    for record in records:
        validate(record, schema)

    assert [record["state"] for record in records] == [
        "started",
        "started",
        "started",
        "running",
        "failed",
        "done",
    ]
    assert records[3] | {"elapsed": 0} == {
        "phase": "running",
        "message": "a.ipynb: cell 2/7",
        "state": "running",
        "job": "a.ipynb",
        "number": 2,
        "of": 7,
        "elapsed": 0,
    }
    assert records[2]["job"] == "b.ipynb"


@pytest.mark.parametrize("width", [20, 80, 200])
def test_the_picture_has_a_line_for_each_that_runs(width: int) -> None:
    stream = io.StringIO()
    board = RunBoard(3)
    renderer = LiveRenderer(board, Console(file=stream, width=width, force_terminal=True, color_system=None))
    for step in STEPS[:4]:
        board.take(step)
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(renderer.picture())
    lines = capture.get().splitlines()

    assert len(lines) == 4
    assert all(len(line) <= width for line in lines)
    assert width < 80 or "cell 2/7" in lines[1]
    assert lines[-1].strip().startswith("0 of 3")


def test_what_is_over_scrolls_up() -> None:
    stream = io.StringIO()
    said = told(
        LiveRenderer(RunBoard(3), Console(file=stream, width=100, force_terminal=True, color_system=None)),
        stream,
    )

    assert "✗ a.ipynb  KeyError: 'a'" in said
    assert "✓ Jupyter" in said
    assert "\x1b]0;" not in said
