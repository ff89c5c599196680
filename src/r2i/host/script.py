"""The shell script that build steps source."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from hashlib import sha256

from r2i.errors import UsageError
from r2i.host.certificates import CA_SOURCES

#: BuildKit refuses secrets of more than 500 KiB (measured: 512,000 bytes pass); some room for its own.
MAX_SCRIPT_BYTES = 490_000
CA_TARGETS = (
    *CA_SOURCES,
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "JULIA_SSL_CA_ROOTS_PATH",
    "NIX_SSL_CERT_FILE",
)


def check_size(script: str) -> None:
    if len(script.encode()) > MAX_SCRIPT_BYTES:
        raise UsageError(
            f"The certificates and settings of this machine are {len(script.encode()) // 1000} kB, more than the "
            f"{MAX_SCRIPT_BYTES // 1000} kB that can be passed to a build step",
            hint="Pass a file with only the certificates of your network with `--ca-bundle`",
        )


def compose(exports: Mapping[str, str], *, ca: str = "", given: Collection[str] = ()) -> str:
    """Write the script: POSIX sh, fit for `set -eu`, for any user, and for being sourced twice.

    It does not set what is `given`, in whatever case: there are proxies in both.
    """
    exports = {name: value for name, value in exports.items() if "\0" not in value}
    digest = sha256(ca.encode()).hexdigest()[:16]
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
