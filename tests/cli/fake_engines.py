"""What the engines of tests without a machine have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from r2i.engines.bounds import BoundName
from r2i.engines.protocol import Container, RegistryLogin, RunRequest, StoredImage, TransferEvent
from r2i.model import Image


class OnlyBuilds:
    """The part of an engine that a build does not ask for: who asks has left what the test is about."""

    def processors(self) -> int:
        raise NotImplementedError(
            "only a container with a limit of its own asks: `run --cpus`, `check --execute`"
        )

    def memory(self) -> int:
        raise NotImplementedError("only `check --execute` asks: how many notebooks run at once")

    def texts(self, reference: str, paths: Sequence[str]) -> tuple[str, ...]:
        raise NotImplementedError("only what runs a container asks: whose it is")

    def stored(self, label: str | None = None) -> tuple[StoredImage, ...]:
        raise NotImplementedError("only `images` and `prune` ask")

    def remove(self, image: StoredImage) -> None:
        raise NotImplementedError("only `prune` removes")

    def unbounded(self) -> Mapping[BoundName, str]:
        return {}

    def platform(self) -> str:
        raise NotImplementedError("only `--reuse` asks")

    def tag(self, image: str, reference: str) -> None:
        raise NotImplementedError("only an image that is there gets another name")

    def push(
        self, image: str, name: str, login: RegistryLogin | None, listen: Callable[[TransferEvent], None]
    ) -> str:
        raise NotImplementedError("nothing is pushed here")

    def pull(self, name: str, login: RegistryLogin | None, listen: Callable[[TransferEvent], None]) -> Image:
        raise NotImplementedError("nothing is pulled here")

    def start(self, request: RunRequest) -> AbstractContextManager[Container]:
        raise NotImplementedError("what is built here is never run")
