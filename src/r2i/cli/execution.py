"""`r2i check --build` and `--execute`: build, and run in containers what was built."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from r2i.building.launch import memory_from, user_for
from r2i.check.execution.runs import BuildRun, DynamicReport, Level
from r2i.cli.building import BuildChoices
from r2i.cli.choices import collected
from r2i.cli.common import PlanChoices, note
from r2i.errors import BuildFailedError, InvalidRepositoryError, NoBuildpackError, R2iError, UsageError
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.check.subject import Subject
    from r2i.engines.image_user import ContainerUser
    from r2i.engines.protocol import Engine
    from r2i.model import Image, Source

#: What a repository's own files are to blame for; everything else says nothing of the repository.
ITS_OWN = (BuildFailedError, InvalidRepositoryError, NoBuildpackError)

#: What only says how to build, or how to run.
OF_RUNNING = frozenset({"engine", "memory", "network", "no_cache", "rescue", "tags", "timeout", "write"})


def _level(_context: click.Context, _parameter: click.Parameter, typed: str | None) -> str | None:
    """In either case: a choice of click's that takes both names them in lower case."""
    if typed is None or typed.upper() in Level.__members__:
        return typed and typed.upper()
    levels = ", ".join(f"`{name}`" for name in Level.__members__)
    raise UsageError(f"`--level {printable(typed)}` is not a level", hint=f"Choose one of {levels}")


def _levels_from(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    return [name for name in Level.__members__ if name.startswith(begun.upper())]


@dataclass(frozen=True, kw_only=True)
class ExecutionChoices:
    """How far to build and run, as it was typed."""

    build: bool
    execute: bool
    level: str | None
    timeout: int
    memory: str | None
    network: bool

    @property
    def any(self) -> bool:
        return bool(self.build or self.execute or self.level)


#: How far to build and run, as the argument `execution`.
execution_options = collected(
    ExecutionChoices,
    "execution",
    (
        click.option("--network", is_flag=True, help="Allow notebooks to use the network."),
        click.option(
            "--memory",
            metavar="SIZE",
            help="Memory limit per notebook, such as `4g`. [default: an equal share]",
        ),
        click.option(
            "--timeout",
            type=click.IntRange(min=1),
            default=600,
            show_default=True,
            metavar="SECONDS",
            help="Time limit per cell.",
        ),
        click.option(
            "--level",
            metavar="L0|…|L4",
            callback=_level,
            shell_complete=_levels_from,
            help="Required level. [default: L1 with --build, L3 with --execute]",
        ),
        click.option(
            "--execute", is_flag=True, help="Build the image and run every notebook in a container."
        ),
        click.option("--build", is_flag=True, help="Build the image and start the server and every kernel."),
    ),
)


def levels(chosen: ExecutionChoices) -> tuple[Level, Level] | None:
    """The level that is asked for, and the one that is tried; None where nothing is to be built.

    Where notebooks run, it costs nothing to compare what they give.
    """
    if not chosen.any:
        return None
    asked = Level[chosen.level] if chosen.level else Level.L3 if chosen.execute else Level.L1
    if chosen.execute or asked >= Level.L3:
        return asked, Level.L4
    return asked, max(asked, Level.L1) if chosen.build else asked


def dynamic_report(
    subject: Subject, *, source: Source, chosen: ExecutionChoices, building: BuildChoices, plan: PlanChoices
) -> DynamicReport | None:
    """Build and run as far as it was asked for; None where it was not."""
    wanted = levels(chosen)
    if wanted is None:
        _refuse_idle()
        return None
    from r2i.cli.rescue import image_for
    from r2i.engines.choice import choose

    asked, tried = wanted
    memory = None if chosen.memory is None else memory_from(chosen.memory)
    settings = building.settings(plan)
    engine = choose(settings.engine, os.environ, builder=settings.builder)
    started = time.monotonic()
    try:
        image = image_for(
            engine, source, settings, kind=building.progress, write=building.write, started=started
        )
    except ITS_OWN as error:
        return DynamicReport(asked=asked, tried=tried, build=_failed(error, time.monotonic() - started))
    built = BuildRun(seconds=time.monotonic() - started, image=image.reference)
    report = DynamicReport(asked=asked, tried=tried, build=built)
    if tried < Level.L1:
        return report
    return _run(
        subject,
        engine,
        image,
        report,
        _Running(chosen=chosen, building=building, user_id=plan.user_id, memory=memory),
    )


def _refuse_idle() -> None:
    """Raise `UsageError` for an option that says how to run what is not to run."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name in OF_RUNNING:
            raise UsageError(
                f"`{parameter.opts[-1]}` has no effect without `--build` or `--execute`",
                hint="Add `--build` or `--execute`",
            )


@dataclass(frozen=True, kw_only=True)
class _Running:
    """What is chosen of the runs of one image; `memory` in bytes."""

    chosen: ExecutionChoices
    building: BuildChoices
    user_id: int
    memory: int | None


def _run(
    subject: Subject,
    engine: Engine,
    image: Image,
    report: DynamicReport,
    how: _Running,
) -> DynamicReport:
    """The report of the build, and of what runs of it."""
    from r2i.check.execution.causes import causes, kernel_notes, lines
    from r2i.check.execution.jobs import seen
    from r2i.check.execution.planned import limits, planned
    from r2i.cli.progress.runs import running
    from r2i.engines.protocol import RunRequest

    chosen = how.chosen
    notebooks = planned(subject) if report.tried >= Level.L2 else ()
    user = user_for(engine, image, how.user_id)
    bounds = limits(
        engine,
        memory=how.memory,
        timeout=chosen.timeout,
        jobs=len(notebooks) + 1,
        network=chosen.network,
        script=_script(how.building.ca_bundle) if chosen.network else "",
    )
    request = RunRequest(image=image.id, user=str(user), groups=user.groups)
    with running(how.building.progress, len(notebooks) + 2) as listen:
        found = seen(engine, request, notebooks, limits=bounds, tried=report.tried, listen=listen)
    notes = (*_notes(user), *found.notes, *_not_run(subject))
    ran = replace(report, server=found.server, kernels=found.kernels, runs=found.runs, notes=notes)
    ran = replace(ran, notes=(*notes, *kernel_notes(subject, ran)))
    return replace(ran, causes=causes(subject, ran, network=chosen.network), lines=lines(subject, ran))


def _script(ca_bundle: Path | None) -> str:
    """The settings of this machine with which a container reaches the network, without credentials."""
    from r2i.host.settings import container_script

    return container_script(os.environ, ca_bundle=ca_bundle, home=Path.home(), given={})


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


def _not_run(subject: Subject) -> Iterator[str]:
    for notebook in subject.text_notebooks:
        yield f"`{notebook.path}` was not run: it is {notebook.form}, and r2i runs only `.ipynb` files"


def _notes(user: ContainerUser) -> tuple[str, ...]:
    if not user.instead:
        return ()
    return (f"The image would run as root, so r2i ran everything as user {user.uid}",)
