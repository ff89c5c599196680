"""Steps of `r2i setup`, carried out."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from r2i.engines import EngineName
from r2i.errors import EngineError
from r2i.machine import Machine, last_line
from r2i.machine.doctor import check_engine, check_image
from r2i.machine.setup.steps import Action, Await, Run, SetupStep, Write
from r2i.process import Completed
from r2i.process.interrupts import uninterrupted

#: How long an engine may take to answer after its start, in seconds.
START_PATIENCE = 60

#: How long a package manager or a download may take, in seconds.
INSTALL_PATIENCE = 1200


def carry_out(
    steps: tuple[SetupStep, ...],
    machine: Machine,
    *,
    engine: EngineName,
    scratch: Path,
    report: Callable[[str], None],
) -> Machine:
    """Do it, and give the machine as it is then. Raise `EngineError` with the output's end where a command fails."""
    for step in steps:
        # Only an engine can tell whether a registry has the image, and there may have been none before.
        if step.only_without and check_image(machine, engine, step.only_without).status == "ok":
            continue
        report(step.title)
        for action in step.actions:
            _perform(action, machine, scratch=scratch)
        if step.gives_access:
            # A group counts from the next login on; until then root speaks for the user.
            machine = replace(machine, engine_prefix=machine.sudo)
    return machine


def _perform(action: Action, machine: Machine, *, scratch: Path) -> None:
    match action:
        case Run(argv=argv, may_fail=may_fail):
            done = _run(machine, argv)
            if done.returncode != 0 and not may_fail:
                raise EngineError(
                    f"`{shlex.join(argv)}` failed: {_tail(done)}",
                    hint="Fix this, then run `r2i setup` again",
                )
        case Write(path=path, text=text):
            draft = scratch / Path(path).name
            draft.write_text(text, encoding="utf-8")
            # Apt and Podman read files of other suffixes not at all: what they see is the whole file or none.
            new = f"{path}.new"
            for argv in (("install", "-D", "-m", "0644", str(draft), new), ("mv", "-f", new, path)):
                _perform(Run(argv=(*machine.sudo, *argv)), machine, scratch=scratch)
        case Await(engine=engine, log=log):
            _await(machine, engine, log)


def _await(machine: Machine, engine: EngineName, log: str | None) -> None:
    end = time.monotonic() + START_PATIENCE
    while True:
        found = check_engine(machine, engine)
        silent = {"not-running", "not-installed", "unreachable"} & found.problems().keys()
        if not silent or "permission" in found.problems():
            return
        if time.monotonic() > end:
            break
        time.sleep(0.5)
    said = machine.ask(*machine.sudo, "tail", "-n", "5", log).stdout.strip() if log else ""
    raise EngineError(
        f"{engine} does not answer after {START_PATIENCE} s" + (f"; it says:\n{said}" if said else ""),
        hint=f"See `{log}`" if log else f"Run `r2i doctor --engine {engine}`",
    )


def _run(machine: Machine, argv: tuple[str, ...]) -> Completed:
    # The terminal sends Ctrl-C to the program, too. A package manager that were killed would leave packages half
    # installed; by itself it ends where that does no harm.
    with uninterrupted():
        return machine.run(argv, env=machine.environ, timeout=INSTALL_PATIENCE)


def _tail(done: Completed, lines: int = 12) -> str:
    text = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    return "\n".join(text[-lines:]) if len(text) > 1 else last_line(done)
