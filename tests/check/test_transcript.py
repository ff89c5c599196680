"""What a container says becomes a run, whatever it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.execution.runs import Failure, Level, NotebookRun
from r2i.check.execution.transcript import KernelTranscript, Messages, NotebookTranscript, PlannedImport

IMPORTS = (
    PlannedImport(statement="import numpy", module="numpy", cell=1, line=1),
    PlannedImport(statement="from json import x", module="json", cell=2, line=3),
)


def told(
    *messages: dict[str, Any], tried: Level = Level.L3, imports: tuple[PlannedImport, ...] = ()
) -> NotebookRun:
    transcript = NotebookTranscript(path="a.ipynb", tried=tried, imports=imports)
    for message in messages:
        transcript.take(message)
    return transcript.result()


def ran(number: int, status: str = "passed") -> dict[str, Any]:
    return {"event": "ran", "number": number, "status": status, "seconds": 0.5, "source": "x"}


def test_pieces_are_put_together() -> None:
    messages = Messages("mark")

    assert messages.take("noise of a start script") is None
    assert messages.take('mark+{"event": "ra') is None
    assert messages.take('mark.n", "number": 4}') == {"event": "ran", "number": 4}
    assert list(messages.tail) == ["noise of a start script"]


def test_a_notebook_that_runs() -> None:
    run = told(
        {"event": "kernel-chosen", "name": "python3", "named": "python3"},
        ran(1),
        ran(3),
        {"event": "peak", "bytes": 5},
    )

    assert run.statuses == {Level.L2: "passed", Level.L3: "passed"}
    assert (run.kernel, run.seconds, run.peak_memory, run.failure) == ("python3", 1.0, 5, None)
    assert run.notes == ()


def test_an_error_is_told_with_its_cell() -> None:
    error = {"error_name": "KeyError", "error_value": "'a'", "traceback": ["\x1b[31mKeyError\x1b[0m"]}
    run = told(
        ran(1), ran(2, "failed"), {"event": "failed", "kind": "error", "cell": 2, "source": "d['a']", **error}
    )

    assert run.failure == Failure(
        kind="error",
        message="KeyError: 'a'",
        cell=2,
        source="d['a']",
        error_name="KeyError",
        error_value="'a'",
        traceback=("KeyError",),
    )
    assert run.statuses == {Level.L2: "passed", Level.L3: "failed"}


def test_of_a_long_exception_the_message_is_short() -> None:
    long = {"error_name": "OperationalError", "error_value": "\n" + "x" * 5000 + "\n[SQL: SELECT 1]"}
    run = told(ran(1, "failed"), {"event": "failed", "kind": "error", "cell": 1, **long})
    unable = {
        "event": "imports",
        "results": [[0, "ImportError", "\n\nIMPORTANT: read this\n\nAll of it"], [1]],
    }
    importing = told(unable, imports=IMPORTS, tried=Level.L2)

    assert run.failure is not None
    assert run.failure.message == f"OperationalError: {'x' * 300}…"
    assert run.failure.error_value.endswith("[SQL: SELECT 1]")
    assert importing.failure is not None
    assert importing.failure.message == "`import numpy` fails: ImportError: IMPORTANT: read this"


def test_failed_imports_are_told_besides_the_error() -> None:
    failed = {"event": "failed", "kind": "error", "cell": 1}
    results = {"event": "imports", "results": [[0, "ModuleNotFoundError", "No"], [1]], "trouble": ""}
    run = told(failed, results, imports=IMPORTS)

    assert run.statuses == {Level.L2: "failed", Level.L3: "failed"}
    assert [(one.module, one.cell, one.error_name) for one in run.failed_imports] == [
        ("numpy", 1, "ModuleNotFoundError")
    ]


def test_an_import_that_did_not_run_is_only_a_note() -> None:
    run = told(ran(1), {"event": "imports", "results": [[0, "ImportError", "No"], [1]]}, imports=IMPORTS)

    assert run.statuses == {Level.L2: "passed", Level.L3: "passed"}
    assert run.failed_imports == ()
    assert run.notes == ("`import numpy` fails, in code that did not run",)


def test_without_running_it_a_failed_import_is_the_failure() -> None:
    results = {"event": "imports", "results": [[0], [1, "ImportError", "cannot"]]}
    run = told(results, imports=IMPORTS, tried=Level.L2)

    assert run.statuses == {Level.L2: "failed"}
    assert run.failure is not None
    assert (run.failure.kind, run.failure.cell) == ("import", 2)
    assert run.failure.message == "`from json import x` fails: ImportError: cannot"


def test_the_import_that_ends_the_kernel_is_found() -> None:
    run = told(
        {"event": "imports", "results": [[0]], "trouble": "DeadKernelError"}, imports=IMPORTS, tried=Level.L2
    )

    assert [one.module for one in run.failed_imports] == ["json"]


def test_another_kernel_is_noted() -> None:
    run = told({"event": "kernel-chosen", "name": "python3", "named": "mine"}, ran(1))

    assert run.notes == ("The image does not have the kernel `mine`, so the notebook ran in `python3`",)


def test_a_container_that_ends_leaves_the_cell_that_ran() -> None:
    transcript = NotebookTranscript(path="a.ipynb", tried=Level.L3)
    transcript.take({"event": "cell", "number": 7})
    transcript.fail(Failure(kind="no-answer", message="gone"))
    run = transcript.result()

    assert run.failure == Failure(kind="no-answer", message="gone", cell=7)


def test_a_kernel_that_was_not_heard_of_has_not_started() -> None:
    transcript = KernelTranscript()
    transcript.take({"event": "kernels", "names": [["ir", "R"], ["python3", "python"]]})
    transcript.take({"event": "kernel", "name": "python3", "ok": True, "seconds": 1.5})

    assert [(kernel.name, kernel.ok) for kernel in transcript.result()] == [("python3", True), ("ir", False)]


EVENTS = st.sampled_from(
    ["kernels", "kernel", "kernel-chosen", "cell", "ran", "failed", "imports", "peak", "end"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "names",
        "name",
        "named",
        "ok",
        "seconds",
        "message",
        "log",
        "number",
        "status",
        "outputs",
        "stored",
        "kind",
        "cell",
        "traceback",
        "kernels",
        "language",
        "results",
        "trouble",
        "bytes",
        "tags",
        "saved",
        "error_name",
    ]
)
MESSAGES = st.builds(
    lambda event, fields: {**fields, "event": event}, EVENTS, st.dictionaries(FIELDS, VALUES)
)


@pytest.mark.slow
@given(st.lists(MESSAGES), st.sampled_from([Level.L2, Level.L3]))
def test_any_messages_make_a_run(messages: list[dict[str, Any]], tried: Level) -> None:
    run = told(*messages, tried=tried, imports=IMPORTS)
    kernels = KernelTranscript()
    for message in messages:
        kernels.take(message)

    assert run.path == "a.ipynb"
    assert Level.L2 in run.statuses
    assert all(not kernel.ok or kernel.name in kernels.languages for kernel in kernels.result())
    json.dumps([cell.outputs for cell in run.cells]).encode()


@given(
    st.lists(st.text().map(lambda text: text.replace("\n", "")) | st.text().map(lambda text: f"mark.{text}"))
)
def test_any_lines_are_read(lines: list[str]) -> None:
    messages = Messages("mark")

    assert all(isinstance(messages.take(line), dict | None) for line in lines)
