"""A build as the command line tells it: its notes and progress, what `--rescue` tried, and what makes that last."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from r2i.building.builder import Builder
from r2i.building.rescue import MOST_CHANGES, Made
from r2i.building.rescuing import rescued
from r2i.building.settings import BuildSettings
from r2i.cli.app import command_with, typed
from r2i.cli.common import checked_out, note, show_warnings
from r2i.cli.progress import Kind, showing
from r2i.cli.progress.layers import progress
from r2i.cli.progress.transfers import TransferBoard
from r2i.engines.protocol import Engine, StepEvent, TransferEvent
from r2i.errors import R2iError, UsageError
from r2i.model import Change, Dockerfile, Image, Json, Notice, Plan, Source
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.building.lasting import Lasting


@dataclass(frozen=True, kw_only=True)
class Told:
    """Tells on stderr; `started` is when the user began to wait."""

    kind: Kind
    started: float

    def note(self, message: str) -> None:
        note(message)

    def warn(self, notices: Iterable[Notice]) -> None:
        show_warnings(notices)

    def unchanged(self, image: Image) -> None:
        seconds = time.monotonic() - self.started
        note(f"{image.reference} is up to date ({seconds:.1f} s)")

    @contextmanager
    def steps(
        self, plan: Plan, dockerfile: Dockerfile, *, credentials: Sequence[str]
    ) -> Iterator[Callable[[StepEvent], None]]:
        with progress(self.kind, plan, dockerfile, credentials=credentials) as listen:
            yield listen

    @contextmanager
    def transfer(
        self, name: str, *, doing: Literal["push", "pull"]
    ) -> Iterator[Callable[[TransferEvent], None]]:
        with showing(self.kind, TransferBoard(name, doing=doing)) as listen:
            yield listen

    def pushed(self, name: str, digest: str) -> None:
        note(f"Pushed {name}@{digest}", phase="pushing", state="done", image=name, digest=digest)

    def trying(self, failure: R2iError, change: Change, *, attempt: int) -> None:
        found = failure.diagnosis
        assert found is not None  # noqa: S101 - for mypy
        where = f"{printable(failure.where)}: " if failure.where else ""
        note(
            f"{click.style('Rescue:', fg='yellow', bold=True)} {where}{printable(found.message)}\n"
            f"        Trying again with `{shlex.join(change.arguments)}` (try {attempt} of at most {MOST_CHANGES})",
            phase="rescue",
            cause=found.cause,
            evidence=printable(found.evidence),
            changes=[_as_json(change)],
        )

    def refused(self, error: R2iError) -> None:
        note(f"        {printable(error.message)}")

    def nothing_helped(self, tried: Sequence[Change]) -> None:
        said = ", ".join(f"`{' '.join(each.arguments)}`" for each in tried)
        note(
            f"{click.style('Rescue:', fg='yellow', bold=True)} none of these fixes helped: {said}",
            phase="rescue",
        )


def builder_for(engine: Engine, kind: Kind, *, started: float) -> Builder:
    return Builder(
        engine=engine, environ=os.environ, home=Path.home(), listener=Told(kind=kind, started=started)
    )


def image_for(
    engine: Engine, source: Source, settings: BuildSettings, *, kind: Kind, write: bool, started: float
) -> Image:
    """The image as the settings want it; with `write`, what rescued it is written into the repository's files."""
    if write and (source.provider != "local" or not settings.rescue):
        raise UsageError(
            "`--write` needs `--rescue` and a local directory",
            hint="Add `--rescue`, and clone or download the repository first",
        )
    done = rescued(builder_for(engine, kind, started=started), source, settings)
    if done.made:
        _report(source, done.made, settings, write=write)
    return done.image


def _as_json(change: Change) -> Json:
    return {"option": f"--{change.option}", "value": change.value}


def _report(source: Source, made: Sequence[Made], given: BuildSettings, *, write: bool) -> None:
    """What was changed and why, the same build without a rescue, and what makes it last."""
    from r2i.building.lasting import kept
    from r2i.checkout.overlay import overlay
    from r2i.edits.applying import write as edit

    words = [word for each in made for word in each.change.arguments]
    command = command_with(words, [word for word in typed.get() if word not in {"--rescue", "--write"}])
    lines = [f"{click.style('Rescued', fg='green', bold=True)} by {_count(made)}:"]
    for each in made:
        where = f" ({printable(each.file)}{f':{each.line}' if each.line else ''})" if each.file else ""
        lines.append(f"  `{shlex.join(each.change.arguments)}`: {printable(each.why)}{where}")
    lines.append(f"The same build: `{command}`")
    with checked_out(source) as (checkout, _):
        lasting = kept(checkout, given, made)
        lines += _shown(lasting, written=write)
        if write:
            edit(checkout, lasting.changes)
        texts = lasting.changes.texts
        there = overlay(checkout, texts)
        files: dict[str, Json] = {file: there.read(file) for file in texts}
    note(
        "\n".join(lines),
        phase="rescue",
        changes=[_as_json(each.change) for each in made],
        command=command,
        files=files,
    )


def _shown(lasting: Lasting, *, written: bool) -> Iterator[str]:
    """The files, as changes of what is there."""
    from r2i.edits.applying import diff

    if lasting.changes.contents:
        yield "Written:" if written else "To make this permanent (`--write` does it):"
    for line in diff(lasting.changes, context=1):
        yield f"  {printable(line)}"
    for words in lasting.unkept:
        yield f"Not in a file: {printable(words)}"


def _count(made: Sequence[Made]) -> str:
    return "one change" if len(made) == 1 else f"{len(made)} changes"
