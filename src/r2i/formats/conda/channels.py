"""The channels that an environment names, in their order, as names or addresses without credentials."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from r2i.formats.requirements.lines import Line, quoted
from r2i.model import Notice

#: Where channels are that have only a name: written out or not, it is the same channel.
CLOUD = ("https://conda.anaconda.org/", "https://anaconda.org/", "https://conda-static.anaconda.org/")

DEFAULT = "conda-forge"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*", re.ASCII)
TOKEN = re.compile(r"/t/[^/]+/")

#: A platform at the end, which conda takes away.
PLATFORM = re.compile(r"/(?:linux-(?:64|aarch64|ppc64le|32)|noarch)/?$")


def parse_channel(line: Line) -> str:
    """A channel as its name or address; raise `InvalidRepositoryError` for what a build cannot reach or must not see."""
    text = PLATFORM.sub("", line.text)
    for address in CLOUD:
        if text.startswith(address) and not text.startswith(f"{address}t/"):
            text = text.removeprefix(address).rstrip("/")
    if NAME.fullmatch(text) and ".." not in text:
        return text
    if text.startswith(("/", ".", "~", "file:")) or "\\" in text:
        raise line.error(
            f"{quoted(text)} is a local channel of the machine where the file was written",
            hint="Use a public channel, such as `conda-forge`",
        )
    try:
        split = urlsplit(text)
        valid = (
            split.scheme in ("http", "https") and bool(split.hostname) and not (split.query or split.fragment)
        )
        secret = split.username is not None or TOKEN.search(f"{split.path}/") is not None
    except ValueError:
        valid = secret = False
    if secret:
        raise line.error(
            f"The channel {quoted(re.sub(r'/t/[^/]+', '/t/…', text))} contains a password that everybody can read",
            hint="Write only the channel name, and configure its address and password on the build machine"
            " (`custom_channels` of `.condarc`)",
        )
    if not valid or not re.fullmatch(r"[A-Za-z0-9._~:/%+\[\]-]+", text, re.ASCII):
        raise line.error(
            f"{quoted(text)} is not a channel",
            hint="Write its name, such as `conda-forge`, or an `https://` address",
        )
    return text.rstrip("/")


def complete(channels: tuple[str, ...], line: Line | None) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """Do as conda does with its own configuration: `conda-forge` is there, too, unless `nodefaults` says no."""
    named = tuple(dict.fromkeys(name for name in channels if name != "nodefaults"))
    notices = []
    if "defaults" in named and line is not None:
        notices.append(
            line.info(
                "`defaults` refers to the Anaconda channels, whose terms of service limit use by companies"
            )
        )
    if not named:
        return (DEFAULT,), tuple(notices)
    if DEFAULT in named or "nodefaults" in channels:
        return named, tuple(notices)
    if line is not None:
        notices.append(
            line.info(
                f"`{DEFAULT}` is added as the last channel, as on Binder; list `nodefaults` to prevent this"
            )
        )
    return (*named, DEFAULT), tuple(notices)
