"""What this machine needs to reach the network, as two shell scripts that build steps source.

They travel as build secrets and write their files to `/dev/shm`, which is a tmpfs of the one step: proxies, certificates and package
indexes work, and nothing of them stays in the image. The credentials are in the second, which only what resolves and downloads can read.
A container that runs gets the first alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from r2i.host.addresses import (
    credentials,
    login_variable,
    reachable,
    unnamed,
    with_logins,
    without_credentials,
)
from r2i.host.certificates import read_bundle
from r2i.host.readers import read_conda, read_pip, read_uv, warning
from r2i.host.script import check_size, compose
from r2i.host.variables import ADDRESSES, CLIENT_CERTIFICATES, INDEX_CREDENTIALS, PLAIN, PREDEFINED, PROXIES
from r2i.model import Notice

#: The ids of the secrets: `RUN --mount=type=secret,id=host,mode=0444 --mount=type=secret,id=credentials,mode=0400 …`.
SECRET = "host"  # noqa: S105 - a name, not a secret
PRIVATE_SECRET = "credentials"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    """`script` and `private` are empty where there is nothing to pass; `credentials` are what no log may show.

    `private` holds the variables of `script` that have credentials, with these. `proxies` are in the script, too, and here for steps that
    do not read it.
    """

    script: str = ""
    private: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    credentials: tuple[str, ...] = ()

    @property
    def secrets(self) -> dict[str, str]:
        """What a build is given, by id."""
        texts = {SECRET: self.script, PRIVATE_SECRET: self.private}
        return {id_: text for id_, text in texts.items() if text}


def host_script(
    environ: Mapping[str, str],
    *,
    ca_bundle: Path | None,
    home: Path,
    system: Path = Path("/"),
    trusted: bool = False,
) -> HostSettings:
    """Read the host's settings; `system` is where `etc` lies. Code that is trusted gets the credentials, too.

    Raise `UsageError` where a CA bundle cannot be read, or is too large to be passed.
    """
    notices: list[Notice] = []
    environ = _encodable(environ, notices)
    exports, bundle = _gather(environ, ca_bundle, home, system, notices)
    named = {name: value for name, value in environ.items() if value and INDEX_CREDENTIALS.fullmatch(name)}
    notices += [
        warning(
            f"The client certificate of `{name}` has no effect in build steps because its key stays on this machine"
        )
        for name in CLIENT_CERTIFICATES
        if environ.get(name)
    ]
    public = {name: without_credentials(name, value) for name, value in exports.items()}
    private = {name: value for name, value in exports.items() if value != public[name]}
    if trusted:
        public, private = {**exports, **named}, {}
    else:
        notices += [*_without_address(named, exports), *_about_proxies(private)]
    settings = HostSettings(
        script=compose(public, ca=bundle),
        private=compose(private),
        proxies={name: value for name, value in public.items() if name.upper() in PREDEFINED},
        notices=tuple(notices),
        credentials=tuple(sorted({*credentials(exports | named)}, key=lambda text: (-len(text), text))),
    )
    for script in settings.secrets.values():
        check_size(script)
    return settings


def public_settings(
    environ: Mapping[str, str], *, ca_bundle: Path | None, home: Path, system: Path = Path("/")
) -> HostSettings:
    """What the repository's own Dockerfile may know: certificates, and proxies without user names and passwords."""
    host = host_script(environ, ca_bundle=ca_bundle, home=home, system=system)
    exports, bundle = _gather(_encodable(environ, []), ca_bundle, home, system, [])
    proxies = {
        name: without_credentials(name, value)
        for name, value in exports.items()
        if name.upper() in (*PROXIES, "NO_PROXY")
    }
    return replace(host, script=compose(proxies, ca=bundle), private="")


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
    public = {name: without_credentials(name, value) for name, value in exports.items()}
    script = compose(public, ca=bundle, given=given)
    check_size(script)
    return script


def _without_address(named: Mapping[str, str], exports: Mapping[str, str]) -> Iterator[Notice]:
    """A repository, too, can call an index by a name: what belongs to a name alone goes nowhere."""
    addresses = (part for name in ADDRESSES for part in exports.get(name, "").split())
    known = {login_variable(part.partition("=")[0]) for part in addresses if part != unnamed(part)}
    for name in sorted(named):
        if name.endswith("_PASSWORD") and name.rpartition("_")[0] not in known:
            yield warning(
                f"`{name}` is not used: no index configured on this machine has that name. Set its URL with `UV_INDEX`,"
                " or pass `--trust-repository` if you trust the repository that names it"
            )


def _about_proxies(private: Mapping[str, str]) -> Iterator[Notice]:
    for name in PROXIES:
        if name in private:
            yield warning(
                f"The password of `{name}` is withheld from steps that run code from the repository:"
                " pass `--trust-repository` if you trust it"
            )


def _gather(
    environ: Mapping[str, str], ca_bundle: Path | None, home: Path, system: Path, notices: list[Notice]
) -> tuple[dict[str, str], str]:
    """The variables, still with their credentials, and the certificates."""
    pip = read_pip(environ, home, system, notices)
    conda = read_conda(environ, home, system, notices)
    exports = picked(environ, {**conda, **pip}, read_uv(environ, home, system, notices))
    exports = with_logins(reachable(exports, notices), environ, home, notices)
    exports = _bridge(exports)
    named = {"cert` of `pip.conf": pip.get("PIP_CERT"), "ssl_verify` of conda": conda.get("CONDA_SSL_VERIFY")}
    return exports, read_bundle(environ, named, ca_bundle, system, notices)


def picked(environ: Mapping[str, str], files: Mapping[str, str], uv: Mapping[str, str]) -> dict[str, str]:
    """What may pass, an allowlist: the environment counts before the files, as for pip and uv themselves."""
    if "UV_INDEX_URL" in environ:
        uv = {name: value for name, value in uv.items() if name != "UV_DEFAULT_INDEX"}
    merged = {**files, **uv, **{name: value for name, value in environ.items() if value}}
    chosen = {name: value for name, value in merged.items() if name in ADDRESSES or name in PLAIN}
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
        result["PIP_INDEX_URL"] = unnamed(uv)
    more_uv = [a for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL") for a in exports.get(name, "").split()]
    more_pip = exports.get("PIP_EXTRA_INDEX_URL", "").split()
    if more_pip and not more_uv:
        # pip takes the best version of all indexes, uv the first index that has the name at all.
        result = {"UV_INDEX_STRATEGY": "unsafe-best-match", **result, "UV_INDEX": " ".join(more_pip)}
    if more_uv and not more_pip:
        result["PIP_EXTRA_INDEX_URL"] = " ".join(map(unnamed, more_uv))
    if links := exports.get("PIP_FIND_LINKS"):
        result.setdefault("UV_FIND_LINKS", ",".join(links.split()))
    if hosts := exports.get("PIP_TRUSTED_HOST"):
        result.setdefault("UV_INSECURE_HOST", " ".join(hosts.split()))
    seconds = exports.get("PIP_DEFAULT_TIMEOUT") or exports.get("PIP_TIMEOUT") or ""
    if seconds.isascii() and seconds.isdecimal():  # uv stops at anything else
        result.setdefault("UV_HTTP_TIMEOUT", seconds)
    return result


def _encodable(environ: Mapping[str, str], notices: list[Notice]) -> dict[str, str]:
    """Without the values that are no text: a script could not hold them."""
    result = {}
    for name, value in environ.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            if name in ADDRESSES or name in PLAIN or name.upper() in (*PROXIES, "NO_PROXY"):
                notices.append(warning(f"`{name}` is not UTF-8 text and has no effect in build steps"))
        else:
            result[name] = value
    return result
