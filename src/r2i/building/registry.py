"""Images that go to a registry, or come from there instead of being built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from r2i.building.listener import Listener
from r2i.building.requests import BASE_DIGEST, BASE_NAME, INPUTS
from r2i.engines.protocol import Engine, RegistryLogin, TransferError
from r2i.errors import R2iError, TemporaryError
from r2i.model import Image
from r2i.registries.client import RegistryClient, RemoteImage, UnreachedError
from r2i.registries.logins import login_for
from r2i.registries.names import ImageName, image_name
from r2i.registries.refusals import UNREACHED, refusal
from r2i.sources.web.patience import BusyError, Patience

#: An engine tries again what broke, but not what a server answers in a moment of trouble.
PUSHES = Patience(attempts=3, first=2.0)


@dataclass(frozen=True, kw_only=True)
class Registries:
    """The registries of the tags of one build."""

    engine: Engine
    environ: Mapping[str, str]
    listener: Listener
    tags: tuple[str, ...]
    platform: str

    def check_push(self) -> None:
        """Raise the error of a push that will be refused, before anything is built for it."""
        for name in {(each.registry, each.repository): each for each in self._names()}.values():
            try:
                self._client(name, doing="push").check_push()
            except UnreachedError as error:
                self.listener.note(f"{error}: whether the push is allowed cannot be checked before the build")

    def push(self, image: Image) -> Image:
        """The same image with the digest that the registry of the first tag has for it."""
        digests = []
        for name in self._names():
            digests.append(
                digest := PUSHES.insisting(partial(self._pushed, image, name), report=self.listener.note)
            )
            self.listener.pushed(name.text, digest)
        return replace(image, digest=digests[0])

    def built(self, build: Callable[[], Image]) -> Image:
        """The image of a build whose builder pushes it; where the registry is busy, it builds again, from its cache."""

        def once() -> Image:
            try:
                return build()
            except TransferError as error:
                there = image_name(error.name)
                name = next((name for name in self._names() if name.full == there.full), there)
                raise self._unpushed(name, self._login(name), error) from error

        return PUSHES.insisting(once, report=self.listener.note)

    def find(self, inputs: str) -> Image | None:
        """The image of a tag in its registry, pulled if it was built from the same; says why another one is not taken."""
        for name in self._names():
            try:
                found = self._client(name, doing="pull").image(self.platform)
            except UnreachedError as error:
                self.listener.note(f"{error}: its images cannot be reused")
                continue
            if found is None:
                self.listener.note(f"{name.text} is not in the registry for {self.platform}")
            elif reason := self._difference(found, inputs):
                self.listener.note(f"{name.text} in the registry is not reused: {reason}")
            elif image := self._pulled(name, found):
                return image
        return None

    def _difference(self, found: RemoteImage, inputs: str) -> str:
        if INPUTS not in found.labels:
            return "it does not say what it was built from"
        if found.labels[INPUTS] != inputs:
            revision = found.labels.get("org.opencontainers.image.revision")
            return "it was built from other files or options, or by another r2i" + (
                f" (its revision is {revision[:12]})" if revision else ""
            )
        if found.platform != self.platform:
            return f"it is for {found.platform}"
        base = found.labels.get(BASE_NAME)
        here = self.engine.find(base) if base else None
        if here is not None and found.labels.get(BASE_DIGEST) not in {here.digest, here.id}:
            return f"the base image {base} on this machine is another one"
        return ""

    def _pulled(self, name: ImageName, found: RemoteImage) -> Image | None:
        """The image itself: of an index, the engine would take the one for its own machine."""
        login = self._login(name)
        try:
            with self.listener.transfer(name.text, doing="pull") as listen:
                image = self.engine.pull(f"{name.registry}/{name.repository}@{found.digest}", login, listen)
        except TransferError as error:
            raise self._refusal(name, login, error.said, doing="pull") from error
        if image.platform != self.platform:
            self.listener.note(f"{name.text} in the registry is not reused: it is for {image.platform}")
            return None
        for tag in self.tags:
            self.engine.tag(image.id, tag)
        self.listener.note(f"Pulled {name.text}: it was built from the same")
        return replace(image, reference=self.tags[0], digest=found.tag)

    def _pushed(self, image: Image, name: ImageName) -> str:
        login = self._login(name)
        try:
            with self.listener.transfer(name.text, doing="push") as listen:
                return self.engine.push(image.id, name.full, login, listen)
        except TransferError as error:
            raise self._unpushed(name, login, error) from error

    def _unpushed(
        self, name: ImageName, login: RegistryLogin | None, error: TransferError
    ) -> R2iError | BusyError:
        failure = self._refusal(name, login, error.said, doing="push")
        if isinstance(failure, TemporaryError) and not error.retried and not UNREACHED.search(error.said):
            return BusyError(failure.message, hint=failure.hint)
        return failure

    def _names(self) -> Iterator[ImageName]:
        return (image_name(tag) for tag in self.tags)

    def _login(self, name: ImageName) -> RegistryLogin | None:
        return login_for(name, self.engine.name, self.environ)

    def _client(self, name: ImageName, *, doing: Literal["push", "pull"]) -> RegistryClient:
        login = self._login(name)
        return RegistryClient(
            name=name,
            login=login,
            environ=self.environ,
            refuse=lambda said: self._refusal(name, login, said, doing=doing),
            report=self.listener.note,
        )

    def _refusal(
        self, name: ImageName, login: RegistryLogin | None, said: str, *, doing: Literal["push", "pull"]
    ) -> R2iError:
        return refusal(said, name, engine=self.engine.name, login=login, doing=doing)
