"""What this machine needs to reach the network, as one shell script that build steps source.

The script travels as a build secret and writes its files to `/dev/shm`, which is a tmpfs of the one step:
proxies, certificates, package indexes and their credentials work, and nothing of them stays in the image.
A container that runs gets such a script, too, without any credentials.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from string import Template
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from r2i.condarc import CUSTOM_CHANNELS, DEFAULT_CHANNELS, condarc_files, of_condarc, of_variables
from r2i.errors import UsageError
from r2i.model import Notice

#: The id of the secret: `RUN --mount=type=secret,id=host,mode=0444 …`.
SECRET = "host"  # noqa: S105 - a name, not a secret

#: BuildKit refuses secrets of more than 500 KiB (measured: 512,000 bytes pass); some room for its own.
MAX_SCRIPT_BYTES = 490_000

#: Variables with addresses, separated by white space or (see `SEPARATORS`) commas.
ADDRESSES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_PYTHON_INSTALL_MIRROR",
    "UV_PYPY_INSTALL_MIRROR",
    "UV_PYTHON_DOWNLOADS_JSON_URL",
    "CONDA_CHANNEL_ALIAS",
    DEFAULT_CHANNELS,
    CUSTOM_CHANNELS,
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
    "JULIA_PKG_SERVER",
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

#: What every engine knows without an `ARG`, and leaves out of the image's history and the keys of its cache.
PREDEFINED = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

PLAIN = (
    "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_TIMEOUT",
    "PIP_RETRIES",
    "UV_INDEX_STRATEGY",
    "UV_INSECURE_HOST",
    "UV_HTTP_TIMEOUT",
    "UV_REQUEST_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "CONDA_REMOTE_CONNECT_TIMEOUT_SECS",
    "CONDA_REMOTE_READ_TIMEOUT_SECS",
)

#: A channel by its name alone.
CHANNEL = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*")

#: How channels of conda have a token in their address.
TOKEN = re.compile(r"/t/([^/\s]+)/")

INDEX_CREDENTIALS = re.compile(r"UV_INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD)")
SEPARATORS = {"UV_FIND_LINKS": ","}

#: Addresses beside the main one: to lose them surprises nobody who named a directory of this machine.
ADDITIONAL = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")

#: The variables that name a CA bundle, the first one that is set counts; and those that build steps get.
CA_SOURCES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
CA_TARGETS = (*CA_SOURCES, "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "JULIA_SSL_CA_ROOTS_PATH")

#: Where an administrator adds certificates to the system's store (Debian's and Fedora's place).
CA_DIRECTORIES = ("usr/local/share/ca-certificates", "etc/pki/ca-trust/source/anchors")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")

#: Client certificates are files with private keys: they stay on the host.
CLIENT_CERTIFICATES = ("PIP_CLIENT_CERT", "SSL_CLIENT_CERT")

#: pip's options and uv's settings that matter, by the variable which says the same.
PIP_OPTIONS = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "find-links": "PIP_FIND_LINKS",
    "trusted-host": "PIP_TRUSTED_HOST",
    "timeout": "PIP_DEFAULT_TIMEOUT",
    "default-timeout": "PIP_DEFAULT_TIMEOUT",
    "retries": "PIP_RETRIES",
    "proxy": "PIP_PROXY",
    "cert": "PIP_CERT",
}
UV_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "index-strategy": "UV_INDEX_STRATEGY",
    "allow-insecure-host": "UV_INSECURE_HOST",
    "python-install-mirror": "UV_PYTHON_INSTALL_MIRROR",
    "pypy-install-mirror": "UV_PYPY_INSTALL_MIRROR",
    "python-downloads-json-url": "UV_PYTHON_DOWNLOADS_JSON_URL",
    "native-tls": "UV_NATIVE_TLS",
    "system-certs": "UV_SYSTEM_CERTS",
}

#: Shorter ones would blot out innocent words of a log.
MIN_CREDENTIAL = 6


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    """`script` is empty where there is nothing to pass; `credentials` are what no log may show.

    `proxies` are in the script, too, and here for steps that do not read it.
    """

    script: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    credentials: tuple[str, ...] = ()


def host_script(
    environ: Mapping[str, str], *, ca_bundle: Path | None, home: Path, system: Path = Path("/")
) -> HostSettings:
    """Read the host's settings; `system` is where `etc` lies.

    Raise `UsageError` where a CA bundle cannot be read, or is too large to be passed.
    """
    notices: list[Notice] = []
    environ = _encodable(environ, notices)
    exports, bundle = _gather(environ, ca_bundle, home, system, notices)
    netrc, passwords = _read_netrc(environ, home, set(_hosts(exports)), notices)
    notices += [
        _warning(f"The client certificate of `{name}` does not reach build steps: its key stays here")
        for name in CLIENT_CERTIFICATES
        if environ.get(name)
    ]
    script = compose(exports, ca=bundle, netrc=netrc)
    _check_size(script)
    return HostSettings(
        script=script,
        proxies={name: value for name, value in exports.items() if name.upper() in PREDEFINED},
        notices=tuple(notices),
        credentials=tuple(sorted({*_credentials(exports), *passwords}, key=lambda text: (-len(text), text))),
    )


def container_script(
    environ: Mapping[str, str],
    *,
    ca_bundle: Path | None,
    home: Path,
    given: Collection[str] = (),
    system: Path = Path("/"),
) -> str:
    """The script for a container that runs code of a repository: certificates and addresses, and no credentials.

    The variables in `given` are set by the user, which counts before what the host has.
    """
    exports, bundle = _gather(_encodable(environ, []), ca_bundle, home, system, [])
    public = {
        name: _without_credentials(name, value)
        for name, value in exports.items()
        if not INDEX_CREDENTIALS.fullmatch(name)
    }
    script = compose(public, ca=bundle, given=given)
    _check_size(script)
    return script


def _gather(
    environ: Mapping[str, str], ca_bundle: Path | None, home: Path, system: Path, notices: list[Notice]
) -> tuple[dict[str, str], str]:
    """The variables, still with their credentials, and the certificates."""
    pip = _read_pip(environ, home, system, notices)
    conda = _read_conda(environ, home, system, notices)
    exports = _pick(environ, {**conda, **pip}, _read_uv(environ, home, system, notices))
    exports = _bridge(_reachable(exports, notices))
    named = {"cert` of `pip.conf": pip.get("PIP_CERT"), "ssl_verify` of conda": conda.get("CONDA_SSL_VERIFY")}
    return exports, _read_bundle(environ, named, ca_bundle, system, notices)


def _check_size(script: str) -> None:
    if len(script.encode()) > MAX_SCRIPT_BYTES:
        raise UsageError(
            f"The host's certificates and settings are {len(script.encode()) // 1000} kB, more than the "
            f"{MAX_SCRIPT_BYTES // 1000} kB that can be passed to a build step",
            hint="Name a file with only the certificates of your network with `--ca-bundle`",
        )


def compose(exports: Mapping[str, str], *, ca: str = "", netrc: str = "", given: Collection[str] = ()) -> str:
    """Write the script: POSIX sh, fit for `set -eu`, for any user, and for being sourced twice.

    It does not set what is `given`, in whatever case: there are proxies in both.
    """
    exports = {name: value for name, value in exports.items() if "\0" not in value}
    contents = {"ca.pem": ca, "netrc": netrc}
    digest = sha256(repr((sorted(exports.items()), contents)).encode()).hexdigest()[:16]
    directory = f"/dev/shm/r2i-{digest}"  # noqa: S108 - in the container, and a name of its own content
    variables, commands = dict(exports), []
    if ca:
        variables |= dict.fromkeys(CA_TARGETS, f"{directory}/ca.pem")
        variables |= {"APT_CONFIG": f"{directory}/apt.conf", "WGETRC": f"{directory}/wgetrc"}
        # Added to the image's own, not in their place: a bundle may hold a network's certificate only.
        own = "/etc/ssl/certs/ca-certificates.crt"
        both = f"{{ printf '%s' {shlex.quote(ca)}; [ ! -r {own} ] || cat {own}; }}"
        commands += [
            f"{both} >| {directory}/ca.pem",
            f"echo 'Acquire::https::CAInfo \"{directory}/ca.pem\";' >| {directory}/apt.conf",
            f"echo 'ca_certificate = {directory}/ca.pem' >| {directory}/wgetrc",
        ]
    if netrc:
        variables["NETRC"] = f"{directory}/netrc"
        commands += ["umask 077", f"printf '%s' {shlex.quote(netrc)} >| {directory}/netrc"]
    if commands:
        steps = " &&\n  ".join(["umask 022", f"mkdir -p {directory}", *commands])
        commands = [f"[ -d {directory} ] || (\n  {steps}\n)"]
    hidden = {name.upper() for name in given}
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in sorted(variables.items())
        if name.upper() not in hidden
    ]
    return "".join(f"{line}\n" for line in (*commands, *lines))


def mask(text: str, *, credentials: Iterable[str] = ()) -> str:
    """Blot out the credentials of addresses in a text, and the given ones wherever they stand."""
    for credential in credentials:
        text = text.replace(credential, "***")
    return re.sub(r"(?<=://)[^\s/]*@", "***@", text)


def _pick(environ: Mapping[str, str], files: Mapping[str, str], uv: Mapping[str, str]) -> dict[str, str]:
    """What may pass, an allowlist: the environment counts before the files, as for pip and uv themselves."""
    if "UV_INDEX_URL" in environ:
        uv = {name: value for name, value in uv.items() if name != "UV_DEFAULT_INDEX"}
    merged = {**files, **uv, **{name: value for name, value in environ.items() if value}}
    chosen = {
        name: value
        for name, value in merged.items()
        if name in ADDRESSES or name in PLAIN or INDEX_CREDENTIALS.fullmatch(name)
    }
    # curl and apt read some proxies in lower case only, Python and Go take both.
    for name in (*PROXIES, "NO_PROXY"):
        value = environ.get(name) or environ.get(name.lower()) or files.get(name)
        if value:
            chosen[name] = value
            chosen[name.lower()] = environ.get(name.lower()) or value
    if not any(name in chosen for name in PROXIES) and merged.get("PIP_PROXY"):
        names = [name for proxy in PROXIES[:2] for name in (proxy, proxy.lower())]
        chosen |= dict.fromkeys(names, merged["PIP_PROXY"])
    return chosen


def _bridge(exports: Mapping[str, str]) -> dict[str, str]:
    """Say to uv what is said to pip only, and to pip what is said to uv only: neither reads the other's."""
    result = dict(exports)
    pip, uv = exports.get("PIP_INDEX_URL"), exports.get("UV_DEFAULT_INDEX") or exports.get("UV_INDEX_URL")
    if pip and not uv:
        result["UV_DEFAULT_INDEX"] = pip
    if uv and not pip:
        result["PIP_INDEX_URL"] = _unnamed(uv)
    more_uv = [a for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL") for a in exports.get(name, "").split()]
    more_pip = exports.get("PIP_EXTRA_INDEX_URL", "").split()
    if more_pip and not more_uv:
        # pip takes the best version of all indexes, uv the first index that has the name at all.
        result = {"UV_INDEX_STRATEGY": "unsafe-best-match", **result, "UV_INDEX": " ".join(more_pip)}
    if more_uv and not more_pip:
        result["PIP_EXTRA_INDEX_URL"] = " ".join(map(_unnamed, more_uv))
    if links := exports.get("PIP_FIND_LINKS"):
        result.setdefault("UV_FIND_LINKS", ",".join(links.split()))
    if hosts := exports.get("PIP_TRUSTED_HOST"):
        result.setdefault("UV_INSECURE_HOST", " ".join(hosts.split()))
    seconds = exports.get("PIP_DEFAULT_TIMEOUT") or exports.get("PIP_TIMEOUT") or ""
    if seconds.isascii() and seconds.isdecimal():  # uv stops at anything else
        result.setdefault("UV_HTTP_TIMEOUT", seconds)
    return result


def _reachable(exports: Mapping[str, str], notices: list[Notice]) -> dict[str, str]:
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
            kept = [part for part in parts if is_channel(part) or not _is_local(_unnamed(part.strip()))]
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


def _unnamed(index: str) -> str:
    """uv's `name=https://…` without the name."""
    return re.sub(r"^[\w./-]+=", "", index)


def _hosts(exports: Mapping[str, str]) -> Iterator[str]:
    for name in ADDRESSES:
        for part in exports.get(name, "").split(SEPARATORS.get(name)):
            yield _host(_unnamed(part.strip()))


def _credentials(exports: Mapping[str, str]) -> Iterator[str]:
    """Passwords, and user names that stand alone as tokens do; as they are written and as they are meant."""
    for name, value in exports.items():
        if INDEX_CREDENTIALS.fullmatch(name) and name.endswith("_PASSWORD"):
            yield from _long_enough(value)
        elif name.upper() in PROXIES or name in ADDRESSES:
            for found in re.finditer(r"(?:^|://|[\s,=])([^\s/]*)@", value):
                user, colon, password = found[1].rpartition("://")[2].partition(":")
                yield from _long_enough(password if colon else user)
            yield from (token for found in TOKEN.finditer(value) for token in _long_enough(found[1]))


def _without_credentials(name: str, value: str) -> str:
    if name.upper() not in PROXIES and name not in ADDRESSES:
        return value
    # A proxy may be written without its scheme.
    return TOKEN.sub("/", re.sub(r"(?:(?<=://)|^)[^\s/]*@", "", value))


def _long_enough(credential: str) -> Iterator[str]:
    yield from (text for text in (credential, unquote(credential)) if len(text) >= MIN_CREDENTIAL)


def _encodable(environ: Mapping[str, str], notices: list[Notice]) -> dict[str, str]:
    """Without the values that are no text: a script could not hold them."""
    result = {}
    for name, value in environ.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            if name in ADDRESSES or name in PLAIN or name.upper() in (*PROXIES, "NO_PROXY"):
                notices.append(_warning(f"`{name}` is not UTF-8 text and does not reach build steps"))
        else:
            result[name] = value
    return result


def _read_bundle(
    environ: Mapping[str, str],
    files: Mapping[str, str | None],
    ca_bundle: Path | None,
    system: Path,
    notices: list[Notice],
) -> str:
    """The certificates to trust: the named bundle, else what the administrator added to the system's."""
    if ca_bundle is not None:
        return certificates(ca_bundle, "--ca-bundle")
    named = [(name, environ[name]) for name in CA_SOURCES if environ.get(name)]
    named += [(name, value) for name, value in files.items() if value]
    for name, value in named:
        path = Path(value)
        if path.is_file():
            return certificates(path, name)
        notices.append(_warning(f"`{name}` names `{path}`, which is not a file: left out of build steps"))
    if environ.get("SSL_CERT_DIR"):
        notices.append(
            _warning("`SSL_CERT_DIR` does not reach build steps: name one file with `--ca-bundle`")
        )
    added = [path for name in CA_DIRECTORIES for path in sorted((system / name).rglob("*")) if path.is_file()]
    blocks = [block for path in added for block in _blocks(_read(path, notices))]
    return "".join(dict.fromkeys(blocks))


def certificates(path: Path, name: str) -> str:
    """The certificates of a bundle and nothing else of it: comments, repetitions, and certainly no key."""
    hint = "Name a readable file with certificates in PEM format"
    try:
        text = path.read_bytes().decode("ascii", errors="replace")
    except OSError as error:
        raise UsageError(
            f"The CA bundle `{path}` of `{name}` cannot be read: {error.strerror}", hint=hint
        ) from error
    blocks = _blocks(text)
    if not blocks:
        raise UsageError(f"The CA bundle `{path}` of `{name}` has no certificate in PEM format", hint=hint)
    return "".join(dict.fromkeys(blocks))


def _blocks(text: str) -> list[str]:
    bodies = ["\n".join(found[1].split()) for found in CERTIFICATE.finditer(text)]
    return [f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n" for body in bodies]


def _read_pip(environ: Mapping[str, str], home: Path, system: Path, notices: list[Notice]) -> dict[str, str]:
    """pip's configuration as variables: later files and pip's section `install` count before the others."""
    import configparser

    named = environ.get("PIP_CONFIG_FILE")
    if named == "/dev/null":  # pip's way to say: no configuration at all
        return {}
    files = [
        *(Path(path) / "pip/pip.conf" for path in environ.get("XDG_CONFIG_DIRS", "").split(":") if path),
        system / "etc/xdg/pip/pip.conf",
        system / "etc/pip.conf",
        home / ".pip/pip.conf",
        home / "Library/Application Support/pip/pip.conf",
        _config_home(environ, home) / "pip/pip.conf",
        *([Path(environ["VIRTUAL_ENV"]) / "pip.conf"] if environ.get("VIRTUAL_ENV") else []),
        *([Path(named)] if named else []),
    ]
    result: dict[str, str] = {}
    for section in ("global", "install"):
        for path in (path for path in files if path.is_file()):
            parser = configparser.RawConfigParser()
            try:
                parser.read_string(_read(path, notices))
            except configparser.Error:
                notices.append(
                    _warning(f"`{path}` is not a valid configuration file: left out of build steps")
                )
                continue
            items = parser.items(section) if parser.has_section(section) else []
            options = ((name.lower().lstrip("-").replace("_", "-"), value) for name, value in items)
            result |= {PIP_OPTIONS[name]: _joined(value) for name, value in options if name in PIP_OPTIONS}
    if result.get("PIP_CERT", "").startswith("~/"):
        result["PIP_CERT"] = f"{home}{result['PIP_CERT'][1:]}"
    return {name: value for name, value in result.items() if value}


def _read_conda(
    environ: Mapping[str, str], home: Path, system: Path, notices: list[Notice]
) -> dict[str, str]:
    """conda's configuration as variables, those of the environment last; its files may name these by `${NAME}`."""
    result: dict[str, str] = {}
    for path in (path for path in condarc_files(environ, home, system) if path.is_file()):
        found = of_condarc(Template(_read(path, notices)).safe_substitute(environ))
        if found is None:
            notices.append(_warning(f"`{path}` is not a valid configuration file: left out of build steps"))
        result |= found or {}
    return result | of_variables(environ)


def _read_uv(environ: Mapping[str, str], home: Path, system: Path, notices: list[Notice]) -> dict[str, str]:
    """uv's configuration as variables: the user's counts before the system's, its indexes come first."""
    import tomllib

    if environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return {}
    files = [system / "etc/uv/uv.toml", _config_home(environ, home) / "uv/uv.toml"]
    if environ.get("UV_CONFIG_FILE"):
        files = [Path(environ["UV_CONFIG_FILE"])]
    result: dict[str, str] = {}
    for path in (path for path in files if path.is_file()):
        try:
            table = tomllib.loads(_read(path, notices))
        except (tomllib.TOMLDecodeError, RecursionError):
            notices.append(_warning(f"`{path}` is not valid TOML: left out of build steps"))
            continue
        found = dict(_uv_variables(table))
        if "UV_INDEX" in found and "UV_INDEX" in result:
            found["UV_INDEX"] += f" {result['UV_INDEX']}"
        result |= found
    return result


def _uv_variables(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    pip = table.get("pip")
    for settings in (table, pip if isinstance(pip, dict) else {}):
        for name, variable in UV_SETTINGS.items():
            match settings.get(name):
                case bool(value):
                    yield variable, str(value).lower()
                case str(value):
                    yield variable, value
                case [*values]:
                    yield variable, SEPARATORS.get(variable, " ").join(map(str, values))
                case _:
                    pass
    entries = table.get("index")
    indexes = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    more = []
    for entry in indexes:
        address = f"{entry['name']}={entry.get('url')}" if entry.get("name") else str(entry.get("url"))
        if entry.get("default") is True:
            yield "UV_DEFAULT_INDEX", address
        elif entry.get("explicit") is not True:  # only for packages that a project names
            more.append(address)
    if more:
        yield "UV_INDEX", " ".join(more)


def _read_netrc(
    environ: Mapping[str, str], home: Path, hosts: set[str], notices: list[Notice]
) -> tuple[str, list[str]]:
    """The entries for the configured indexes: code of the repository runs in build steps and can read them."""
    import netrc

    path = Path(environ.get("NETRC") or home / ".netrc")
    if not path.is_file():
        return "", []
    try:
        entries = netrc.netrc(str(path)).hosts
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError) as error:
        # An error of the parser holds the token at which it stopped, maybe a password.
        why = error.strerror if isinstance(error, OSError) else "it is not a valid netrc file"
        notices.append(_warning(f"`{path}` does not reach build steps: {why}"))
        return "", []
    chosen = {
        host: entry
        for host, entry in entries.items()
        if host.lower() in hosts and "\0" not in "".join(map(str, entry))
    }
    text = "".join(
        f"machine {host} login {_token(login)} password {_token(password)}\n"
        for host, (login, _, password) in chosen.items()
    )
    return text, [text for _, _, password in chosen.values() for text in _long_enough(password or "")]


def _token(text: str | None) -> str:
    if text and not re.search(r'[\s"\\]', text):
        return text
    escaped = (text or "").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _config_home(environ: Mapping[str, str], home: Path) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config")


def _joined(value: str) -> str:
    return " ".join(value.split())


def _read(path: Path, notices: list[Notice]) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        notices.append(_warning(f"`{path}` cannot be read ({error.strerror}): left out of build steps"))
        return ""


def _warning(message: str) -> Notice:
    return Notice(level="warning", message=message)


def _shown(address: str) -> str:
    """An address as a message may show it; one without a scheme has its credentials at the start."""
    address = TOKEN.sub("/t/***/", address)
    return mask(address) if "://" in address else re.sub(r"^\S*@", "***@", address)


def _loopback_proxy(name: str, value: str) -> Notice:
    return _warning(
        f"The proxy `{_shown(value)}` of `{name}` listens on this machine only, so build steps do without it: "
        f"let it listen on an address that containers reach (`host.docker.internal`, `172.17.0.1`) and name that"
    )


def _unreachable(name: str, addresses: list[str]) -> Notice:
    shown = ", ".join(f"`{_shown(address)}`" for address in addresses)
    level: Literal["info", "warning"] = "info" if name in ADDITIONAL else "warning"
    message = f"Build steps do without {shown} of `{name}`, which can only be reached from this machine"
    return Notice(level=level, message=message)
