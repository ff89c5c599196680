"""Who is told what happens during a build."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

from r2i.engines.protocol import StepEvent, TransferEvent
from r2i.errors import R2iError
from r2i.model import Change, Dockerfile, Image, Notice, Plan


class Listener(Protocol):
    def note(self, message: str) -> None:
        """A sentence about what is going on."""

    def warn(self, notices: Iterable[Notice]) -> None:
        """What may surprise; also notices of level `info`, which need not be shown."""

    def unchanged(self, image: Image) -> None:
        """There is an image already of what a build would make."""

    def steps(
        self, plan: Plan, dockerfile: Dockerfile, *, credentials: Sequence[str]
    ) -> AbstractContextManager[Callable[[StepEvent], None]]:
        """A build begins, whose steps are told to what this gives; no output may show `credentials`."""

    def transfer(
        self, name: str, *, doing: Literal["push", "pull"]
    ) -> AbstractContextManager[Callable[[TransferEvent], None]]:
        """An image begins its way to or from a registry, whose layers are told to what this gives."""

    def pushed(self, name: str, digest: str) -> None:
        """The registry has the image under this name."""

    def trying(self, failure: R2iError, change: Change, *, attempt: int) -> None:
        """A failed build is tried again with a change."""

    def refused(self, error: R2iError) -> None:
        """The last change could not even be tried."""

    def nothing_helped(self, tried: Sequence[Change]) -> None:
        """No change mended the build."""


class Silent:
    """A listener for those who only want the image."""

    def note(self, message: str) -> None: ...

    def warn(self, notices: Iterable[Notice]) -> None: ...

    def unchanged(self, image: Image) -> None: ...

    @contextmanager
    def steps(
        self, plan: Plan, dockerfile: Dockerfile, *, credentials: Sequence[str]
    ) -> Iterator[Callable[[StepEvent], None]]:
        yield lambda _: None

    @contextmanager
    def transfer(
        self, name: str, *, doing: Literal["push", "pull"]
    ) -> Iterator[Callable[[TransferEvent], None]]:
        yield lambda _: None

    def pushed(self, name: str, digest: str) -> None: ...

    def trying(self, failure: R2iError, change: Change, *, attempt: int) -> None: ...

    def refused(self, error: R2iError) -> None: ...

    def nothing_helped(self, tried: Sequence[Change]) -> None: ...
