"""Outputs beside the stored ones: what differs at every run does not count, everything else does."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.execution.comparison import mismatches, same_text, sanitised
from r2i.check.execution.runs import CellRun, Mismatch, Output


def stream(text: str, name: str = "stdout") -> Output:
    return {"output_type": "stream", "name": name, "text": text}


def result(**data: str) -> Output:
    return {
        "output_type": "execute_result",
        "data": {kind.replace("_", "/"): text for kind, text in data.items()},
    }


def compared(stored: list[Output], outputs: list[Output], *, source: str = "") -> tuple[Mismatch, ...]:
    cell = CellRun(number=3, source=source, status="passed", stored=tuple(stored), outputs=tuple(outputs))
    return mismatches([cell])


def png(*, red: int, comment: bytes = b"") -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes([0, red, 0, 0]))
    parts = chunk(b"IHDR", header) + chunk(b"tEXt", comment) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


@pytest.mark.parametrize(
    ("stored", "now"),
    [
        ("<object at 0x7f0011223344>", "<object at 0x10b2c3d4e>"),
        ("2021-03-04 05:06:07.123", "2026-11-21T17:00:00Z"),
        ("Thu Mar  4 05:06:07 2021", "Sat Nov 21 17:00:00 2026"),
        ("datetime.datetime(2021, 3, 4, 5, 6, 7, 123)", "datetime.datetime(2026, 11, 21, 17, 0, 0, 654321)"),
        ("[datetime.time(5, 6, 7, 123)]", "[datetime.time(17, 0, 0)]"),
        ("datetime.timedelta(microseconds=42)", "datetime.timedelta(days=-1, seconds=1, microseconds=7)"),
        ("Wall time: 1.2 s", "Wall time: 310 ms"),
        ("12.1 µs ± 90 ns per loop (mean of 7)", "3 ms ± 1 µs per loop (mean of 7)"),
        ("/tmp/tmpabc/x.csv", "/var/folders/y7/T/x.csv"),
        ("/home/ann/data.csv", "/Users/bob/data.csv"),
        ("/opt/conda/lib/python3.8/site-packages/a.py", "/srv/env/lib/python3.13/site-packages/a.py"),
        ("<ipython-input-3-abc>: 1", "/tmp/ipykernel_12/345.py: 1"),
        ("0.30000000000000004 m", "0.3 m"),
        ("  50%|#####     | 5/10 [00:01<00:01]\ndone", "done"),
        ("loading 1\rloading 2\rready", "ready"),
        ("a  \r\nb", "a\nb\n"),
        ("3b241101-e2bb-4255-8caf-4136c566a962", "00000000-e2bb-4255-8caf-4136c566a962"),
    ],
)
def test_what_differs_at_every_run_is_the_same(stored: str, now: str) -> None:
    assert same_text(sanitised(stored), sanitised(now))


@pytest.mark.parametrize(
    ("stored", "now"),
    [
        ("a", "b"),
        ("0.30001", "0.3"),
        ("1", "2"),
        ("12 apples", "13 apples"),
        ("x 1.0", "x 1.0 2.0"),
        ("2021", "2022"),
        ("datetime.datetime(2021, 3, 4, 0, 0)", "datetime.datetime(2022, 3, 4, 0, 0)"),
        ("datetime.date(2021, 3, 4)", "datetime.date(2022, 3, 4)"),
    ],
)
def test_what_a_reader_would_see_differs(stored: str, now: str) -> None:
    assert not same_text(sanitised(stored), sanitised(now))


@pytest.mark.parametrize(
    ("source", "stored", "now"),
    [
        ("time.time()", "1614834367.1234567", "1795280400.5"),
        ("time.time_ns()", "1614834367123456789", "1795280400500000000"),
        ("datetime.now().timestamp()", "it is 1614834367.1", "it is 1795280400.0"),
    ],
)
def test_seconds_since_1970_are_times_where_a_cell_asks_for_them(source: str, stored: str, now: str) -> None:
    assert not compared([result(text_plain=stored)], [result(text_plain=now)], source=source)
    assert not compared([stream(stored)], [stream(now)], source=source)
    assert compared([stream(stored)], [stream(now)], source="residuals.sum()")


def test_a_number_that_is_no_time_counts_beside_a_clock() -> None:
    assert compared([stream("42.5")], [stream("43.5")], source="time.time()")
    assert compared([stream("1614834367")], [stream("1795280400")], source="time.time()")


def test_printed_text_is_compared_however_it_came() -> None:
    assert not compared([stream("a\nb\n")], [stream("a\n"), stream("x", "stderr"), stream("b\n")])
    assert compared([stream("a\nb\nc\n")], [stream("a\nB\nc\n")]) == (
        Mismatch(
            cell=3, what="stdout", message="The output differs from line 2", stored="b\nc", produced="B\nc"
        ),
    )


def test_stderr_is_not_compared() -> None:
    assert not compared([stream("warning", "stderr")], [])


def test_the_number_of_outputs_counts() -> None:
    assert compared([result(text_plain="1")], []) == (
        Mismatch(
            cell=3,
            what="number",
            message="One output stored, 0 now",
            stored="text/plain",
            produced="",
        ),
    )


def test_the_picture_decides_and_not_what_drew_it() -> None:
    stored = result(image_png=png(red=9, comment=b"Software\0one") + "\n", text_plain="<Figure>")

    assert not compared(
        [stored], [result(image_png=png(red=9, comment=b"Software\0two"), text_plain="<Fig>")]
    )
    found = compared([stored], [result(image_png=png(red=8), text_plain="<Figure>")])
    assert [mismatch.what for mismatch in found] == ["image/png"]


def test_errors_are_compared_without_their_traces() -> None:
    def error(value: str, *trace: str) -> Output:
        return {"output_type": "error", "ename": "E", "evalue": value, "traceback": [*trace]}

    assert not compared([error("x", "line 1")], [error("x", "line 2")])
    assert [mismatch.what for mismatch in compared([error("x")], [error("y")])] == ["error"]
    assert [mismatch.what for mismatch in compared([error("x")], [result(text_plain="1")])] == ["error"]


def test_cells_that_ask_for_it_are_not_compared() -> None:
    assert not compared([stream("1")], [stream("2")], source="x()  # NBVAL_IGNORE_OUTPUT")


def test_cells_that_did_not_run_are_not_compared() -> None:
    cell = CellRun(number=1, source="", status="skipped", stored=(stream("1"),))
    unsaved = CellRun(number=2, source="", status="passed", outputs=(stream("1"),), saved=False)

    assert not mismatches([cell, unsaved])


def test_what_was_too_large_is_not_compared() -> None:
    cut: Output = {"output_type": "stream", "name": "stdout", "text": "a", "r2i_cut": 5}

    assert not compared([stream("b")], [cut])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KINDS = st.sampled_from(["text/plain", "image/png", "text/html", "image/svg+xml", "application/json", "x"])
OUTPUTS = st.lists(
    st.dictionaries(st.sampled_from(["output_type", "name", "text", "ename", "evalue"]), JSON)
    | st.fixed_dictionaries({"output_type": st.just("display_data"), "data": st.dictionaries(KINDS, JSON)})
)


@pytest.mark.slow
@given(OUTPUTS, OUTPUTS)
def test_any_outputs_can_be_compared(stored: list[Output], outputs: list[Output]) -> None:
    assert isinstance(compared(stored, outputs), tuple)
    assert not compared(stored, stored)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "word", ["1", "a", " ", "\r", "0x", "/tmp/", "pid ", "1 s ", "mon ", "<ipython-input-", "9:", 'id="']
)
def test_long_texts_are_compared_in_time(word: str) -> None:
    text = word * (100_000 // len(word))
    compared([result(text_html=text + "b")], [result(text_html=text + "a")])
    compared([stream(text + "b")], [stream(text + "a")])
