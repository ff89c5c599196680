"""How far an answer may lead: never further into the network of this machine than the address that was typed."""

from __future__ import annotations

import re
import socket
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urljoin, urlsplit

from r2i.errors import FetchError
from r2i.sources.typed import shown

#: Signed addresses of object stores are long.
LONGEST_URL = 16_384

NAT64 = IPv6Network("64:ff9b::/96")


class Zone(IntEnum):
    """Where an address lies: in the internet, in a private network, or on this machine and its link."""

    PUBLIC = 0
    PRIVATE = 1
    MACHINE = 2


def zone_of(address: str) -> Zone:
    """The zone of an IP address, also of an IPv4 address within one of IPv6."""
    ip = _inner(ip_address(address.partition("%")[0]))
    if ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast:
        return Zone.MACHINE
    return Zone.PUBLIC if ip.is_global else Zone.PRIVATE


def zone_of_name(host: str) -> Zone:
    """The zone of a host that somebody else looks up (a proxy): all that its name tells."""
    if host == "localhost" or host.endswith(".localhost"):
        return Zone.MACHINE
    try:
        return zone_of(host)
    except ValueError:
        pass
    if re.fullmatch(r"[0-9a-fx.]+", host, re.IGNORECASE):
        try:  # `127.1`, `0x7f000001`
            return zone_of(socket.inet_ntoa(socket.inet_aton(host)))
        except OSError:
            pass
    return Zone.PUBLIC


def refuse_inward(host: str, zone: Zone, *, typed: Zone) -> None:
    """Raise `FetchError` for an address that lies further inside than the one that was typed."""
    if zone <= typed:
        return
    where = "this machine" if zone is Zone.MACHINE else "a private network"
    raise FetchError(
        f"A public server leads to `{host}`, which is an address of {where}"
        if typed is Zone.PUBLIC
        else f"A server of a private network leads to `{host}`, which is an address of {where}",
        hint="If you trust that server, pass its own URL as SOURCE",
    )


def checked_url(url: str) -> SplitResult:
    """An address that is asked: `http` or `https`, with a host and without credentials; else raise `FetchError`."""
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        split, port = SplitResult("", "", "", "", ""), None
    valid = split.scheme in ("http", "https") and split.hostname and port != 0
    if not valid or len(url) > LONGEST_URL or any(not c.isprintable() or c == " " for c in url):
        raise FetchError(
            f"`{shown(url)}` is not a supported URL", hint="r2i downloads from `https://` and `http://`"
        )
    if "@" in split.netloc:
        split = split._replace(netloc=split.netloc.rpartition("@")[2])
    return split


def followed(url: str, location: str) -> str:
    """Where a redirect leads. From `https` it leads to `https`: what is read cannot be changed on its way."""
    try:
        target = urljoin(url, location.strip())
    except ValueError:
        target = location
    before, after = urlsplit(url), checked_url(target)
    if before.scheme == "https" and after.scheme == "http":
        if after.port not in (None, 80):
            raise FetchError(
                f"`{shown(url)}` redirects to `{shown(target)}`, which is not encrypted",
                hint="Pass that URL as SOURCE if you trust the network",
            )
        # Many DOIs were registered with the `http` address of a site that has long had another.
        host = after.hostname or ""
        after = after._replace(scheme="https", netloc=f"[{host}]" if ":" in host else host)
    return after._replace(fragment="").geturl()


def origin(url: str) -> tuple[str, str, int | None]:
    """What a credential is bound to: scheme, host and port."""
    split = urlsplit(url)
    return split.scheme, (split.hostname or "").rstrip("."), split.port


def _inner(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)
