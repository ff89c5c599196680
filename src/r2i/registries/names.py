"""A name of an image in a registry, in its parts."""

from __future__ import annotations

from dataclasses import dataclass

from r2i.engines.naming import registry_and_path

#: The registry of names that name none, where it answers, and under which names it has logins.
HUB = "docker.io"
HUB_API = "registry-1.docker.io"
HUB_NAMES = frozenset({HUB, HUB_API, "index.docker.io"})


@dataclass(frozen=True, kw_only=True)
class ImageName:
    """`text` is what was typed; the rest is what it means."""

    text: str
    registry: str
    repository: str
    tag: str

    @property
    def api(self) -> str:
        return HUB_API if self.registry == HUB else self.registry

    @property
    def full(self) -> str:
        return f"{self.registry}/{self.repository}:{self.tag}"


def image_name(text: str) -> ImageName:
    """Without a registry it is one of Docker Hub, as Docker has it; without a tag it is `latest`."""
    registry, path = registry_and_path(text)
    repository, _, tag = path.partition(":")
    registry = canonical(registry or HUB)
    if registry == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return ImageName(text=text, registry=registry, repository=repository, tag=tag or "latest")


def canonical(registry: str) -> str:
    """The one name of a registry, of those by which settings call it: `https://index.docker.io/v1/` is `docker.io`."""
    host, slash, path = (
        registry.partition("://")[2].partition("/") if "://" in registry else registry.partition("/")
    )
    path = path.strip("/")
    host = HUB if host in HUB_NAMES else host
    return f"{host}/{path}" if slash and path not in {"", "v1", "v2"} else host
