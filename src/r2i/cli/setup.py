"""`r2i setup`: show what this machine lacks, ask, and do it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from r2i.cli.common import agreed, engine_option
from r2i.cli.doctor import this_machine, wanted
from r2i.engines.protocol import EngineName
from r2i.errors import EngineError, UsageError

if TYPE_CHECKING:
    from r2i.doctor import Diagnosis
    from r2i.machine import Machine
    from r2i.setup import Step

#: What a new engine cannot do is only seen when it is there: then there is more to do, once.
ROUNDS = 2


@click.command()
@engine_option("The engine to make ready.")
@click.option("--base-image", metavar="IMAGE", help="The image that you build on. [default: r2i's own]")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
def setup(*, engine: str, base_image: str | None, yes: bool, dry_run: bool) -> None:
    """Make this machine ready to build.

    Installs and starts an engine where there is none, from the packages of Debian or Ubuntu, and makes the base image
    from packages where no registry has it. What works is left alone: on a machine that is ready, nothing happens.
    """
    from r2i.setup import examine, plan_setup

    machine = this_machine()
    diagnosis = examine(machine, wanted(engine), base=base_image)
    if diagnosis.ready:
        click.echo(f"Nothing to do: {diagnosis.engine.capitalize()} is ready.")
        return
    chosen = diagnosis.engine
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="r2i-setup-") as directory:
            scratch = Path(directory)
            steps = plan_setup(diagnosis, machine, scratch=scratch, base=base_image)
            _show(steps)
            if dry_run:
                return
            if not yes:
                _ask()
            machine = _carry_out(steps, machine, engine=chosen, scratch=scratch)
        diagnosis = examine(machine, chosen, base=base_image)
        if diagnosis.ready:
            break
    _conclude(diagnosis, machine)


def _conclude(diagnosis: Diagnosis, machine: Machine) -> None:
    """Say that the machine is ready, or raise `EngineError`."""
    name = diagnosis.engine.capitalize()
    for finding in diagnosis.findings:
        if finding.status == "error":
            raise EngineError(
                f"All of that was done, and still: {finding.message}",
                hint=f"Run `r2i doctor --engine {diagnosis.engine}`",
            )
    click.echo(f"Ready to build with {name}.")
    if machine.engine_prefix:
        click.echo(
            f"Log in again first, or run `newgrp docker`: `{machine.user}` may use {name} from then on."
        )


def _show(steps: tuple[Step, ...]) -> None:
    from r2i.setup import Await, shown

    click.echo("This is to be done:")
    for number, step in enumerate(steps, 1):
        click.echo(f"\n{number}. {click.style(step.title, bold=True)}")
        for action in step.actions:
            if not isinstance(action, Await):
                click.echo("".join(f"     {line}\n" for line in shown(action).splitlines()), nl=False)
    click.echo()


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("Nobody can be asked: this is not a terminal", hint="Run `r2i setup --yes`")
    if not agreed("Go ahead?"):
        raise click.Abort


def _carry_out(steps: tuple[Step, ...], machine: Machine, *, engine: EngineName, scratch: Path) -> Machine:
    import time

    from rich.console import Console

    from r2i.setup import carry_out

    console = Console(stderr=True, highlight=False)
    started = time.monotonic()
    with console.status("…") as status:

        def report(title: str) -> None:
            status.update(f"{title} …")
            if not console.is_terminal:
                console.print(f"{title} …", soft_wrap=True)

        after = carry_out(steps, machine, engine=engine, scratch=scratch, report=report)
    console.print(f"✓ done in {time.monotonic() - started:.0f} s")
    return after
