"""How r2i itself reaches a server from this machine: through which proxy, and which certificates it trusts."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from r2i.errors import UsageError
from r2i.host.certificates import CA_SOURCES, certificates, read_bundle
from r2i.host.readers import read_netrc


def proxy_of(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that this machine names for an address, None where it is reached directly."""
    split = urlsplit(url)
    names = (f"{split.scheme}_proxy", "all_proxy")
    found = next((value for name in names if (value := _either(name, environ))), None)
    if found is None or _excepted(split.hostname or "", split.port, _either("no_proxy", environ) or ""):
        return None
    return found if "://" in found else f"http://{found}"


def trusted(environ: Mapping[str, str], *, system: Path = Path("/")) -> ssl.SSLContext:
    """What proves who a server is: the bundle that the environment names and nothing else, as curl and git have it.

    Where it names none: the public authorities, and what the administrator added to the store of the system. Raises
    `UsageError` where a bundle cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name in (*CA_SOURCES, "SSL_CERT_DIR"):
        path = Path(environ.get(name) or "/dev/null")
        if path.is_file():
            return _with(context, certificates(path, name), name)
        if path.is_dir():
            context.load_verify_locations(capath=str(path))
            return context
    import certifi

    context.load_verify_locations(cafile=certifi.where())
    added = read_bundle({}, {}, None, system, [])
    return _with(context, added, "the system's store") if added else context


def login_of(host: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Name and password that `netrc` has for a host by its name; its `default` is for nobody."""
    home = Path(environ.get("HOME") or "/nonexistent")
    return read_netrc(environ, home, {host}, []).get(host)


def _with(context: ssl.SSLContext, bundle: str, name: str) -> ssl.SSLContext:
    try:
        context.load_verify_locations(cadata=bundle)
    except ssl.SSLError as error:
        raise UsageError(
            f"The CA bundle of `{name}` has an invalid certificate",
            hint="Use a file with certificates in PEM format",
        ) from error
    return context


def _either(name: str, environ: Mapping[str, str]) -> str | None:
    """In lower case first: what curl and Python do."""
    return environ.get(name) or environ.get(name.upper()) or None


def _excepted(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether `NO_PROXY` names a host: itself, its domain, its address or a network of addresses, or everything."""
    for entry in (part.strip().lower() for part in no_proxy.split(",")):
        name, _, number = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
        if number and number != str(port):
            continue
        name = name.removeprefix("*.").lstrip(".").strip("[]")
        if entry == "*" or (name and (host == name or host.endswith(f".{name}") or _within(host, name))):
            return True
    return False


def _within(host: str, network: str) -> bool:
    try:
        return "/" in network and ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
