"""`r2i setup`: show what this machine lacks, ask, and do it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from r2i.cli.common import agreed, engine_option
from r2i.cli.doctor import this_machine, wanted
from r2i.cli.output import unguarded
from r2i.cli.themes import Command
from r2i.engines import EngineChoice, EngineName
from r2i.errors import EngineError, UsageError

if TYPE_CHECKING:
    from r2i.machine import Machine
    from r2i.machine.setup.steps import SetupStep
    from r2i.machine.symptoms import Examination

#: What a new engine cannot do is only seen when it is there: then there is more to do, once.
ROUNDS = 2


@click.command(cls=Command, epilog="r2i setup --dry-run\nr2i setup --engine podman --yes")
@engine_option("Container engine to prepare.")
@click.option(
    "--base-image", metavar="IMAGE", help="Base image to prepare. [default: the default base image of r2i]"
)
@click.option("-y", "--yes", is_flag=True, help="Skip the confirmation.")
@click.option("--dry-run", is_flag=True, help="Show the steps without running them.")
def setup(*, engine: EngineChoice, base_image: str | None, yes: bool, dry_run: bool) -> None:
    """Prepare this machine for building images.

    Installs and starts a container engine from Debian or Ubuntu packages if there is none, and builds the base image
    from packages if no registry provides it. Leaves a machine that is ready unchanged.
    """
    from r2i.machine.setup import examine, plan_setup

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


def _conclude(diagnosis: Examination, machine: Machine) -> None:
    """Say that the machine is ready, or raise `EngineError`."""
    name = diagnosis.engine.capitalize()
    for finding in diagnosis.findings:
        if finding.status == "error":
            raise EngineError(
                f"A problem remains after all steps: {finding.message}",
                hint=f"Run `r2i doctor --engine {diagnosis.engine}`",
            )
    click.echo(f"Ready to build with {name}.")
    if machine.engine_prefix:
        click.echo(f"Log in again or run `newgrp docker` first, so that `{machine.user}` may use {name}.")


def _show(steps: tuple[SetupStep, ...]) -> None:
    from r2i.machine.setup.steps import Await, shown

    click.echo("r2i will run these steps:")
    for number, step in enumerate(steps, 1):
        click.echo(f"\n{number}. {click.style(step.title, bold=True)}")
        for action in step.actions:
            if not isinstance(action, Await):
                click.echo("".join(f"     {line}\n" for line in shown(action).splitlines()), nl=False)
    click.echo()


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("Cannot ask for confirmation: stdin is not a terminal", hint="Run `r2i setup --yes`")
    if not agreed("Continue?"):
        raise click.Abort


def _carry_out(
    steps: tuple[SetupStep, ...], machine: Machine, *, engine: EngineName, scratch: Path
) -> Machine:
    import time

    from rich.console import Console

    from r2i.machine.setup.carrying_out import carry_out

    console = Console(file=unguarded(sys.stderr), highlight=False)
    started = time.monotonic()
    with console.status("…") as status:

        def report(title: str) -> None:
            status.update(f"{title} …")
            if not console.is_terminal:
                console.print(f"{title} …", soft_wrap=True)

        after = carry_out(steps, machine, engine=engine, scratch=scratch, report=report)
    console.print(f"✓ done in {time.monotonic() - started:.0f} s")
    return after
