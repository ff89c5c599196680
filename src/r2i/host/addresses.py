"""Addresses of indexes and proxies: which containers reach, and what of them is a credential."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from r2i.host.condarc import DEFAULT_CHANNELS
from r2i.host.readers import read_netrc, warning
from r2i.host.variables import (
    ADDITIONAL,
    ADDRESSES,
    CHANNEL,
    INDEX_CREDENTIALS,
    MIN_CREDENTIAL,
    PROXIES,
    SEPARATORS,
    TOKEN,
)
from r2i.model import Notice


def mask(text: str, *, credentials: Iterable[str] = ()) -> str:
    """Blot out the credentials of addresses in a text, and the given ones wherever they stand."""
    for credential in credentials:
        text = text.replace(credential, "***")
    return re.sub(r"(?<=://)[^\s/]*@", "***@", text)


def reachable(exports: Mapping[str, str], notices: list[Notice]) -> dict[str, str]:
    """Leave out the addresses that mean something on this machine only."""
    result = dict(exports)
    for name, value in exports.items():
        if name.upper() in PROXIES:
            if is_loopback(_host(value)):
                del result[name]
                if name.isupper():
                    notices.append(_loopback_proxy(name, value))
        elif name in ADDRESSES:
            separator = SEPARATORS.get(name)
            parts = [part for part in value.split(separator) if part.strip()]
            is_channel = CHANNEL.fullmatch if name == DEFAULT_CHANNELS else lambda _: None
            kept = [part for part in parts if is_channel(part) or not _is_local(unnamed(part.strip()))]
            if kept != parts:
                notices.append(_unreachable(name, [part for part in parts if part not in kept]))
            if not kept:
                del result[name]
            elif kept != parts:
                result[name] = (separator or " ").join(kept)
    return result


def _is_local(address: str) -> bool:
    split = _split(address)
    return split is None or split.scheme not in ("http", "https") or is_loopback(split.hostname or "")


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _host(address: str) -> str:
    """The host of an address; a proxy may be written without its scheme."""
    split = _split(address if "://" in address else f"http://{address}")
    return (split.hostname or "") if split else ""


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None


def unnamed(index: str) -> str:
    """uv's `name=https://…` without the name."""
    return re.sub(r"^[\w./-]+=", "", index)


def _hosts(exports: Mapping[str, str]) -> Iterator[str]:
    for name in ADDRESSES:
        for part in exports.get(name, "").split(SEPARATORS.get(name)):
            yield _host(unnamed(part.strip()))


def credentials(exports: Mapping[str, str]) -> Iterator[str]:
    """Passwords, and user names that stand alone as tokens do; as they are written and as they are meant."""
    for name, value in exports.items():
        if INDEX_CREDENTIALS.fullmatch(name) and name.endswith("_PASSWORD"):
            yield from _long_enough(value)
        elif name.upper() in PROXIES or name in ADDRESSES:
            for found in re.finditer(r"(?:^|://|[\s,=])([^\s/]*)@", value):
                user, colon, password = found[1].rpartition("://")[2].partition(":")
                yield from _long_enough(password if colon else user)
            yield from (token for found in TOKEN.finditer(value) for token in _long_enough(found[1]))


def without_credentials(name: str, value: str) -> str:
    if name.upper() in PROXIES:  # perhaps written without its scheme, and with anything in its password
        return re.sub(r"^([\w+.-]+://)?.*@", r"\1", value)
    if name not in ADDRESSES:
        return value
    return TOKEN.sub("/", re.sub(r"(?:(?<=://)|^)[^\s/]*@", "", value))


def _long_enough(credential: str) -> Iterator[str]:
    yield from (text for text in (credential, unquote(credential)) if len(text) >= MIN_CREDENTIAL)


def with_logins(
    exports: Mapping[str, str], environ: Mapping[str, str], home: Path, notices: list[Notice]
) -> dict[str, str]:
    """Put the credentials of `netrc`, and those of an index's name, into the addresses that they are for.

    So they belong to an address of this machine's settings and to nothing else: neither to a name that a repository may give to
    an address of its own, nor to another scheme or port of the same host.
    """
    netrc = read_netrc(environ, home, set(_hosts(exports)), notices)
    result = dict(exports)
    for name in ADDRESSES:
        if name in exports:
            separator = SEPARATORS.get(name)
            parts = [part.strip() for part in exports[name].split(separator)]
            result[name] = (separator or " ").join(_with_login(part, netrc, environ) for part in parts)
    return result


def _with_login(part: str, netrc: Mapping[str, tuple[str, str]], environ: Mapping[str, str]) -> str:
    address = unnamed(part)
    split = _split(address)
    if split is None or not split.hostname or "@" in split.netloc:
        return part
    label = part.removesuffix(address)
    variable = login_variable(label.removesuffix("="))
    named = (environ.get(f"{variable}_USERNAME", ""), environ.get(f"{variable}_PASSWORD", ""))
    login = named if label and any(named) else netrc.get(split.hostname)
    if login is None:
        return part
    userinfo = ":".join(quote(word, safe="") for word in login)
    return f"{label}{split._replace(netloc=f'{userinfo}@{split.netloc}').geturl()}"


def login_variable(index: str) -> str:
    """How the variables with the credentials of an index begin
    (https://docs.astral.sh/uv/concepts/indexes/#providing-credentials-directly)."""
    return f"UV_INDEX_{re.sub('[^A-Z0-9]', '_', index.upper())}"


def _shown(address: str) -> str:
    """An address as a message may show it; one without a scheme has its credentials at the start."""
    address = TOKEN.sub("/t/***/", address)
    return mask(address) if "://" in address else re.sub(r"^\S*@", "***@", address)


def _loopback_proxy(name: str, value: str) -> Notice:
    return warning(
        f"The proxy `{_shown(value)}` of `{name}` listens only on this machine, so build steps cannot use it: "
        f"make it listen on an address that containers can reach (`host.docker.internal`, `172.17.0.1`) and use that"
    )


def _unreachable(name: str, addresses: list[str]) -> Notice:
    shown = ", ".join(f"`{_shown(address)}`" for address in addresses)
    level: Literal["info", "warning"] = "info" if name in ADDITIONAL else "warning"
    message = f"Build steps cannot use {shown} of `{name}`, which is reachable only from this machine"
    return Notice(level=level, message=message)
