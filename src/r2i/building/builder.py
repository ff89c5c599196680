"""From a source to an image: fetch, plan, render, build; or find that it is there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from r2i import __version__
from r2i.building.dated import dated
from r2i.building.listener import Listener, Silent
from r2i.building.records import Record, fingerprint, records, remember, remembered, revision_state
from r2i.building.requests import Work, build_args, build_request
from r2i.building.settings import BuildSettings
from r2i.building.turns import WaitedTooLongError, turn
from r2i.building.uses import note_use
from r2i.checkout import Checkout
from r2i.engines.naming import image_reference
from r2i.engines.protocol import Engine
from r2i.errors import BuildFailedError, R2iError, TemporaryError
from r2i.model import Dockerfile, Image, Plan, Source
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.sources.protocol import Revision


#: The layers that download a Python.
INTERPRETERS = frozenset({"interpreter", "conda_interpreter"})


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Builds with one engine, for a user with this environment and home, and tells a listener what happens."""

    engine: Engine
    environ: Mapping[str, str]
    home: Path
    listener: Listener = field(default_factory=Silent)

    def image(self, source: Source, settings: BuildSettings) -> Image:
        """The image of a source, built if needed.

        Raises `InvalidRepositoryError`, `NoBuildpackError` and `UsageError` as a plan does, `BuildFailedError` where a step
        fails, `EngineError` where there is no engine that can build.
        """
        if source.provider != "local":
            return self._revision(source, settings)
        with self._checked_out(source) as checkout:
            return self.directory(source, checkout, settings)

    def directory(self, source: Source, checkout: Checkout, settings: BuildSettings) -> Image:
        """The image of a directory of this machine, as the checkout has it: its fingerprint tells whether it changed."""
        settings = self._dated(source, checkout, settings)
        tags = settings.tags or (image_reference(source, settings.options, revision=None),)
        plan, dockerfile = _rendered(source, checkout, settings)
        work = Work(source=source, checkout=checkout, plan=plan, dockerfile=dockerfile, tags=tags)
        state = _directory_state(checkout, plan, dockerfile, settings)
        return self._once(
            source,
            settings,
            state=state,
            find=lambda: self._unchanged(tags, state),
            build=lambda bounded: self._built(work, bounded, name=tags[0], state=state),
        )

    def _unchanged(self, tags: Sequence[str], state: str) -> Image | None:
        """The image that was built of this state of a directory before, where it still has all its names."""
        record = self._record(tags[0])
        if record.get("fingerprint") != state or self._on_another_base(record):
            return None
        found = [self.engine.find(tag) for tag in tags]
        return found[0] if all(image and image.id == record.get("image") for image in found) else None

    def _revision(self, source: Source, settings: BuildSettings) -> Image:
        """A revision never changes: an image that carries its name is the one that a build would make, on the same base."""
        from r2i.sources import resolve

        revision = resolve(source, environ=self.environ, report=self.listener.note)
        # Only now is it known where the ref of a link ends, and which record a DOI leads to.
        source = revision.source

        def image(settings: BuildSettings, build: Callable[[BuildSettings], Image]) -> Image:
            return self._once(
                source,
                settings,
                state=_revision_state(source, settings, revision),
                find=lambda: self._known(source, settings, revision),
                build=build,
            )

        if settings.as_of is None:
            return image(settings, lambda bounded: self._fetched(source, bounded, revision))
        # A date that only the history tells is part of the name.
        with self._checked_out(source, revision) as checkout:
            settings = self._dated(source, checkout, settings)
            return image(settings, lambda bounded: self._of_checkout(source, checkout, bounded, revision))

    def _fetched(self, source: Source, settings: BuildSettings, revision: Revision) -> Image:
        with self._checked_out(source, revision) as checkout:
            return self._of_checkout(source, checkout, settings, revision)

    def _of_checkout(
        self, source: Source, checkout: Checkout, settings: BuildSettings, revision: Revision
    ) -> Image:
        plan, dockerfile = _rendered(source, checkout, settings)
        reference = image_reference(source, settings.options, revision=revision.content_id)
        # An image of pointers must not pass for the revision once `git-lfs` is there.
        name = reference if checkout.complete else f"{reference}-incomplete"
        tags = (*settings.tags, name)
        work = Work(source=source, checkout=checkout, plan=plan, dockerfile=dockerfile, tags=tags)
        return self._built(work, settings, name=name, state=_revision_state(source, settings, revision))

    def _once(
        self,
        source: Source,
        settings: BuildSettings,
        *,
        state: str,
        find: Callable[[], Image | None],
        build: Callable[[BuildSettings], Image],
    ) -> Image:
        """The image that is there, else the one that is built: by one r2i, where several want the same at the same time."""
        if settings.no_cache:
            image = build(settings)
        elif known := find():
            image = self._told(known)
        else:
            with self._turn(source, settings, state) as bounded:
                image = self._told(known) if (known := find()) else build(bounded)
        note_use(self.engine.name, image.id)
        return image

    def _told(self, image: Image) -> Image:
        self.listener.unchanged(image)
        return image

    @contextmanager
    def _turn(self, source: Source, settings: BuildSettings, state: str) -> Iterator[BuildSettings]:
        """Wait for other builds of the same; gives what is left of the time. Raises `TemporaryError` where nothing is."""
        what, bounds = f"`{printable(source.location)}`", settings.bounds

        def waiting(process: str) -> None:
            self.listener.note(f"Waiting for another build of {what} (process {process})")

        try:
            with turn(f"{self.engine.name} {state}", patience=bounds.timeout, waiting=waiting) as waited:
                yield replace(settings, bounds=replace(bounds, waited=waited))
        except WaitedTooLongError as error:
            raise TemporaryError(
                f"Another build of {what} (process {error}) takes longer than `{bounds.written('timeout')}`",
                hint="Try again, or raise the limit with `--build-timeout`",
            ) from error

    @contextmanager
    def _checked_out(self, source: Source, revision: Revision | None = None) -> Iterator[Checkout]:
        from r2i.sources import fetched

        told = self.listener.note
        with fetched(source, environ=self.environ, report=told, revision=revision) as checkout:
            yield checkout

    def _dated(self, source: Source, checkout: Checkout, settings: BuildSettings) -> BuildSettings:
        options = dated(
            settings.options,
            settings.as_of,
            checkout=checkout,
            source=source,
            environ=self.environ,
            note=self.listener.note,
        )
        return replace(settings, options=options, as_of=None)

    def _known(self, source: Source, settings: BuildSettings, revision: Revision) -> Image | None:
        """The image that was built of a revision before: any image can have its name, so its id has to be on record."""
        if settings.tags:
            return None
        reference = image_reference(source, settings.options, revision=revision.content_id)
        record = self._record(reference)
        if record.get("fingerprint") != _revision_state(source, settings, revision):
            return None
        known = self.engine.find(reference)
        if known is None or known.id != record.get("image") or self._on_another_base(record):
            return None
        return known

    def _built(self, work: Work, settings: BuildSettings, *, name: str, state: str) -> Image:
        before = {reference: self.engine.find(reference) for reference in _bases(work.plan, work.dockerfile)}
        image, plan = self._run(work, settings, base=before.get(work.plan.base.reference))
        if plan is not work.plan:
            return image  # the next build tries again to download what the plan asks for
        # A base that was not there may have been pulled.
        bases = {
            reference: base.id if (base := known or self.engine.find(reference)) else ""
            for reference, known in before.items()
        }
        remember(records(), f"{self.engine.name} {name}", fingerprint=state, image=image.id, bases=bases)
        return image

    def _run(self, work: Work, settings: BuildSettings, *, base: Image | None) -> tuple[Image, Plan]:
        """The image and the plan that it was built of."""
        self.listener.warn(work.plan.notices)
        request, host, notices = build_request(
            self.engine, work, settings, environ=self.environ, home=self.home, base=base
        )
        self.listener.warn(notices)
        try:
            with self.listener.steps(work.plan, work.dockerfile, credentials=host.credentials) as listen:
                return self.engine.build(request, listen), work.plan
        except BuildFailedError as error:
            own = replace(settings, options=replace(settings.options, own_python=True))
            if instead := _with_own_python(work, own, error):
                return self._run(instead, own, base=base)
            raise self._explained(error, work, settings, credentials=host.credentials) from error

    def _explained(
        self, error: BuildFailedError, work: Work, settings: BuildSettings, *, credentials: Sequence[str]
    ) -> R2iError:
        """Why the step failed, and what may be tried; loaded only then."""
        from r2i.building.other_pythons import with_other_pythons
        from r2i.building.proposals import is_possible
        from r2i.diagnosis.step import explained
        from r2i.host.addresses import mask
        from r2i.quoting import clean

        log = tuple(clean(mask(line, credentials=credentials)) for line in error.log)
        possible = partial(is_possible, work=work, options=settings.options, environ=self.environ)
        failure = explained(error, log, plan=work.plan, dockerfile=work.dockerfile, is_possible=possible)
        return with_other_pythons(failure, work.checkout, settings)

    def _record(self, name: str) -> Record:
        return remembered(records(), f"{self.engine.name} {name}")

    def _on_another_base(self, record: Record) -> bool:
        """Whether a base image was pulled or made anew since that build."""
        return any(
            (found := self.engine.find(reference)) is not None and found.id != id_
            for reference, id_ in record.get("bases", {}).items()
        )


def _rendered(source: Source, checkout: Checkout, settings: BuildSettings) -> tuple[Plan, Dockerfile]:
    from r2i.building.namespaces import own_namespace
    from r2i.planning.compose import make_plan
    from r2i.planning.render import render

    plan = make_plan(checkout, settings.options, source=source)
    return plan, render(plan, checkout, own=own_namespace(source))


def _with_own_python(work: Work, settings: BuildSettings, error: BuildFailedError) -> Work | None:
    """The same with the Python of the base image, where another one cannot be downloaded and no file names it."""
    line = error.dockerfile_line
    index = work.dockerfile.layer_lines.get(line) if line is not None else None
    if index is None or error.exceeded or work.plan.layers[index].template not in INTERPRETERS:
        return None
    plan, dockerfile = _rendered(work.source, work.checkout, settings)
    if plan.python is None or plan.python.provider != "base":
        return None
    return replace(work, plan=plan, dockerfile=dockerfile)


def _revision_state(source: Source, settings: BuildSettings, revision: Revision) -> str:
    return revision_state(
        source, settings.options, commit=str(revision.content_id), settings=str(settings.trusted)
    )


def _directory_state(checkout: Checkout, plan: Plan, dockerfile: Dockerfile, settings: BuildSettings) -> str:
    arguments = sorted(build_args(plan, settings).items())
    chosen = repr((__version__, settings.trusted, arguments, sorted(plan.labels.items())))
    if plan.dockerfile is not None and settings.options.build_network != "default":
        chosen += settings.options.build_network
    return fingerprint(checkout.root, dockerfile, chosen)


def _bases(plan: Plan, dockerfile: Dockerfile) -> list[str]:
    """The images that the build begins with."""
    if plan.dockerfile is None:
        return [plan.base.reference]
    from r2i.formats.dockerfile import stages

    return [stage.base for stage in stages(dockerfile.text) if not stage.inherits]
