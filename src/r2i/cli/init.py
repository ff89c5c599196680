"""`r2i init`: the files with which a repository is ready for Binder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import click

from r2i.building.settings import BuildSettings
from r2i.check.subject import Subject
from r2i.checkout.overlay import overlay
from r2i.cli.badge import launch_of_directory, state_of
from r2i.cli.choices import collected
from r2i.cli.common import (
    PlanChoices,
    TypedSource,
    agreed,
    ca_bundle_option,
    checked_out,
    counted,
    engine_option,
    note,
    plan_options,
    show_diff,
    source_options,
    warn,
)
from r2i.cli.rescue import builder_for
from r2i.cli.themes import Command
from r2i.edits.applying import combined, diff, write
from r2i.edits.fixes import Fix
from r2i.engines import EngineChoice
from r2i.engines.protocol import Engine, RunRequest
from r2i.errors import EngineError, NoBuildpackError, R2iError, UsageError
from r2i.model import Evidence
from r2i.planning.detect import config_names
from r2i.quoting import printable
from r2i.ready.badge import FORMATS, HUB, NEWEST, Launch
from r2i.ready.look import Look, look_into
from r2i.ready.needs import Needs, needed
from r2i.ready.proposals import environment_fixes, files_to_read, loose, unwritten, workflow_fix
from r2i.ready.published import Published
from r2i.ready.readme import badge_fix, readme_of
from r2i.ready.remedies import remedied


@dataclass(frozen=True, kw_only=True)
class InitChoices:
    """What to write and how to try it, as it was typed."""

    yes: bool
    no_build: bool
    engine: EngineChoice
    progress: Literal["auto", "rich", "plain"]
    ca_bundle: Path | None


#: What to write and how to try it, as the argument `chosen`, the last first.
init_options = collected(
    InitChoices,
    "chosen",
    (
        ca_bundle_option,
        click.option(
            "--progress",
            type=click.Choice(["auto", "rich", "plain"]),
            default="auto",
            show_default=True,
            help="Format of the build progress.",
        ),
        engine_option("Container engine to use."),
        click.option("--no-build", is_flag=True, help="Skip the build, and leave the versions unpinned."),
        click.option("--yes", is_flag=True, help="Write the files without asking."),
    ),
)


@click.command(cls=Command, epilog="r2i init\nr2i init --yes --no-build")
@partial(source_options, default=".")
@init_options
@plan_options
def init(typed: TypedSource, chosen: InitChoices, plan: PlanChoices) -> None:
    """Write the files that make SOURCE ready for Binder.

    SOURCE is a directory. Reads what its notebooks and modules import, builds an image to find versions that work
    together, and asks for confirmation before it writes files.
    """
    from r2i.cli.subject import subject_of

    started = time.monotonic()
    understood = typed.understood()
    if understood.provider != "local":
        raise UsageError(
            "`r2i init` works only in a local directory", hint="Clone or download the repository first"
        )
    with checked_out(understood) as (checkout, _):
        subject = subject_of(checkout, understood, plan)
        if isinstance(subject.planned, R2iError):
            raise subject.planned
        _refuse_nothing(subject)
        asking = not chosen.yes
        if asking and not sys.stdin.isatty():
            raise UsageError(
                "Cannot ask for confirmation: stdin is not a terminal",
                hint="Pass `--yes` to write the files without confirmation",
            )
        needs = _with_apt(needed(subject), plan.apt)
        _say_found(subject, needs)
        fixes = _environment(subject, needs, chosen, started=started)
        state = state_of(checkout, NEWEST)
        launch = _launch(subject, state)
        readme = readme_of(subject)
        if launch and readme:
            fixes.append(badge_fix(subject, readme, launch))
        if state and state.prefix:
            warn(
                f"Binder looks for these files at the top of the repository, not in `{printable(state.prefix)}`:"
                " run `r2i init` there"
            )
        elif _on_github(subject, launch):
            fixes.append(workflow_fix(subject))
        _write([fix for fix in fixes if fix], subject, asking=asking)
    if launch and not readme:
        note("The repository has no README. This is its badge:")
        click.echo(FORMATS["markdown"](launch))


def _refuse_nothing(subject: Subject) -> None:
    """Files for an image with nothing in it help nobody: the wrong directory is likelier than the wish for them."""
    if not subject.notebooks and not subject.modules and not any(map(subject.config, config_names())):
        raise NoBuildpackError(
            "The directory has no notebook, no Python module and no file that declares dependencies",
            hint="Pass the directory of the repository: `r2i init DIR`",
        )


def _with_apt(needs: Needs, packages: Iterable[str]) -> Needs:
    return replace(needs, apt={**needs.apt, **dict.fromkeys(packages, Evidence(why="`--apt`"))})


def _say_found(subject: Subject, needs: Needs) -> None:
    note(f"{counted(len(subject.notebooks), 'notebook')}, {counted(len(subject.modules), 'module')}")
    if subject.environment is None:
        return  # a `Dockerfile`, or Nix, decides what is installed
    for kind, found in (("install", needs.requirements), ("install with apt", needs.apt)):
        for name, why in found.items():
            note(f"  {kind} {click.style(printable(name), bold=True)}: {_because(why)}")


def _because(why: Evidence) -> str:
    where = f"{printable(why.file)}:{why.line} " if why.file else ""
    return f"{where}{printable(why.why)}"


def _environment(subject: Subject, needs: Needs, chosen: InitChoices, *, started: float) -> list[Fix | None]:
    """What to write for the image, with the versions that were installed where it was built."""
    fixes = environment_fixes(subject, needs, versions={})
    to_pin = bool(loose(subject) or (fixes and needs.requirements) or files_to_read(subject))
    if (fixes or to_pin) and not chosen.no_build:
        needs, look = _tried(subject, needs, fixes, chosen, started=started)
        fixes = environment_fixes(subject, needs, versions=look.versions, files=look.files)
        _say_failed(needs, look)
    else:
        for why in needs.unknown.values():
            warn(f"{_because(why)}, and r2i does not know which package provides it")
        if to_pin:
            note(
                "Nothing was built, so versions are not pinned; run `r2i init` without `--no-build` to pin them"
            )
    for words in unwritten(subject, needs):
        warn(printable(words))
    return [*fixes]


def _tried(
    subject: Subject, needs: Needs, draft: list[Fix], chosen: InitChoices, *, started: float
) -> tuple[Needs, Look]:
    """Build without versions to find them, then with them to see that they hold."""
    engine = _engine(chosen)
    look = partial(_looked, engine, subject, chosen, started=started)
    note("Building an image to find versions that work together (`--no-build` skips this)")
    try:
        seen = look(needs, draft)
        needs = remedied(needs, seen.failed)
        fixes = environment_fixes(subject, needs, versions=seen.versions, files=seen.files)
        if fixes != draft:
            note("Building again with the proposed files")
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


def _engine(chosen: InitChoices) -> Engine:
    from r2i.engines.choice import choose

    try:
        return choose(chosen.engine, os.environ)
    except EngineError as error:
        error.hint = f"{error.hint}, or skip the build with `r2i init --no-build`"
        raise


def _looked(
    engine: Engine,
    subject: Subject,
    chosen: InitChoices,
    needs: Needs,
    fixes: Sequence[Fix],
    *,
    started: float,
) -> Look:
    """Build the repository as it would be, and look into the image. `postBuild` is run in the container."""
    from r2i.building.launch import with_settings
    from r2i.host.settings import container_script

    changes = combined(subject.checkout, fixes)
    files = {path: text for path, text in changes.texts.items() if path not in changes.executable}
    settings = BuildSettings(options=subject.options, engine=chosen.engine, ca_bundle=chosen.ca_bundle)
    assert subject.source is not None  # noqa: S101 - for mypy
    builder = builder_for(engine, chosen.progress, started=started)
    image = builder.directory(subject.source, overlay(subject.checkout, files), settings)

    def with_network(request: RunRequest) -> RunRequest:
        script = container_script(os.environ, ca_bundle=chosen.ca_bundle, home=Path.home(), given={})
        return with_settings(request, script)

    prepare = "".join(f"{command}\n" for command in needs.commands)
    paths = files_to_read(subject)
    return look_into(
        engine, image.id, needs.imports, prepare=prepare, files=paths, with_settings=with_network
    )


def _say_failed(needs: Needs, look: Look) -> None:
    for module, said in look.failed.items():
        warn(f"{_because(needs.imports[module])}, and this import fails in the image: {printable(said)}")
    if needs.imports and not look.failed:
        works = "the import works" if len(needs.imports) == 1 else f"all {len(needs.imports)} imports work"
        note(f"{click.style('Built:', fg='green', bold=True)} {works} in the image")


def _launch(subject: Subject, state: Published | None) -> Launch | None:
    """What the badge opens: the only notebook, or the one that is called so."""
    names = [notebook.path for notebook in subject.notebooks]
    first = next((name for name in names if name == "index.ipynb"), names[0] if len(names) == 1 else "")
    try:
        return launch_of_directory(subject.checkout, state, NEWEST, urlpath=first, hub=HUB)[0]
    except UsageError as error:
        note(f"No badge yet: {printable(error.message)}. Run `r2i badge` later to print it")
        return None


def _on_github(subject: Subject, launch: Launch | None) -> bool:
    """Where it is published is not known before there is a remote."""
    return subject.checkout.is_dir(".github") or launch is None or "/v2/gh/" in launch.url


def _write(fixes: Sequence[Fix], subject: Subject, *, asking: bool) -> None:
    """Show each change and ask for it, then make them all."""
    seen = combined(subject.checkout, fixes).contents
    accepted = [
        fix for fix in fixes if _shown(fix, subject) and (not asking or agreed("Write these changes?"))
    ]
    changes = combined(subject.checkout, accepted)
    # What was changed while somebody thought about the answer is refused, since it is not what was shown.
    contents = {file: (seen.get(file, both)[0], both[1]) for file, both in changes.contents.items()}
    write(subject.checkout, replace(changes, contents=contents))
    written = [printable(path) for path in changes.contents]
    if written:
        note(f"{click.style('Wrote', fg='green', bold=True)} {', '.join(written)}")
        note("Commit and push the changes: a hub builds only published files")
    elif not fixes:
        note("Nothing to write")


def _shown(fix: Fix, subject: Subject) -> bool:
    changes = combined(subject.checkout, [fix])
    if not changes.applied:
        warn(f"{printable(fix.title)}: cannot be written because its path contains a symbolic link")
        return False
    note(f"\n{click.style(printable(fix.title), bold=True)}")
    show_diff(diff(changes))
    return True
