"""From what was typed to an image: fetch, plan, render, build; or find that it is there already."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from r2i.checkout import Checkout
from r2i.cli.as_of import Asked, asked, dated
from r2i.cli.common import (
    ca_bundle_option,
    checked_out,
    engine_option,
    for_programs,
    note,
    options_from,
    show_warnings,
)
from r2i.engines.protocol import BuildRequest, Engine
from r2i.errors import BuildFailedError
from r2i.model import Dockerfile, Image, Notice, Options, Plan, Source
from r2i.naming import checked_reference, image_reference
from r2i.records import Record, fingerprint, remember, remembered

if TYPE_CHECKING:
    from r2i.host import HostSettings
    from r2i.sources.protocol import Revision

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """How to build, as chosen on the command line."""

    options: Options
    as_of: Asked | None = None
    engine: Literal["auto", "docker", "podman"]
    tags: tuple[str, ...]
    progress: Literal["auto", "rich", "plain", "json"]
    no_cache: bool
    ca_bundle: Path | None
    rescue: bool = False
    write: bool = False


def _remembered(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """From here on, whatever is said on stderr is said in that form."""
    for_programs.set(value == "json")
    return value


def build_options(function: Function) -> Function:
    """What `build` and `run` share beyond the options of the plan."""
    for decorate in (
        ca_bundle_option,
        click.option(
            "--write", is_flag=True, help="Write what `--rescue` found into the repository's files."
        ),
        click.option(
            "--rescue",
            is_flag=True,
            help="Where a step fails for a known cause, build again with the change that mends it.",
        ),
        click.option("--no-cache", is_flag=True, help="Build every layer anew."),
        click.option(
            "--progress",
            type=click.Choice(["auto", "rich", "plain", "json"]),
            default="auto",
            show_default=True,
            callback=_remembered,
            help="How the build is shown.",
        ),
        click.option("-t", "--tag", "tags", multiple=True, metavar="NAME", help="Name the image."),
        engine_option("What builds and runs."),
    ):
        function = decorate(function)
    return function


def settings_from(chosen: dict[str, Any]) -> BuildSettings:
    """The `BuildSettings` in what click collected for `plan_options` and `build_options`."""
    return BuildSettings(
        options=options_from(chosen),
        as_of=asked(chosen["as_of"]),
        engine=chosen["engine"],
        tags=tuple(checked_reference(tag) for tag in chosen["tags"]),
        progress=chosen["progress"],
        no_cache=chosen["no_cache"],
        ca_bundle=chosen["ca_bundle"],
        rescue=chosen["rescue"],
        write=chosen["write"],
    )


def build_if_needed(engine: Engine, source: Source, settings: BuildSettings, *, started: float) -> Image:
    """`started` is when the user began to wait."""
    if source.provider != "local":
        return _ensure_revision(engine, source, settings, started=started)
    with checked_out(source) as checkout:
        return build_directory(engine, source, checkout, settings, started=started)


def build_directory(
    engine: Engine, source: Source, checkout: Checkout, settings: BuildSettings, *, started: float
) -> Image:
    """The image of a directory of this machine, as the checkout has it."""
    settings = _dated(source, checkout, settings)
    tags = settings.tags or (image_reference(source, settings.options, revision=None),)
    return _ensure_directory(engine, source, checkout, settings, tags=tags, started=started)


def _ensure_revision(engine: Engine, source: Source, settings: BuildSettings, *, started: float) -> Image:
    """A revision never changes: an image that carries its name is the one that a build would make, on the same base."""
    from r2i.sources import resolve

    revision = resolve(source, environ=os.environ)
    source = revision.source  # of a link, only now is it known where the ref ends and the directory begins
    # A date that only the history tells is part of the name.
    if settings.as_of is None and (known := _known(engine, source, settings, revision)):
        _say_unchanged(known, started)
        return known
    with checked_out(source, revision) as checkout:
        settings = _dated(source, checkout, settings)
        if known := _known(engine, source, settings, revision):
            _say_unchanged(known, started)
            return known
        plan, dockerfile = _render(source, checkout, settings)
        reference = image_reference(source, settings.options, revision=revision.commit)
        # An image of pointers must not pass for the revision once `git-lfs` is there.
        name = reference if checkout.complete else f"{reference}-incomplete"
        tags = (*settings.tags, name)
        return _build_and_remember(
            engine, checkout, plan, dockerfile, settings=settings, tags=tags, name=name
        )


def _known(engine: Engine, source: Source, settings: BuildSettings, revision: Revision) -> Image | None:
    """The image that was built of a revision before."""
    if settings.no_cache or settings.tags:
        return None
    reference = image_reference(source, settings.options, revision=revision.commit)
    known = engine.find(reference)
    return None if known is None or _on_another_base(engine, _record(engine, reference)) else known


def _dated(source: Source, checkout: Checkout, settings: BuildSettings) -> BuildSettings:
    options = dated(settings.options, settings.as_of, checkout=checkout, source=source, note=note)
    return replace(settings, options=options, as_of=None)


def _ensure_directory(
    engine: Engine,
    source: Source,
    checkout: Checkout,
    settings: BuildSettings,
    *,
    tags: tuple[str, ...],
    started: float,
) -> Image:
    """A directory may have changed since it was built: its fingerprint tells."""
    plan, dockerfile = _render(source, checkout, settings)
    build_args = _build_args(plan, settings)
    settings_of_build = repr((sorted(build_args.items()), sorted(plan.labels.items())))
    state = fingerprint(checkout.root, dockerfile, settings_of_build)
    record = _record(engine, tags[0])
    if not settings.no_cache and record.get("fingerprint") == state and not _on_another_base(engine, record):
        found = [engine.find(tag) for tag in tags]
        if found[0] is not None and all(image and image.id == record.get("image") for image in found):
            _say_unchanged(found[0], started)
            return found[0]
    return _build_and_remember(
        engine, checkout, plan, dockerfile, settings=settings, tags=tags, name=tags[0], state=state
    )


def _build_and_remember(
    engine: Engine,
    checkout: Checkout,
    plan: Plan,
    dockerfile: Dockerfile,
    *,
    settings: BuildSettings,
    tags: tuple[str, ...],
    name: str,
    state: str = "",
) -> Image:
    before = {reference: engine.find(reference) for reference in _bases(plan, dockerfile)}
    base = before.get(plan.base.reference)
    image = _build(engine, checkout, plan, dockerfile, settings=settings, tags=tags, base=base)
    # A base that was not there may have been pulled.
    bases = {
        reference: base.id if (base := known or engine.find(reference)) else ""
        for reference, known in before.items()
    }
    remember(_records(), f"{engine.name} {name}", fingerprint=state, image=image.id, bases=bases)
    return image


def _record(engine: Engine, name: str) -> Record:
    return remembered(_records(), f"{engine.name} {name}")


def _records() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("r2i") / "images"


def _bases(plan: Plan, dockerfile: Dockerfile) -> list[str]:
    """The images that the build begins with."""
    if plan.dockerfile is None:
        return [plan.base.reference]
    from r2i.engines.instructions import stages

    return [stage.base for stage in stages(dockerfile.text) if not stage.inherits]


def _on_another_base(engine: Engine, record: Record) -> bool:
    """Whether a base image was pulled or made anew since that build."""
    return any(
        (found := engine.find(reference)) is not None and found.id != id_
        for reference, id_ in record.get("bases", {}).items()
    )


def _render(source: Source, checkout: Checkout, settings: BuildSettings) -> tuple[Plan, Dockerfile]:
    from r2i.planner import make_plan
    from r2i.render import render

    plan = make_plan(checkout, settings.options, source=source)
    return plan, render(plan, checkout)


def _build(
    engine: Engine,
    checkout: Checkout,
    plan: Plan,
    dockerfile: Dockerfile,
    *,
    settings: BuildSettings,
    tags: tuple[str, ...],
    base: Image | None,
) -> Image:
    from r2i.cli.progress import clean, progress
    from r2i.diagnosis.step import explained
    from r2i.host import host_script, mask

    show_warnings(plan.notices)
    host = host_script(os.environ, ca_bundle=settings.ca_bundle, home=Path.home())
    show_warnings(host.notices)
    request = BuildRequest(
        context=checkout.root,
        dockerfile=dockerfile,
        tags=tags,
        build_args=_build_args(plan, settings),
        proxies=_proxies(host, plan, dockerfile),
        labels=_base_labels(engine, plan, base) if plan.dockerfile is None else plan.labels,
        secrets={"host": host.script} if host.script else {},
        no_cache=settings.no_cache,
    )
    try:
        with progress(settings.progress, plan, dockerfile, credentials=host.credentials) as display:
            return engine.build(request, display.event)
    except BuildFailedError as error:
        log = tuple(clean(mask(line, credentials=host.credentials)) for line in error.log)
        raise explained(error, log, plan=plan, dockerfile=dockerfile) from error


def _build_args(plan: Plan, settings: BuildSettings) -> dict[str, str]:
    """The plan shows no value that the user gave: it may be a token."""
    given = settings.options.build_args
    return {name: given.get(name, value) for name, value in plan.build_args.items()}


def _proxies(host: HostSettings, plan: Plan, dockerfile: Dockerfile) -> dict[str, str]:
    """What the steps of a repository's own Dockerfile get of the host, which need not know of our secret."""
    if plan.dockerfile is None:
        return {}
    from r2i.engines.instructions import arguments

    given = {name.upper() for name in plan.build_args}
    proxies = {name: value for name, value in host.proxies.items() if name.upper() not in given}
    declared = {name: line for name, line in arguments(dockerfile.text).items() if name in proxies}
    for name, line in declared.items():
        message = f"the image's history would show the value of `ARG {name}`, so your proxy is not passed in it: pass `--build-arg {name}` if it may be seen"
        show_warnings([Notice(level="warning", message=message, file=plan.dockerfile, line=line)])
    return {name: value for name, value in proxies.items() if name not in declared}


def _base_labels(engine: Engine, plan: Plan, base: Image | None) -> dict[str, str]:
    """Which base image it was: `--base-image NAME@DIGEST` repeats the build.

    https://github.com/opencontainers/image-spec/blob/main/annotations.md
    """
    digest = (base.digest or base.id) if base else engine.digest(plan.base.reference)
    names = {"org.opencontainers.image.base.name": plan.base.reference}
    return names | ({"org.opencontainers.image.base.digest": digest} if digest else {})


def _say_unchanged(image: Image, started: float) -> None:
    note(f"Nothing has changed: {image.reference} is up to date ({time.monotonic() - started:.1f} s)")
