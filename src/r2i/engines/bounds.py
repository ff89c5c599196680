"""How much a build may take: the values, how they are written, and the error of a build that went beyond one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r2i.errors import BuildFailedError, UsageError

BoundName: TypeAlias = Literal["timeout", "memory", "cpus", "processes", "image_size", "image_files"]

OPTIONS: Mapping[BoundName, str] = {
    "timeout": "--build-timeout",
    "memory": "--build-memory",
    "cpus": "--build-cpus",
    "processes": "--build-processes",
    "image_size": "--max-image-size",
    "image_files": "--max-image-files",
}

#: What is said of a step that went beyond a bound, or of the image.
EXCEEDED: Mapping[BoundName, str] = {
    "timeout": "The build took longer than {bound} and was stopped in {step}",
    "memory": "{step} needs more memory than {bound}",
    "cpus": "{step} needs more processors than {bound}",
    "processes": "{step} started more processes than {bound}",
    "image_size": "{step} wrote more than {bound}",
    "image_files": "{step} wrote more files than {bound}",
}

SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(?:([bkmgt])b?)?", re.IGNORECASE | re.ASCII)
DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd])", re.ASCII)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The most that a build may take: seconds as a whole, bytes of memory, processors and processes of each step,
    bytes of the image, and files that one step writes. What the defaults allow, no build that is meant well needs.
    `waited` are the seconds of the whole that have passed before the build begins.
    """

    timeout: float = 3600.0
    memory: int | None = None
    cpus: float | None = None
    processes: int = 8192
    image_size: int = 50 * 1024**3
    image_files: int = 1_000_000
    waited: float = 0.0

    def written(self, name: BoundName) -> str:
        """The option with its value, as one types it."""
        value = getattr(self, name)
        match name:
            case "timeout":
                text = written_duration(value)
            case "memory" | "image_size":
                text = written_size(value)
            case _:
                text = f"{value:g}" if isinstance(value, float) else str(value)
        return f"{OPTIONS[name]} {text}"


def size_from(text: str, *, option: str, least: int) -> int:
    """An amount in bytes, written like `512m` or `4g`. Raises `UsageError`, also for less than anything needs."""
    match = SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"`{option} {text}` is not a size", hint="Write it like `512m` or `4g`")
    amount = int(float(match[1]) * 1024 ** " kmgt".index((match[2] or "b").lower().replace("b", " ")))
    if amount < least:
        raise UsageError(f"`{option} {text}` is too small", hint=f"Use at least `{written_size(least)}`")
    return min(amount, 2**60)


def duration_from(text: str, *, option: str) -> float:
    """A time in seconds, written like `90s`, `45m`, `2h` or `30d`."""
    match = DURATION.fullmatch(text)
    if match is None or not (seconds := float(match[1]) * SECONDS[match[2]]):
        raise UsageError(
            f"`{option} {text}` is not a duration", hint="Write it like `90s`, `45m`, `2h` or `30d`"
        )
    return seconds


def written_size(amount: int) -> str:
    for power, unit in ((4, "t"), (3, "g"), (2, "m"), (1, "k")):
        if amount and amount % 1024**power == 0:
            return f"{amount // 1024**power}{unit}"
    return str(amount)


def written_duration(seconds: float) -> str:
    for unit in ("h", "m"):
        if seconds % SECONDS[unit] == 0 and (unit == "m" or seconds > SECONDS["h"]):
            return f"{seconds / SECONDS[unit]:g}{unit}"
    return f"{seconds:g}s"


def exceeded(
    name: BoundName, bounds: Bounds, *, step: str, line: int | None, log: tuple[str, ...] = ()
) -> BuildFailedError:
    """The error of a build that went beyond a bound, in the words of the option that changes it."""
    bound = f"`{bounds.written(name)}`"
    message = EXCEEDED[name].replace("{bound}", bound)
    if not step:
        message = f"The {'build took longer' if name == 'timeout' else 'image is larger'} than {bound}"
    return BuildFailedError(
        message.replace("{step}", f"`{step}`"),
        dockerfile_line=line,
        log=log,
        hint=f"Raise the limit with `{OPTIONS[name]}` if you trust the repository",
        exceeded=message,
    )
