"""`r2i init`: the files with which a repository is ready for Binder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from r2i.check.findings import Fix
from r2i.check.fixes import combined, diff, write
from r2i.check.subject import Subject
from r2i.cli.badge import launch_of_directory, state_of
from r2i.cli.building import BuildSettings, build_directory
from r2i.cli.common import (
    agreed,
    ca_bundle_option,
    checked_out,
    engine_option,
    note,
    parsed,
    plan_options,
    source_options,
)
from r2i.engines.protocol import Engine, RunRequest
from r2i.errors import EngineError, NoBuildpackError, R2iError, UsageError
from r2i.model import Evidence
from r2i.overlay import overlay
from r2i.planner import config_names
from r2i.quoting import printable
from r2i.ready.badge import FORMATS, HUB, NEWEST, Launch
from r2i.ready.look import Look, look_into
from r2i.ready.needs import Needs, needed
from r2i.ready.proposals import environment_fixes, loose, unwritten, workflow_fix
from r2i.ready.published import Published
from r2i.ready.readme import badge_fix, readme_of
from r2i.ready.remedies import remedied

DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@partial(source_options, default=".")
@click.option("--yes", is_flag=True, help="Write the files without asking.")
@click.option("--no-build", is_flag=True, help="Build nothing: what is installed is not pinned.")
@engine_option("What builds and runs.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "rich", "plain"]),
    default="auto",
    show_default=True,
    help="How the build is shown.",
)
@ca_bundle_option
@plan_options
def init(source: str, ref: str | None, subdir: str, **chosen: Any) -> None:
    """Write the files with which SOURCE is ready for Binder.

    SOURCE is a directory. Looks at what its notebooks and modules import, builds an image to find releases that work
    together, and asks before it writes a file.
    """
    from r2i.cli.subject import subject_of

    started = time.monotonic()
    understood = parsed(source, ref, subdir)
    if understood.provider != "local":
        raise UsageError("`r2i init` writes files of this machine", hint="Clone the repository first")
    with checked_out(understood) as checkout:
        subject = subject_of(checkout, understood, chosen)
        if isinstance(subject.planned, R2iError):
            raise subject.planned
        _refuse_nothing(subject)
        asking = not chosen["yes"]
        if asking and not sys.stdin.isatty():
            raise UsageError("There is no terminal to ask on", hint="Say `--yes` to write the files")
        needs = _with_apt(needed(subject), chosen["apt"])
        _say_found(subject, needs)
        fixes = _environment(subject, needs, chosen, started=started)
        state = state_of(checkout, NEWEST)
        launch = _launch(subject, state)
        readme = readme_of(subject)
        if launch and readme:
            fixes.append(badge_fix(subject, readme, launch))
        if state and state.prefix:
            _warn(
                f"Binder looks for these files at the top of the repository, not in `{printable(state.prefix)}`:"
                " run `r2i init` there"
            )
        elif _on_github(subject, launch):
            fixes.append(workflow_fix(subject))
        _write([fix for fix in fixes if fix], subject, asking=asking)
    if launch and not readme:
        note("There is no README. This is the badge for yours:")
        click.echo(FORMATS["markdown"](launch))


def _refuse_nothing(subject: Subject) -> None:
    """Files for an image with nothing in it help nobody: the wrong directory is likelier than the wish for them."""
    if not subject.notebooks and not subject.modules and not any(map(subject.config, config_names())):
        raise NoBuildpackError(
            "There is nothing here to get ready: no notebook, no Python module, no file that says what to install",
            hint="Name the directory of the repository: `r2i init DIR`",
        )


def _with_apt(needs: Needs, packages: Iterable[str]) -> Needs:
    return replace(needs, apt={**needs.apt, **dict.fromkeys(packages, Evidence(why="`--apt`"))})


def _say_found(subject: Subject, needs: Needs) -> None:
    note(f"{_count(len(subject.notebooks), 'notebook')}, {_count(len(subject.modules), 'module')}")
    for kind, found in (("install", needs.requirements), ("install with apt", needs.apt)):
        for name, why in found.items():
            note(f"  {kind} {click.style(printable(name), bold=True)}: {_because(why)}")


def _because(why: Evidence) -> str:
    where = f"{printable(why.file)}:{why.line} " if why.file else ""
    return f"{where}{printable(why.why)}"


def _environment(
    subject: Subject, needs: Needs, chosen: Mapping[str, Any], *, started: float
) -> list[Fix | None]:
    """What to write for the image, with the versions that were installed where it was built."""
    fixes = environment_fixes(subject, needs, versions={})
    to_pin = bool(loose(subject) or (fixes and needs.requirements))
    if (fixes or to_pin) and not chosen["no_build"]:
        needs, look = _tried(subject, needs, fixes, chosen, started=started)
        fixes = environment_fixes(subject, needs, versions=look.versions)
        _say_failed(needs, look)
    else:
        for why in needs.unknown.values():
            _warn(f"{_because(why)}, and nobody knows which package has it")
        if to_pin:
            note("Nothing was built, so nothing is pinned: `r2i init` without `--no-build` does that")
    for words in unwritten(subject, needs):
        _warn(printable(words))
    return [*fixes]


def _tried(
    subject: Subject, needs: Needs, draft: list[Fix], chosen: Mapping[str, Any], *, started: float
) -> tuple[Needs, Look]:
    """Build without versions to find them, then with them to see that they hold."""
    engine = _engine(chosen)
    look = partial(_looked, engine, subject, chosen, started=started)
    note("Building, to find releases that work together (`--no-build` leaves that out)")
    try:
        seen = look(needs, draft)
        needs = remedied(needs, seen.failed)
        fixes = environment_fixes(subject, needs, versions=seen.versions)
        if fixes != draft:
            note("Building again, with what is to be written")
            seen = look(needs, fixes)
    except R2iError:
        note("Nothing was written")
        raise
    _forget_typed()
    return needs, seen


def _forget_typed() -> None:
    """What somebody typed while the build ran is no answer to what is asked now."""
    if sys.stdin.isatty():
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _engine(chosen: Mapping[str, Any]) -> Engine:
    from r2i.engines import choose

    try:
        return choose(chosen["engine"], os.environ)
    except EngineError as error:
        error.hint = f"{error.hint}; or build nothing: `r2i init --no-build`"
        raise


def _looked(
    engine: Engine,
    subject: Subject,
    chosen: Mapping[str, Any],
    needs: Needs,
    fixes: Sequence[Fix],
    *,
    started: float,
) -> Look:
    """Build the repository as it would be, and look into the image. `postBuild` is run in the container."""
    from r2i.host import container_script
    from r2i.launch import with_settings

    changes = combined(subject.checkout, fixes)
    files = {
        path: after.decode(errors="replace")
        for path, (_, after) in changes.contents.items()
        if path not in changes.executable
    }
    settings = BuildSettings(
        options=subject.options,
        engine=chosen["engine"],
        tags=(),
        progress=chosen["progress"],
        no_cache=False,
        ca_bundle=chosen["ca_bundle"],
    )
    assert subject.source is not None  # noqa: S101 - for mypy
    image = build_directory(
        engine, subject.source, overlay(subject.checkout, files), settings, started=started
    )

    def with_network(request: RunRequest) -> RunRequest:
        script = container_script(os.environ, ca_bundle=chosen["ca_bundle"], home=Path.home(), given={})
        return with_settings(request, script)

    prepare = "".join(f"{command}\n" for command in needs.commands)
    return look_into(engine, image.reference, needs.imports, prepare=prepare, with_settings=with_network)


def _say_failed(needs: Needs, look: Look) -> None:
    for module, said in look.failed.items():
        _warn(f"{_because(needs.imports[module])}, which fails in the image: {printable(said)}")
    if needs.imports and not look.failed:
        tried = "1 import was" if len(needs.imports) == 1 else f"{len(needs.imports)} imports were"
        works = "works" if len(needs.imports) == 1 else "work"
        note(f"{click.style('Built:', fg='green', bold=True)} {tried} tried in it, and {works}")


def _launch(subject: Subject, state: Published | None) -> Launch | None:
    """What the badge opens: the only notebook, or the one that is called so."""
    names = [notebook.path for notebook in subject.notebooks]
    first = next((name for name in names if name == "index.ipynb"), names[0] if len(names) == 1 else "")
    try:
        return launch_of_directory(subject.checkout, state, NEWEST, urlpath=first, hub=HUB)[0]
    except UsageError as error:
        note(f"No badge yet: {printable(error.message)}. `r2i badge` makes it")
        return None


def _on_github(subject: Subject, launch: Launch | None) -> bool:
    """Where it is published is not known before there is a remote."""
    return subject.checkout.is_dir(".github") or launch is None or "/v2/gh/" in launch.url


def _write(fixes: Sequence[Fix], subject: Subject, *, asking: bool) -> None:
    """Show each change and ask for it, then make them all."""
    accepted = [fix for fix in fixes if _shown(fix, subject) and (not asking or agreed("Write it?"))]
    changes = combined(subject.checkout, accepted)
    write(subject.checkout, changes)
    written = [printable(path) for path in changes.contents]
    if written:
        note(f"{click.style('Wrote', fg='green', bold=True)} {', '.join(written)}")
        note("Commit and push them: a hub sees what is published")
    elif not fixes:
        note("There is nothing to write")


def _shown(fix: Fix, subject: Subject) -> bool:
    changes = combined(subject.checkout, [fix])
    if not changes.applied:
        _warn(f"{printable(fix.title)}: cannot be written, for it lies behind a link")
        return False
    note(f"\n{click.style(printable(fix.title), bold=True)}")
    for line in diff(changes):
        note(click.style(printable(line), fg=DIFF_COLOURS.get(line[:1])))
    return True


def _warn(words: str) -> None:
    note(f"{click.style('Warning:', fg='yellow')} {words}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
