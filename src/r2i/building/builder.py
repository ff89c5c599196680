"""From a source to an image: fetch, plan, render, build; or find that it is there already."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from r2i.building.dated import dated
from r2i.building.listener import Listener, Silent
from r2i.building.metadata import Account, BuildTimes, check_place
from r2i.building.records import (
    Record,
    content_state,
    fingerprint,
    own_digest,
    remember,
    remembered,
    revision_state,
)
from r2i.building.requests import BASE_NAME, INPUTS, Work, build_args, build_request
from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.checkout.overlay import Overlay
from r2i.engines.naming import image_reference
from r2i.engines.protocol import Engine
from r2i.errors import BuildFailedError, R2iError, UsageError
from r2i.model import Dockerfile, Image, Plan, Source
from r2i.planning.plan_json import secret_digest
from r2i.planning.platforms import check_platforms

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
        settings = self._dated(source, checkout, settings)
        tags = settings.tags or (image_reference(source, settings.options, revision=None),)
        self.account.boundary = checkout.boundary
        # Only an image for others says what it was built from: that takes reading every file.
        for_others = settings.push or settings.reuse
        state = _directory_state(source, checkout, settings)
        states = {f"{state} for others"} if for_others else {state, f"{state} for others"}
        record = self._record(tags[0])
        if (
            not settings.builds_anyway
            and record.get("fingerprint") in states
            and not self._on_another_base(record)
        ):
            found = [self.engine.find(tag) for tag in tags]
            if found[0] is not None and all(image and image.id == record.get("image") for image in found):
                self.listener.unchanged(found[0])
                return found[0]
        plan, dockerfile = _rendered(source, checkout, settings)
        work = Work(source=source, checkout=checkout, plan=plan, dockerfile=dockerfile, tags=tags)
        if not for_others:
            return self._built(work, settings, name=tags[0], state=state)
        state = f"{state} for others"
        inputs = _content_inputs(checkout, plan, dockerfile, settings)
        if reused := self._reused(settings, inputs, name=tags[0], state=state):
            return reused
        return self._built(replace(work, labels={INPUTS: inputs}), settings, name=tags[0], state=state)

    def _revision(self, source: Source, settings: BuildSettings) -> Image:
        """A revision never changes: an image that carries its name is the one that a build would make, on the same base."""
        from r2i.sources import resolve

        revision = resolve(source, environ=self.environ, report=self.listener.note)
        # Only now is it known where the ref of a link ends, and which record a DOI leads to.
        source = revision.source
        self.account.begin(source)
        # A date that only the history tells is part of the name.
        if settings.as_of is None and (known := self._there(source, settings, revision)):
            return known
        with self._checked_out(source, revision) as checkout:
            if settings.as_of is not None:
                settings = self._dated(source, checkout, settings)
                if known := self._there(source, settings, revision):
                    return known
            plan, dockerfile = _rendered(source, checkout, settings)
            reference = image_reference(source, settings.options, revision=revision.content_id)
            # An image of pointers must not pass for the revision once `git-lfs` is there.
            name = reference if checkout.complete else f"{reference}-incomplete"
            tags = (*settings.tags, name)
            state = _revision_state(source, settings, revision)
            labels = {INPUTS: f"sha256:{state}"} if checkout.complete else {}
            work = Work(
                source=source, checkout=checkout, plan=plan, dockerfile=dockerfile, tags=tags, labels=labels
            )
            return self._built(work, settings, name=name, state=state)

    def _there(self, source: Source, settings: BuildSettings, revision: Revision) -> Image | None:
        """The image of a revision, where it need not be built: it is on this machine, or in the registry where that may be asked."""
        if known := self._known(source, settings, revision):
            self.listener.unchanged(known)
            return known
        state = _revision_state(source, settings, revision)
        reference = image_reference(source, settings.options, revision=revision.content_id)
        return self._reused(settings, f"sha256:{state}", name=reference, state=state)

    def _reused(self, settings: BuildSettings, inputs: str, *, name: str, state: str) -> Image | None:
        """The image that was built from the same and is in the registry of a tag, from now on under `name`, too."""
        if not settings.reuse or settings.no_cache or settings.delivered:
            return None
        found = self._registries(settings).find(inputs)
        if found is None:
            return None
        self.engine.tag(found.id, name)
        base = found.labels.get(BASE_NAME)
        here = self.engine.find(base) if base else None
        bases = {base: here.id} if base and here else {}
        remember(_records(), f"{self.engine.name} {name}", fingerprint=state, image=found.id, bases=bases)
        return found

    def prepare(self, settings: BuildSettings) -> None:
        """Raise what a push will be refused for, before anything is built for it."""
        if (settings.push or settings.reuse) and not settings.tags:
            raise UsageError(
                f"`{'--push' if settings.push else '--reuse'}` needs a name of the image in a registry",
                hint="Add `--tag REGISTRY/OWNER/NAME:TAG`",
            )
        if settings.push:
            self._registries(settings).check_push()

    def published(self, image: Image, settings: BuildSettings) -> Image:
        """The image, pushed where the settings say so; raise `TemporaryError` or `EngineError` where a registry refuses it."""
        return self._registries(settings).push(image) if settings.pushes_from_store else image

    def _registries(self, settings: BuildSettings) -> Registries:
        from r2i.building.registry import Registries

        return Registries(
            engine=self.engine,
            environ=self.environ,
            listener=self.listener,
            tags=settings.tags,
            platform=settings.platforms[0] if settings.platforms else self.engine.platform(),
        )

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
        """The image that was built of a revision before, under all its tags.

        Any image can have its name, so its id has to be on record.
        """
        if settings.builds_anyway:
            return None
        reference = image_reference(source, settings.options, revision=revision.content_id)
        record = self._record(reference)
        if record.get("fingerprint") != _revision_state(source, settings, revision):
            return None
        known = self.engine.find(reference)
        if known is None or known.id != record.get("image") or self._on_another_base(record):
            return None
        for tag in settings.tags:
            if (found := self.engine.find(tag)) is None or found.id != known.id:
                self.engine.tag(known.id, tag)
        return replace(known, reference=settings.tags[0]) if settings.tags else known

    def _built(self, work: Work, settings: BuildSettings, *, name: str, state: str) -> Image:
        check_platforms(work.plan, settings.platforms)
        if settings.metadata_file is not None:
            check_place(settings.metadata_file, work.checkout.boundary)
        before = {reference: self.engine.find(reference) for reference in _bases(work.plan, work.dockerfile)}
        ran = self._run(work, settings, base=before.get(work.plan.base.reference))
        self.account.plan, self.account.times = ran.plan, ran.times
        # Otherwise the next build tries again to download what the plan asks for.
        if ran.plan is work.plan and settings.stores:
            self._remember(ran.image, name=name, state=state, before=before)
        return ran.image

    def _remember(self, image: Image, *, name: str, state: str, before: Mapping[str, Image | None]) -> None:
        # A base that was not there may have been pulled.
        bases = {
            reference: base.id if (base := known or self.engine.find(reference)) else ""
            for reference, known in before.items()
        }
        remember(_records(), f"{self.engine.name} {name}", fingerprint=state, image=image.id, bases=bases)

    def _run(self, work: Work, settings: BuildSettings, *, base: Image | None) -> Ran:
        self.listener.warn(work.plan.notices)
        request, host, notices = build_request(
            self.engine, work, settings, environ=self.environ, home=self.home, base=base
        )
        self.listener.warn(notices)
        try:
            times = BuildTimes(plan=work.plan, dockerfile=work.dockerfile, credentials=host.credentials)
            with self.listener.steps(work.plan, work.dockerfile, credentials=host.credentials) as listen:
                image = self.engine.build(request, times.told(listen))
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

    def _record(self, name: str) -> Record:
        return remembered(_records(), f"{self.engine.name} {name}")

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
        source,
        settings.options,
        commit=str(revision.content_id),
        settings=repr((settings.trusted, settings.platforms)),
    )


def _content_inputs(checkout: Checkout, plan: Plan, dockerfile: Dockerfile, settings: BuildSettings) -> str:
    given = {name: secret_digest(value) for name, value in build_args(plan, settings).items()}
    chosen = json.dumps([settings.trusted, settings.options.build_network, given], sort_keys=True)
    return f"sha256:{content_state(checkout, plan, dockerfile, chosen)}"


def _directory_state(source: Source, checkout: Checkout, settings: BuildSettings) -> str:
    """Known without a plan: what is planned and rendered depends on nothing else."""
    hidden = sorted(checkout.files.items()) if isinstance(checkout, Overlay) else []
    options = [settings.trusted, settings.platforms, asdict(settings.options)]
    chosen = [own_digest(), source.subdirectory, *options, hidden]
    return fingerprint(checkout.root, json.dumps(chosen, sort_keys=True))


def _records() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("r2i") / "images"


def _bases(plan: Plan, dockerfile: Dockerfile) -> list[str]:
    """The images that the build begins with."""
    if plan.dockerfile is None:
        return [plan.base.reference]
    from r2i.formats.dockerfile import stages

    return [stage.base for stage in stages(dockerfile.text) if not stage.inherits]
