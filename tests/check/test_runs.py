"""Which level a repository reaches, from what was seen of its image."""

from __future__ import annotations

import json
from dataclasses import replace

from r2i.check.execution.runs import (
    NOTHING_TO_RUN,
    BuildRun,
    DynamicReport,
    Failure,
    KernelRun,
    Level,
    NotebookRun,
    ServerRun,
    Status,
    to_json,
)

READY = DynamicReport(
    asked=Level.L3,
    tried=Level.L4,
    build=BuildRun(seconds=1, image="r2i/a:1"),
    server=ServerRun(ok=True, seconds=1),
    kernels=(KernelRun(name="python3", language="python", ok=True),),
)


def notebook(l2: Status, l3: Status, l4: Status) -> NotebookRun:
    return NotebookRun(path="a.ipynb", statuses={Level.L2: l2, Level.L3: l3, Level.L4: l4})


def with_notebooks(*runs: NotebookRun) -> DynamicReport:
    return replace(READY, runs=runs)


def test_without_notebooks_no_level_beyond_l1_is_reached_and_that_is_said() -> None:
    assert READY.nothing_to_run
    assert READY.reached == Level.L1
    assert READY.ok
    assert to_json(READY)["notes"] == [NOTHING_TO_RUN]
    assert not replace(READY, kernels=()).ok
    assert not replace(READY, tried=Level.L1, asked=Level.L1).nothing_to_run


def test_without_an_image_no_level_is_reached() -> None:
    report = replace(READY, build=BuildRun(seconds=1, message="no"), server=None, kernels=())

    assert report.reached is None
    assert not report.ok
    assert [report.status(level) for level in Level] == ["failed", *["skipped"] * 4]


def test_a_kernel_that_does_not_start_keeps_it_at_l0() -> None:
    dead = KernelRun(name="ir", language="R", ok=False)

    assert replace(READY, kernels=(*READY.kernels, dead)).reached == Level.L0
    assert replace(READY, kernels=()).reached == Level.L0


def test_the_worst_notebook_decides() -> None:
    good, other = notebook("passed", "passed", "passed"), notebook("passed", "passed", "failed")
    broken = notebook("passed", "failed", "skipped")

    assert with_notebooks(good, other).reached == Level.L3
    assert with_notebooks(good, other).ok
    assert with_notebooks(good, other, broken).reached == Level.L2
    assert not with_notebooks(good, other, broken).ok


def test_a_level_that_was_not_tried_is_not_reached() -> None:
    run = NotebookRun(path="a.ipynb", statuses={Level.L2: "passed"})
    report = replace(with_notebooks(run), tried=Level.L2, asked=Level.L2)

    assert report.reached == Level.L2
    assert report.ok
    assert report.status(Level.L3) == "skipped"


def test_a_notebook_passes_no_level_above_one_that_failed() -> None:
    run = notebook("failed", "passed", "passed")

    assert not run.passed(Level.L3)
    assert run.passed(Level.L1)


def test_the_report_is_json() -> None:
    failure = Failure(kind="error", message="it fails", cell=2, traceback=("a", "b"))
    report = with_notebooks(replace(notebook("passed", "failed", "skipped"), failure=failure))
    document = to_json(report)

    assert json.loads(json.dumps(document)) == document
    assert document["reached"] == "L2"
    assert document["levels"] == {
        "L0": "passed",
        "L1": "passed",
        "L2": "passed",
        "L3": "failed",
        "L4": "skipped",
    }
