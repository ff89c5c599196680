"""Names of platforms, as `docker build --platform` takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from r2i.errors import UsageError

#: Other names of architectures (https://github.com/containerd/platforms, `normalizeArch`).
SAME = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "amd64/v1": "amd64",
    "arm64/v8": "arm64",
    "i386": "386",
    "arm": "arm/v7",
}

PLATFORM = re.compile(
    r"linux/(?:amd64(?:/v[2-4])?|arm64|arm/v[5-7]|386|ppc64le|s390x|riscv64|mips64le|loong64)"
)


def platforms_from(texts: Iterable[str]) -> tuple[str, ...]:
    """Each once, in the order given, as `linux/arm64`; values may list several with commas."""
    words = [word.strip() for text in texts for word in text.split(",")]
    return tuple(dict.fromkeys(_platform(word) for word in words))


def platform_name(system: str, architecture: str, variant: str = "") -> str:
    """The one name of a platform, of those by which images and engines call it."""
    machine = f"{architecture}/{variant}" if variant else architecture
    return f"{system}/{SAME.get(machine, machine)}"


def _platform(word: str) -> str:
    system, slash, machine = word.lower().partition("/")
    if not slash:
        system, machine = "linux", system
    platform = platform_name(system, machine)
    if not PLATFORM.fullmatch(platform):
        raise UsageError(
            f"`--platform {word}` is not a platform of Linux images", hint="Write it like `linux/arm64`"
        )
    return platform
