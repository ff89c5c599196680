"""A push as it is shown, by its layers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Literal

from r2i.cli.progress import renderer
from r2i.cli.progress.transfers import TransferBoard
from r2i.engines.protocol import TransferEvent

EVENTS = (
    TransferEvent(layer="aaaaaaaaaaaa", state="waiting", text="Preparing"),
    TransferEvent(layer="bbbbbbbbbbbb", state="present", text="Layer already exists"),
    TransferEvent(layer="aaaaaaaaaaaa", state="running", text="Pushing", current=500_000, total=2_000_000),
    TransferEvent(layer="aaaaaaaaaaaa", state="running", text="Pushing", current=900_000, total=2_000_000),
    TransferEvent(layer="aaaaaaaaaaaa", state="done", text="Pushed"),
    # Podman names a blob twice where two layers are the same.
    TransferEvent(layer="aaaaaaaaaaaa", state="done", text="Pushed"),
)


def shown(kind: Literal["plain", "json"], *, pace: float) -> list[str]:
    clock = ticks(pace)
    stream = io.StringIO()
    board = TransferBoard("ghcr.io/a/b:1", doing="push", clock=lambda: next(clock))
    lines = renderer(kind, board, stream=stream, environ={})
    for event in EVENTS:
        lines.event(event)
    return stream.getvalue().splitlines()


def ticks(pace: float) -> Iterator[float]:
    now = 0.0
    while True:
        now += pace
        yield now


def test_a_log_has_a_line_for_each_layer() -> None:
    lines = shown("plain", pace=0.0)

    assert lines == ["[push bbbbbbbbbbbb] already there", "[push aaaaaaaaaaaa] done in 0.0 s, 2.0 MB"]


def test_a_program_hears_how_far_all_layers_are() -> None:
    records = [json.loads(line) for line in shown("json", pace=10.0)]

    assert [record["progress"] for record in records] == [
        {"aaaaaaaaaaaa": "Preparing"},
        {"aaaaaaaaaaaa": "Preparing", "bbbbbbbbbbbb": "Layer already exists"},
        {"aaaaaaaaaaaa": {"current": 500_000, "total": 2_000_000}, "bbbbbbbbbbbb": "Layer already exists"},
        {"aaaaaaaaaaaa": {"current": 900_000, "total": 2_000_000}, "bbbbbbbbbbbb": "Layer already exists"},
        {"aaaaaaaaaaaa": "Pushed", "bbbbbbbbbbbb": "Layer already exists"},
    ]
    assert {record["phase"] for record in records} == {"pushing"}


def test_a_program_does_not_hear_of_every_byte() -> None:
    assert len(shown("json", pace=0.01)) < len(EVENTS) - 1
