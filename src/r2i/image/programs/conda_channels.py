"""Where conda channels are, who is asked with which credentials, and what a log may show of both.

A part of `conda_fetch.py`, which knows where py-rattler lies. Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from typing import Any, Mapping, Sequence
from urllib.parse import unquote, urlsplit

import rattler

from environment import CLOUD
from words import says

#: What `defaults` stands for, unless the host's `default_channels` say otherwise.
ANACONDA = "https://repo.anaconda.com/pkgs/"
DEFAULTS = (f"{ANACONDA}main", f"{ANACONDA}r")

#: What to do when the network says something (`words.ini`).
ADVICE = (
    (
        ("certificate",),
        "If the network uses its own certificate, pass it with `--ca-bundle`.",
    ),
    (("forbidden",), "Configure credentials in `netrc` or in the conda configuration of the build machine."),
    (("missing",), "Is the name of the channel right? Does it have packages for this platform?"),
    (
        ("unreachable", "not-sent"),
        "If the channel cannot be reached, set `CONDA_CHANNEL_ALIAS` to a mirror, or `HTTPS_PROXY` to a proxy.",
    ),
)


def channels_of(name: str) -> list[rattler.Channel]:
    """The channels that a name stands for. Where they are really fetched from is the client's business."""
    if name == "defaults":
        own = [f"{ANACONDA}{last_part(given)}" if "://" in given else given for given in own_defaults()]
        return [channel for given in own or DEFAULTS for channel in channels_of(given)]
    return [rattler.Channel(name if "://" in name else f"{CLOUD}{name}")]


def own_defaults() -> list[str]:
    return [given.rstrip("/") for given in os.environ.get("R2I_CONDA_DEFAULT_CHANNELS", "").split()]


def last_part(address: str) -> str:
    return address.rsplit("/", 1)[-1]


def mirrors() -> dict[str, str]:
    """Where the host says that channels are: no package's record in the image then names a machine of its network."""
    custom = dict(word.split("=", 1) for word in os.environ.get("R2I_CONDA_CUSTOM_CHANNELS", "").split())
    found = {f"{CLOUD}{name}/": f"{base.rstrip('/')}/{name}/" for name, base in custom.items()}
    found.update(
        {f"{ANACONDA}{last_part(given)}/": f"{given}/" for given in own_defaults() if "://" in given}
    )
    alias = os.environ.get("CONDA_CHANNEL_ALIAS")
    return {**found, **({CLOUD: f"{alias.rstrip('/')}/"} if alias else {})}


def client_of(mirrors: Mapping[str, str], named: Sequence[str]) -> rattler.Client:
    """rattler takes credentials from a file and not from addresses: from one in memory, until it has read it.

    It knows them by the name of a host alone: where a channel has another scheme or port there, nobody gets them.
    """
    logins = {}
    places = {place_of(address) for address in named if "://" in address}
    for address in mirrors.values():
        split = urlsplit(address)
        others = {place for place in places if place[0] == split.hostname and place != place_of(address)}
        if split.username and not others:
            login = {"username": unquote(split.username), "password": unquote(split.password or "")}
            logins[split.hostname] = {"BasicHTTP": login}
    plain = {name: [re.sub("(?<=://)[^/]*@", "", address)] for name, address in mirrors.items()}
    if not logins:
        return client_through(plain)
    with tempfile.NamedTemporaryFile("w", dir="/dev/shm", suffix=".json") as file:
        json.dump(logins, file)
        file.flush()
        os.environ["RATTLER_AUTH_FILE"] = file.name
        client = client_through(plain)
    del os.environ["RATTLER_AUTH_FILE"]
    return client


def place_of(address: str) -> tuple[str | None, str, int | None]:
    split = urlsplit(address)
    return split.hostname, split.scheme, split.port


def client_through(mirrors: dict[str, list[str]]) -> rattler.Client:
    middlewares: list[Any] = [
        rattler.networking.MirrorMiddleware(mirrors),
        rattler.networking.RetryMiddleware(3),
        rattler.networking.AuthenticationMiddleware(),
    ]
    return rattler.Client(middlewares if mirrors else middlewares[1:], user_agent="r2i")


def unreachable(error: Exception) -> str:
    """What the network said, and what may help."""
    said = re.sub(r"/t/[^/\s]+/", "/t/***/", re.sub(r"(?<=://)[^/\s]*@", "***@", str(error)))
    advice = next((words for entries, words in ADVICE if says(said, *entries)), "")
    return f"packages cannot be downloaded.\n{said}\n{advice}".rstrip()


def masked(channel: rattler.Channel) -> str:
    """A channel as a log may show it: its name, or its address without credentials."""
    address = re.sub(r"/t/[^/]+/", "/", re.sub("(?<=://)[^/]*@", "", channel.base_url)).rstrip("/")
    return address.replace(CLOUD, "")
