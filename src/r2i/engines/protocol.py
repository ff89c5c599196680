"""What an engine does for r2i: the contract that Docker and Podman fulfil."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

from r2i.engines import EngineName
from r2i.engines.bounds import BoundName, Bounds
from r2i.engines.layer_cache import LayerCache
from r2i.engines.outputs import Output
from r2i.model import Dockerfile, Image


@dataclass(frozen=True, kw_only=True)
class RegistryLogin:
    """What a registry takes: a name and a password, or a token. `origin` is where it was found, for messages."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    origin: str = ""

    @property
    def encoded(self) -> str:
        """The name and the password as HTTP and files of logins have them."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, kw_only=True)
class StageBase:
    """What a stage begins with. `platform` is empty where it is the machine's own, `line` is that of the `FROM`."""

    reference: str
    platform: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All that an engine may fetch for a Dockerfile; what its base images ask for with `ONBUILD` is no exception.

    `images` are names, `hosts` are those of `ADD`. `check` raises `InvalidRepositoryError` for a base image that was
    just pulled and whose `ONBUILD` instructions would fetch anything else.
    """

    bases: tuple[StageBase, ...]
    images: frozenset[str]
    hosts: frozenset[str]
    check: Callable[[StageBase, Image], None]


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """One build: `context` is the checkout as it lies; `secrets` are contents by id, which leave no trace.

    `proxies` are predefined build arguments, for a Dockerfile that reads no secret; they leave none, either.
    `cache_namespace` keeps all caches that the Dockerfile names apart from those of other namespaces, `layer_namespace` all layers: what a
    step made with its own caches is not for a step of the same words with others.
    Without `network`, no step has one. `sources` is None where the engine may fetch anything. `registry_settings` replace the
    engine's own file of logins (`config.json`, `auth.json`) if there are any. `arguments` are words of the user for the
    build command of the engine.
    Without `platforms`, the image is for the machine that builds it. Without `outputs`, it comes into the local store.
    """

    context: Path
    dockerfile: Dockerfile
    tags: tuple[str, ...]
    build_args: Mapping[str, str] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    no_cache: bool = False
    cache_namespace: str = ""
    layer_namespace: str = ""
    network: bool = True
    sources: Sources | None = None
    registry_settings: str = ""
    bounds: Bounds = field(default_factory=Bounds)
    platforms: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    cache_from: tuple[LayerCache, ...] = ()
    cache_to: tuple[LayerCache, ...] = ()
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepEvent:
    """Something that happened to one step of a build.

    `step` identifies the step, `line` is where its instruction begins in the Dockerfile (None for the engine's own
    steps: loading the context, exporting), `text` is what the engine calls it. `output` is one line that the step
    printed, with state `output` only; `seconds` is how long it took, with `done` and `failed`.
    """

    step: str
    state: Literal["started", "output", "cached", "done", "failed"]
    text: str
    line: int | None = None
    output: str = ""
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class TransferEvent:
    """Something that happened to one layer on its way to or from a registry.

    `layer` is the beginning of its digest. `present` says that it was there already; `text` is what the engine says of it.
    `current` and `total` are bytes, 0 where the engine does not tell.
    """

    layer: str
    state: Literal["waiting", "running", "present", "done"]
    text: str
    current: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port of the container made reachable at `host:host_port` (None: any free port)."""

    container_port: int
    host_port: int | None = None
    host: str = "127.0.0.1"
    protocol: Literal["tcp", "udp"] = "tcp"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A directory or file of the host, absolute, seen in the container at `target`, absolute."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class File:
    """A text that everybody in the container can read, at `path`, absolute, in a directory that the image has.

    It is written into the container and not mounted: the engine may be on another machine.
    """

    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """One container. An empty `command` runs the image's own. Without `network`, it has only its own loopback.

    `beside` is the id of a container whose network it shares. `bare`, it runs without the image's entrypoint.
    `user` is `UID:GID`, or what an engine makes of another text, and `groups` are those that it is in besides.
    `memory` is the most that it may use, in bytes; without it, a large share of what the engine's machine has.
    """

    image: str
    command: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    publish_all: bool = False
    network: bool = True
    beside: str | None = None
    bare: bool = False
    mounts: tuple[Mount, ...] = ()
    files: tuple[File, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    groups: tuple[int, ...] = ()
    memory: int | None = None
    cpus: float | None = None
    gpus: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HistoryStep:
    """How one layer was made, and when; empty where the instruction wrote no file."""

    created: str
    instruction: str
    size: int


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image of the local store; without `references` where a newer build has taken its names.

    `history` begins with the lowest layer. `in_use`: a container was made from it, whether it runs or not. `created` is
    in seconds since 1970.
    """

    id: str
    references: tuple[str, ...]
    size: int
    created: float
    labels: Mapping[str, str]
    history: tuple[HistoryStep, ...]
    in_use: bool

    @cached_property
    def layers(self) -> Mapping[str, int]:
        """The sizes of the layers that are not empty; images that share a layer have the same key for it.

        No engine gives the size of a layer by its digest. What was made at the same moment by the same instruction upon
        the same layers is the same layer.
        """
        layers, below = {}, ""
        for step in self.history:
            if step.size:
                below = sha256(repr((below, step)).encode()).hexdigest()
                layers[below] = step.size
        return layers


class Container(Protocol):
    """A started container; gone when the context that gave it is left."""

    @property
    def id(self) -> str: ...

    def address(self, port: int) -> tuple[str, int] | None:
        """Where a published TCP port of the container is reached; None while the engine does not say."""

    def output(self) -> Iterator[bytes]:
        """What it writes, byte for byte, from the start, until it ends."""

    def logs(self) -> Iterator[str]:
        """The same as text, by lines."""

    def running(self) -> bool: ...

    def wait(self) -> int:
        """Wait for its end and give its exit status."""

    def out_of_memory(self) -> bool:
        """Whether the system ended it, or a process of it, for the memory that it used."""

    def stop(self) -> None:
        """SIGTERM, then after ten seconds SIGKILL."""


class TransferError(Exception):
    """An image did not get to a registry, or from there. `said` are the engine's words, `retried` that it has tried again itself;
    `name` is which one of several it was.

    Who knows the registry makes an error for the user of it.
    """

    def __init__(self, said: str, *, retried: bool = False, name: str = "") -> None:
        super().__init__(said)
        self.said, self.retried, self.name = said, retried, name


def pulled(image: Image | None, name: str) -> Image:
    """What was pulled; raise `TransferError` where it is not in the store."""
    if image is None:
        raise TransferError(f"`{name}` was pulled and is not there")
    return image


class Engine(Protocol):
    @property
    def name(self) -> EngineName: ...

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        """Build an image; raise `BuildFailedError` where a step failed and `EngineError` where the engine did.

        An image that did not come into the local store has the name, the id and the digest that the builder tells, and
        no name at all where it is in the cache of the builder only.
        """

    def find(self, reference: str) -> Image | None:
        """The image in the local store, or None."""

    def stored(self, label: str | None = None) -> tuple[StoredImage, ...]:
        """All images of the local store, or those that have a label of this name."""

    def remove(self, image: StoredImage) -> None:
        """Remove an image with its names, those excepted that another image has by now; one that is gone is no error.

        Raises `EngineError`, also where a container uses it.
        """

    def digest(self, reference: str) -> str | None:
        """The digest that a registry has for an image which is not here; None where nothing tells before a build."""

    def platform(self) -> str:
        """Of the images that it builds and pulls if nobody says another (`linux/amd64`)."""

    def tag(self, image: str, reference: str) -> None:
        """Give an image of the local store one more name."""

    def push(
        self, image: str, name: str, login: RegistryLogin | None, listen: Callable[[TransferEvent], None]
    ) -> str:
        """Push an image of the store, which has this name, too, and give the digest that it has there; `name` has its registry and its tag.

        Raises `TransferError` where it is refused or breaks off: then the registry has no such tag, or has it as before.
        """

    def pull(self, name: str, login: RegistryLogin | None, listen: Callable[[TransferEvent], None]) -> Image:
        """Pull an image, named with its registry and its digest; raise `TransferError` where that fails."""

    def texts(self, reference: str, paths: Sequence[str]) -> tuple[str, ...]:
        """Small files of an image, without running anything of it; empty for what is no file, or too large."""

    def processors(self) -> int:
        """How many the machine has on which the containers run."""

    def memory(self) -> int:
        """How many bytes that machine has."""

    def unbounded(self) -> Mapping[BoundName, str]:
        """The bounds of a build that this engine cannot keep here, each with the reason."""

    def start(self, request: RunRequest) -> AbstractContextManager[Container]:
        """Start a container without capabilities and new privileges; it is always stopped and removed at the end."""
