"""`r2i check --build` and `--execute`: build, and run in containers what was built."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from r2i.check.runs import BuildRun, DynamicReport, Level
from r2i.cli.building import build_options, settings_from
from r2i.cli.common import note
from r2i.errors import BuildFailedError, InvalidRepositoryError, NoBuildpackError, R2iError, UsageError
from r2i.launch import memory_from, user_for
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.check.subject import Subject
    from r2i.engines.protocol import Engine
    from r2i.model import Image, Source

Function = TypeVar("Function", bound=Callable[..., Any])

#: What a repository's own files are to blame for; everything else says nothing of the repository.
ITS_OWN = (BuildFailedError, InvalidRepositoryError, NoBuildpackError)

#: What only says how to build, or how to run.
OF_RUNNING = frozenset({"engine", "memory", "network", "no_cache", "rescue", "tags", "timeout", "write"})


def _level(_context: click.Context, _parameter: click.Parameter, typed: str | None) -> str | None:
    """In either case: a choice of click's that takes both names them in lower case."""
    if typed is None or typed.upper() in Level.__members__:
        return typed and typed.upper()
    levels = ", ".join(f"`{name}`" for name in Level.__members__)
    raise UsageError(f"`--level {printable(typed)}` is no level", hint=f"Name one of {levels}")


def _levels_from(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    return [name for name in Level.__members__ if name.startswith(begun.upper())]


def execution_options(function: Function) -> Function:
    for decorate in (
        click.option("--network", is_flag=True, help="Let notebooks use the network."),
        click.option(
            "--memory", metavar="SIZE", help="The most memory of a notebook, as `4g`. [default: its share]"
        ),
        click.option(
            "--timeout",
            type=click.IntRange(min=1),
            default=600,
            show_default=True,
            metavar="SECONDS",
            help="The most time of a cell.",
        ),
        click.option(
            "--level",
            metavar="L0|…|L4",
            callback=_level,
            shell_complete=_levels_from,
            help="What must be reached. [default: L1 with --build, L3 with --execute]",
        ),
        click.option("--execute", is_flag=True, help="Build it, and run every notebook in a container."),
        click.option("--build", is_flag=True, help="Build it, and start the server and every kernel."),
        build_options,
    ):
        function = decorate(function)
    return function


def levels(*, build: bool, execute: bool, level: str | None) -> tuple[Level, Level] | None:
    """The level that is asked for, and the one that is tried; None where nothing is to be built.

    Where notebooks run, it costs nothing to compare what they give.
    """
    if not (build or execute or level):
        return None
    asked = Level[level] if level else Level.L3 if execute else Level.L1
    if execute or asked >= Level.L3:
        return asked, Level.L4
    return asked, max(asked, Level.L1) if build else asked


def dynamic_report(subject: Subject, source: Source, chosen: dict[str, Any]) -> DynamicReport | None:
    """Build and run as far as it was asked for; None where it was not."""
    wanted = levels(build=chosen["build"], execute=chosen["execute"], level=chosen["level"])
    if wanted is None:
        _refuse_idle()
        return None
    from r2i.cli.rescue import image_for
    from r2i.engines import choose

    asked, tried = wanted
    memory = None if chosen["memory"] is None else memory_from(chosen["memory"])
    settings = settings_from(chosen)
    engine = choose(settings.engine, os.environ)
    started = time.monotonic()
    try:
        image = image_for(engine, source, settings, started=started)
    except ITS_OWN as error:
        return DynamicReport(asked=asked, tried=tried, build=_failed(error, time.monotonic() - started))
    build = BuildRun(seconds=time.monotonic() - started, image=image.reference)
    report = DynamicReport(asked=asked, tried=tried, build=build)
    if tried < Level.L1:
        return report
    return _run(subject, engine, image, report, chosen, memory=memory)


def _refuse_idle() -> None:
    """Raise `UsageError` for an option that says how to run what is not to run."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name in OF_RUNNING:
            raise UsageError(
                f"`{parameter.opts[-1]}` has no effect where nothing is built",
                hint="Add `--build` or `--execute`",
            )


def _run(
    subject: Subject,
    engine: Engine,
    image: Image,
    report: DynamicReport,
    chosen: Mapping[str, Any],
    *,
    memory: int | None,
) -> DynamicReport:
    """The report of the build, and of what runs of it."""
    from r2i.check.causes import causes, lines
    from r2i.check.execution import limits, planned, seen
    from r2i.cli.execution_progress import running
    from r2i.engines.protocol import RunRequest

    notebooks = planned(subject) if report.tried >= Level.L2 else ()
    user = user_for(image, chosen["user_id"])
    bounds = limits(
        engine,
        memory=memory,
        timeout=chosen["timeout"],
        jobs=len(notebooks) + 1,
        network=chosen["network"],
        script=_script(chosen) if chosen["network"] else "",
    )
    request = RunRequest(image=image.reference, user=user)
    with running(chosen["progress"], len(notebooks) + 2) as listen:
        found = seen(engine, request, notebooks, limits=bounds, tried=report.tried, listen=listen)
    notes = (*_notes(user), *found.notes)
    ran = replace(report, server=found.server, kernels=found.kernels, runs=found.runs, notes=notes)
    return replace(ran, causes=causes(subject, ran, network=chosen["network"]), lines=lines(subject, ran))


def _script(chosen: Mapping[str, Any]) -> str:
    """The settings of this machine with which a container reaches the network, without credentials."""
    from r2i.host import container_script

    return container_script(os.environ, ca_bundle=chosen["ca_bundle"], home=Path.home(), given={})


def _failed(error: R2iError, seconds: float) -> BuildRun:
    where = f"{printable(error.where)}: " if error.where else ""
    note(f"{click.style('Failed:', fg='red', bold=True)} {where}{printable(error.message)}")
    return BuildRun(
        seconds=seconds,
        message=error.message,
        hint=error.hint,
        file=error.file,
        line=error.line,
        log=error.log,
        cause=error.diagnosis.cause if error.diagnosis else "",
    )


def _notes(user: str | None) -> tuple[str, ...]:
    if user is None:
        return ()
    return (f"The image would run as root: everything ran as the user {user}",)
