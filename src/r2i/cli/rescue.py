"""`--rescue`: build, and where a step fails for a cause that is known, build again with the change that mends it."""

from __future__ import annotations

import codecs
import difflib
import shlex
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from r2i.checkout import Checkout
from r2i.cli.app import command_with, typed
from r2i.cli.building import BuildSettings, build_if_needed
from r2i.cli.common import checked_out, note
from r2i.engines.protocol import Engine
from r2i.errors import EngineError, R2iError, TemporaryError, UsageError
from r2i.model import Change, Image, Json, Source
from r2i.overlay import overlay
from r2i.quoting import printable
from r2i.rescue import (
    MOST_CHANGES,
    Lasting,
    Made,
    directory_for,
    essence,
    in_effect,
    lasting,
    next_change,
    with_change,
)


def image_for(engine: Engine, source: Source, settings: BuildSettings, *, started: float) -> Image:
    """The image as the settings want it, rescued where they say so."""
    if settings.write and (source.provider != "local" or not settings.rescue):
        raise UsageError(
            "`--write` is for what `--rescue` finds, in a directory of this machine",
            hint="Add `--rescue`, and clone the repository first",
        )
    if not settings.rescue:
        return build_if_needed(engine, source, settings, started=started)
    made: list[Made] = []
    tried: list[Change] = []
    failure: R2iError | None = None
    while True:
        try:
            image = build_if_needed(engine, source, _changed(settings, made), started=started)
        except (EngineError, TemporaryError):
            raise
        except R2iError as error:
            if _says_more(error, failure):
                failure = error
            elif failure is None:
                raise
            else:
                _take_back(made, error)
            made.append(_next(failure, tried, settings))
        else:
            if made:
                _report(source, in_effect(made), settings)
            return image


def _take_back(made: list[Made], error: R2iError) -> None:
    """The last change led nowhere; another one for the same failure may."""
    made.pop()
    if isinstance(error, UsageError):  # it could not even be tried
        note(f"        {printable(error.message)}")


def _says_more(error: R2iError, failure: R2iError | None) -> bool:
    """Whether another cause is known now than before."""
    found, before = error.diagnosis, failure.diagnosis if failure else None
    if found is None or not found.changes:
        return False
    return before is None or (found.cause, found.evidence) != (before.cause, before.evidence)


def _next(failure: R2iError, tried: list[Change], given: BuildSettings) -> Made:
    """The change to try now; raise the failure where there is none."""
    found = failure.diagnosis
    assert found is not None  # noqa: S101 - for mypy
    dated = given.as_of is not None or given.options.as_of is not None
    change = next_change(found, tried, given.options, dated=dated) if len(tried) < MOST_CHANGES else None
    if change is None:
        if tried:
            said = ", ".join(f"`{' '.join(each.arguments)}`" for each in tried)
            note(f"{click.style('Rescue:', fg='yellow', bold=True)} nothing helped of {said}", phase="rescue")
        raise failure
    tried.append(change)
    where = f"{printable(failure.where)}: " if failure.where else ""
    note(
        f"{click.style('Rescue:', fg='yellow', bold=True)} {where}{printable(found.message)}\n"
        f"        Trying again with `{shlex.join(change.arguments)}` (try {len(tried)} of at most {MOST_CHANGES})",
        phase="rescue",
        cause=found.cause,
        evidence=printable(found.evidence),
        changes=[_as_json(change)],
    )
    return Made(change=change, why=found.message, file=failure.file, line=failure.line)


def _changed(settings: BuildSettings, made: Sequence[Made]) -> BuildSettings:
    options, as_of = settings.options, settings.as_of
    for each in made:
        options = with_change(options, each.change)
        as_of = "commit" if each.change.option == "as-of" else as_of
    return replace(settings, options=options, as_of=as_of)


def _as_json(change: Change) -> Json:
    return {"option": f"--{change.option}", "value": change.value}


def _report(source: Source, made: Sequence[Made], given: BuildSettings) -> None:
    """What was changed and why, the same build without a rescue, and what makes it last."""
    words = [word for each in made for word in each.change.arguments]
    command = command_with(words, [word for word in typed.get() if word not in {"--rescue", "--write"}])
    lines = [f"{click.style('Rescued', fg='green', bold=True)} by {_count(made)}:"]
    for each in made:
        where = f" ({printable(each.file)}{f':{each.line}' if each.line else ''})" if each.file else ""
        lines.append(f"  `{shlex.join(each.change.arguments)}`: {printable(each.why)}{where}")
    lines.append(f"The same build: `{command}`")
    with checked_out(source) as checkout:
        kept = _kept(checkout, _changed(given, made), given, made)
        lines += _shown(checkout, kept, written=given.write)
        if given.write:
            _write(checkout, kept.files)
    note(
        "\n".join(lines),
        phase="rescue",
        changes=[_as_json(each.change) for each in made],
        command=command,
        files=dict(kept.files),
    )


def _kept(checkout: Checkout, rescued: BuildSettings, given: BuildSettings, made: Sequence[Made]) -> Lasting:
    """The files that lead to the same plan without options: in `binder/`, else in the root."""
    from r2i.planner import declared_environment, make_plan

    environment = declared_environment(checkout, given.options)
    defined_by = environment.defined_by if environment else ""
    wanted = make_plan(checkout, rescued.options)
    for directory in dict.fromkeys((directory_for(checkout, defined_by), checkout.config_dir)):
        kept = lasting(checkout, made, directory=directory, defined_by=defined_by)
        try:
            found = make_plan(overlay(checkout, kept.files), given.options)
        except R2iError:
            continue
        if kept.unkept or essence(found) == essence(wanted):
            return kept
    return Lasting(unkept=("no file of the repository leads to the same build: keep the options",))


def _shown(checkout: Checkout, kept: Lasting, *, written: bool) -> Iterator[str]:
    """The files, as changes of what is there."""
    if kept.files:
        yield "Written, for good:" if written else "For good, write (`--write` does):"
    for path, text in kept.files.items():
        before = checkout.read(path).splitlines() if checkout.has(path) else []
        there = f"a/{path}" if before else "/dev/null"
        for line in difflib.unified_diff(before, text.splitlines(), there, f"b/{path}", n=1, lineterm=""):
            yield f"  {printable(line)}"
    for words in kept.unkept:
        yield f"Not in a file: {printable(words)}"


def _write(checkout: Checkout, files: Mapping[str, str]) -> None:
    """All of them or none."""
    targets = {path: checkout.root / path for path in files}
    for path, target in targets.items():
        if target.is_symlink() or target.parent.resolve() != target.parent:
            raise R2iError(
                f"`{path}` is behind a symbolic link", hint="Write the files that are shown yourself"
            )
    before = {path: target.read_bytes() if target.exists() else None for path, target in targets.items()}
    try:
        for path, target in targets.items():
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(_as_before(files[path], before[path]))
            origin = checkout.root / target.name
            if before[path] is None and origin != target and origin.exists():
                target.chmod(stat.S_IMODE(origin.stat().st_mode))
    except OSError as error:
        for path, target in targets.items():
            _restore(target, before[path])
        raise R2iError(f"The files cannot be written: {error.strerror}", file=error.filename) from error


def _as_before(text: str, before: bytes | None) -> bytes:
    """A file that is edited keeps its line ends and its byte order mark."""
    data = text.encode()
    if before is not None and b"\r\n" in before:
        data = data.replace(b"\n", b"\r\n")
    return codecs.BOM_UTF8 + data if before is not None and before.startswith(codecs.BOM_UTF8) else data


def _restore(target: Path, before: bytes | None) -> None:
    with suppress(OSError):
        if before is None:
            target.unlink(missing_ok=True)
        else:
            target.write_bytes(before)


def _count(made: Sequence[Made]) -> str:
    return "one change" if len(made) == 1 else f"{len(made)} changes"
