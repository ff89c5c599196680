"""From a source to an image: fetch, plan, render, build; or find that it is there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from r2i.building.dated import dated
from r2i.building.found_again import FoundAgain, content_inputs, directory_state, state_of_revision
from r2i.building.listener import Listener, Silent
from r2i.building.metadata import OPTION, Account, BuildTimes
from r2i.building.requests import INPUTS, Work, build_request
from r2i.building.settings import BuildSettings
from r2i.building.turns import WaitedTooLongError, turn
from r2i.building.uses import note_use
from r2i.checkout import Checkout
from r2i.edits.outputs import file_destination
from r2i.engines.naming import image_reference
from r2i.engines.outputs import Output
from r2i.engines.protocol import Engine
from r2i.errors import BuildFailedError, R2iError, TemporaryError, UsageError
from r2i.model import Dockerfile, Image, Plan, Source
from r2i.planning.platforms import check_platforms
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.building.registry import Registries
    from r2i.sources.protocol import Revision


#: The layers that download a Python.
INTERPRETERS = frozenset({"interpreter", "conda_interpreter"})


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a build gave: the image, the plan that it was built of, and how long each layer took."""

    image: Image
    plan: Plan
    times: BuildTimes


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Builds with one engine, for a user with this environment and home, and tells a listener what happens.

    `account` is what the last build was.
    """

    engine: Engine
    environ: Mapping[str, str]
    home: Path
    listener: Listener = field(default_factory=Silent)
    account: Account = field(default_factory=Account)

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
        self.account.begin(source)
        self.account.boundary = checkout.boundary
        settings = self._dated(source, checkout, settings)
        tags = settings.tags or (image_reference(source, settings.options, revision=None),)
        state = directory_state(source, checkout, settings)
        # Only an image for others says what it was built from: that takes reading every file.
        of_others = f"{state} for others"
        fitting = {of_others} if settings.for_others else {state, of_others}

        def build(bounded: BuildSettings) -> Image:
            plan, dockerfile = _rendered(source, checkout, bounded)
            work = Work(source=source, checkout=checkout, plan=plan, dockerfile=dockerfile, tags=tags)
            if not bounded.for_others:
                return self._built(work, bounded, name=tags[0], state=state)
            inputs = content_inputs(checkout, plan, dockerfile, bounded)
            if reused := self._reused(bounded, inputs, name=tags[0], state=of_others):
                return reused
            return self._built(replace(work, labels={INPUTS: inputs}), bounded, name=tags[0], state=of_others)

        return self._once(
            source, settings, state=state, find=lambda: self.found_again.unchanged(tags, fitting), build=build
        )

    def _revision(self, source: Source, settings: BuildSettings) -> Image:
        """A revision never changes: an image that carries its name is the one that a build would make, on the same base."""
        from r2i.sources import resolve

        revision = resolve(source, environ=self.environ, report=self.listener.note)
        # Only now is it known where the ref of a link ends, and which record a DOI leads to.
        source = revision.source
        self.account.begin(source)
        if settings.as_of is None:
            return self._of_revision(source, revision, settings, None)
        # A date that only the history tells is part of the name.
        with self._checked_out(source, revision) as checkout:
            return self._of_revision(source, revision, self._dated(source, checkout, settings), checkout)

    def _of_revision(
        self, source: Source, revision: Revision, settings: BuildSettings, checkout: Checkout | None
    ) -> Image:
        """The image of a revision; where it has to be built and there is no checkout, it is fetched."""
        state = state_of_revision(source, settings, revision)
        # One label is for all images of an index, each of which says its platform itself.
        inputs = f"sha256:{state_of_revision(source, replace(settings, platforms=()), revision)}"
        reference = image_reference(source, settings.options, revision=revision.content_id)

        def build(bounded: BuildSettings) -> Image:
            if reused := self._reused(bounded, inputs, name=reference, state=state):
                return reused
            with nullcontext(checkout) if checkout else self._checked_out(source, revision) as there:
                plan, dockerfile = _rendered(source, there, bounded)
                # An image of pointers must not pass for the revision once `git-lfs` is there.
                name = reference if there.complete else f"{reference}-incomplete"
                # Our own name is for the local store: a builder would push it to Docker Hub, and an archive would bring it elsewhere.
                here = not bounded.tags or (bounded.stores and not bounded.pushed_by_builder)
                work = Work(
                    source=source,
                    checkout=there,
                    plan=plan,
                    dockerfile=dockerfile,
                    tags=(*bounded.tags, name) if here else bounded.tags,
                    labels={INPUTS: inputs} if there.complete else {},
                )
                return self._built(work, bounded, name=name, state=state)

        find = partial(self.found_again.of_revision, reference, state, settings.tags)
        return self._once(source, settings, state=state, find=find, build=build)

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
        if settings.builds_anyway:
            image = build(settings)
        elif known := find():
            image = self._told(known)
        else:
            with self._turn(source, settings, state) as bounded:
                image = self._told(known) if (known := find()) else build(bounded)
        if image.id and (settings.stores or self.engine.find(image.id)):
            note_use(self.engine.name, image.id)
        return image

    def _told(self, image: Image) -> Image:
        self.listener.unchanged(image)
        return replace(image, digest=None)

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

    def _reused(self, settings: BuildSettings, inputs: str, *, name: str, state: str) -> Image | None:
        """The image that was built from the same and is in the registry of a tag, from now on under `name`, too."""
        # A cache elsewhere was written when the image was built; of the engine's arguments, its labels do not tell.
        if not settings.reuse or settings.no_cache or settings.delivered or settings.engine_arguments:
            return None
        if len(settings.platforms) > 1:
            return None
        found = self._registries(settings).find(inputs)
        if found is not None:
            self.engine.tag(found.id, name)
            self.found_again.remember_pulled(found, name=name, state=state)
        return found

    def prepare(self, settings: BuildSettings) -> None:
        """Raise what a push will be refused for, before anything is built for it."""
        if settings.for_others and not settings.tags:
            raise UsageError(
                f"`{'--push' if settings.push else '--reuse'}` needs a name of the image in a registry",
                hint="Add `--tag REGISTRY/OWNER/NAME:TAG`",
            )
        if settings.push and Output(kind="none") in settings.outputs:
            raise UsageError(
                "`--push` conflicts with `--output none`, which leaves no image",
                hint="Remove one of them",
            )
        if settings.push or settings.pushed_by_builder:
            self._registries(settings).check_push()

    def published(self, image: Image, settings: BuildSettings) -> Image:
        """The image, pushed where the settings say so; raise `TemporaryError` or `EngineError` where a registry refuses it."""
        if settings.pushes_from_store:
            return self._registries(settings).push(image)
        if settings.pushed_by_builder:
            for tag in settings.tags:
                self.listener.pushed(tag, image.digest or "")
        return image

    def _registries(self, settings: BuildSettings) -> Registries:
        from r2i.building.registry import Registries

        return Registries(
            engine=self.engine,
            environ=self.environ,
            listener=self.listener,
            tags=settings.tags,
            platform=settings.platforms[0] if settings.platforms else self.engine.platform(),
        )

    @property
    def found_again(self) -> FoundAgain:
        return FoundAgain(self.engine)

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

    def _built(self, work: Work, settings: BuildSettings, *, name: str, state: str) -> Image:
        check_platforms(work.plan, settings.platforms)
        if settings.metadata_file is not None:
            file_destination(OPTION, settings.metadata_file, boundary=work.checkout.boundary)
        before = {reference: self.engine.find(reference) for reference in _bases(work.plan, work.dockerfile)}
        ran = self._run(work, settings, base=before.get(work.plan.base.reference))
        self.account.plan, self.account.times = ran.plan, ran.times
        if settings.stores and name not in work.tags:
            self.engine.tag(ran.image.id, name)
        # Otherwise the next build tries again to download what the plan asks for.
        if ran.plan is work.plan and settings.stores:
            self.found_again.remember(ran.image, name=name, state=state, before=before)
        return ran.image

    def _run(self, work: Work, settings: BuildSettings, *, base: Image | None) -> Ran:
        self.listener.warn(work.plan.notices)
        request, host, notices = build_request(
            self.engine, work, settings, environ=self.environ, home=self.home, base=base
        )
        self.listener.warn(notices)
        try:
            times = BuildTimes(plan=work.plan, dockerfile=work.dockerfile, credentials=host.credentials)

            def build() -> Image:
                with self.listener.steps(work.plan, work.dockerfile, credentials=host.credentials) as listen:
                    return self.engine.build(request, times.told(listen))

            # An engine may have a digest for what it never pushed.
            image = (
                self._registries(settings).built(build)
                if settings.pushed_by_builder
                else replace(build(), digest=None)
            )
            return Ran(image=image, plan=work.plan, times=times)
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


def _bases(plan: Plan, dockerfile: Dockerfile) -> list[str]:
    """The images that the build begins with."""
    if plan.dockerfile is None:
        return [plan.base.reference]
    from r2i.formats.dockerfile import stages

    return [stage.base for stage in stages(dockerfile.text) if not stage.inherits]
