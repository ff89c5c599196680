"""What is said of a run that did not come to its end, or is more than what its program tells."""

from __future__ import annotations

import re
from dataclasses import replace

from r2i.check.execution.comparison import has_outputs, mismatches
from r2i.check.execution.runs import Failure, Level, NotebookRun
from r2i.check.execution.transcript import Messages
from r2i.engines.protocol import Container

#: What a container says with its status where no Python has nbclient.
NO_NBCLIENT = 96

#: The status of a container that was ended by SIGKILL.
KILLED = 137

#: What programs say who find no network.
NO_NETWORK = re.compile(
    r"network is unreachable|name or service not known|name resolution|could not resolve host|nodename nor servname"
    r"|no address associated|failed to resolve|urlopen error|max retries exceeded|connecterror|cannot open URL",
    re.IGNORECASE,
)


def silent() -> Failure:
    return Failure(kind="no-answer", message="The container did not respond for too long, and was stopped")


def no_answer(container: Container, messages: Messages) -> Failure:
    status = container.wait()
    if status == NO_NBCLIENT:
        return Failure(
            kind="no-answer",
            message="No Python in the image has `nbclient`, which runs notebooks",
            hint="Install `nbclient` in the `Dockerfile`; it is a dependency of `jupyterlab` and `notebook`",
        )
    # Not every engine hears of it; whoever else kills the first process of a container does so on purpose.
    if container.out_of_memory() or status == KILLED:
        return Failure(
            kind="out-of-memory",
            message="The container was killed because the notebook needs too much memory",
            hint="Use less memory, or increase `--memory`",
        )
    return Failure(
        kind="no-answer",
        message=f"The container ended with status {status} before the notebook did",
        traceback=tuple(messages.tail),
    )


def with_network_hint(failure: Failure) -> Failure:
    """Where it looks as if the network was missed."""
    said = f"{failure.error_name}: {failure.error_value}"
    if failure.kind != "error" or failure.hint is not None or not NO_NETWORK.search(said):
        return failure
    hint = "Add the data to the repository, or allow the network with `--network`"
    return replace(failure, hint=hint)


def compared(run: NotebookRun) -> NotebookRun:
    """With what L4 says of it."""
    if run.failure is not None:
        return replace(run, statuses={**run.statuses, Level.L4: "skipped"})
    found = mismatches(run.cells)
    notes = (
        run.notes
        if has_outputs(run.cells)
        else (*run.notes, "The notebook was saved without outputs to compare")
    )
    if not has_outputs(run.cells):
        found = ()
    return replace(
        run,
        statuses={**run.statuses, Level.L4: "failed" if found else "passed"},
        mismatches=found,
        notes=notes,
    )


def without_outputs(run: NotebookRun) -> NotebookRun:
    cells = tuple(replace(cell, outputs=(), stored=()) for cell in run.cells)
    return replace(run, cells=cells, notes=(*run.notes, "The outputs are too large for this report"))
