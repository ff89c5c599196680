"""`r2i doctor`: the report on this machine, for people or as JSON."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from r2i.cli.common import ca_bundle_option, engine_option
from r2i.cli.output import unguarded
from r2i.cli.themes import Command
from r2i.engines import EngineChoice, EngineName

if TYPE_CHECKING:
    from r2i.engines.protocol import Engine
    from r2i.machine import Machine
    from r2i.machine.symptoms import Examination, Symptom

#: A mark, a word and a style: colour is never the only sign.
SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}

ENGINE_TROUBLE = 6


@click.command(cls=Command, epilog="r2i doctor\nr2i doctor --network\nr2i doctor --engine podman --json")
@engine_option("Container engine to examine.")
@ca_bundle_option
@click.option("--network", is_flag=True, help="Also test which servers of repositories this machine reaches.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def doctor(*, engine: EngineChoice, ca_bundle: Path | None, network: bool, as_json: bool) -> int:
    """Diagnose problems with the container engine, and suggest fixes.

    Examines the engine, its storage and the base image, and tests from inside a build step whether names resolve,
    certificates are trusted and packages can be downloaded. Changes nothing. Exits with 6 if r2i cannot build.
    """
    from rich.console import Console

    with Console(file=unguarded(sys.stderr)).status("Examining the engine") as status:
        diagnosis = examine(this_machine(), wanted(engine), ca_bundle=ca_bundle, report=status.update)
        if network:
            from r2i.machine.network import check_servers

            status.update("Testing servers of repositories")
            diagnosis = replace(diagnosis, findings=(*diagnosis.findings, *check_servers(os.environ)))
    if as_json:
        import json

        from r2i.machine.symptoms import as_json as document

        click.echo(json.dumps(document(diagnosis), indent=2, ensure_ascii=False))
    else:
        show(diagnosis)
    return 0 if diagnosis.ready else ENGINE_TROUBLE


def wanted(engine: EngineChoice) -> EngineName | None:
    return None if engine == "auto" else engine


def this_machine() -> Machine:
    """The machine that we run on."""
    import pwd

    from r2i.machine import Machine
    from r2i.process import run

    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return Machine(environ=os.environ, run=run, user=user, uid=uid)


def examine(
    machine: Machine, engine: EngineName | None, *, ca_bundle: Path | None, report: Callable[[str], None]
) -> Examination:
    """Everything that can be found out, from the engine outwards: each question needs the answer before it."""
    from r2i.facts.pins import base_image
    from r2i.host.settings import host_script
    from r2i.machine import doctor as checks
    from r2i.machine.git import check_git
    from r2i.machine.probe import look, look_further
    from r2i.machine.symptoms import worst

    found = checks.check_engine(machine, engine)
    findings, free = [*found.findings], None
    if found.ready:
        report("Looking for the base image")
        findings.append(checks.check_image(machine, found.engine))
    if worst(findings) != "error":
        report("Starting a container")
        container = checks.check_container(machine, found.engine)
        findings += [container] if container else []
        report("Testing the network from a build step")
        host = host_script(machine.environ, ca_bundle=ca_bundle, home=Path.home())
        seen = look(machine, found.engine, base=base_image(None).reference, host=host)
        findings += seen.findings
        free = seen.free
        if worst(seen.findings) == "ok":
            report("Building the first layer, and testing the package index from it")
            findings.append(look_further(machine, found.engine, host=host))
    if found.ready:
        findings.append(checks.check_space(machine, found.engine, free))
        findings.append(checks.check_bounds(_engine(machine, found.engine).unbounded()))
    findings += check_git(machine)
    return replace(found, findings=tuple(findings))


def _engine(machine: Machine, name: EngineName) -> Engine:
    from r2i.engines.docker import Docker
    from r2i.engines.podman import Podman

    kind = Docker if name == "docker" else Podman
    return kind(environ=machine.environ, run=machine.run)


def show(diagnosis: Examination) -> None:
    """Print the report for people."""
    from rich.console import Console

    console = Console(highlight=False)
    width = console.width if console.is_terminal else None
    for finding in diagnosis.findings:
        _show_finding(console.print, finding, width=width)
    troubles = sum(finding.status == "error" for finding in diagnosis.findings)
    console.print()
    if diagnosis.ready:
        console.print(f"Ready to build with {diagnosis.engine.capitalize()}.", style="bold")
    else:
        count = "One problem prevents" if troubles == 1 else f"{troubles} problems prevent"
        console.print(f"{count} building with {diagnosis.engine.capitalize()}.", style="bold")


def _show_finding(output: Callable[..., None], finding: Symptom, *, width: int | None) -> None:
    from rich.text import Text

    mark, style = SIGNS[finding.status]
    head = f"{mark} {finding.status:<8} {finding.check:<12} "
    indent = " " * len(head)
    # A pipe has no width: whoever reads it wraps lines.
    lines = textwrap.wrap(finding.message, max(width - len(head), 30)) if width else [finding.message]
    text = Text.assemble((head[:11], style), (head[11:], "bold"), ("\n" + indent).join(lines))
    output(text, soft_wrap=True)
    if finding.fix:
        # Never wrapped by us: it is there to be copied.
        output(Text.assemble(indent, ("→ ", style), (finding.fix, "bold")), soft_wrap=True)
