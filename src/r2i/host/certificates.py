"""The certificates that this machine trusts beside those of every image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from r2i.errors import UsageError
from r2i.host.readers import read, warning
from r2i.model import Notice

#: The variables that name a CA bundle, the first one that is set counts; and those that build steps get.
CA_SOURCES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")

#: Where an administrator adds certificates to the system's store (Debian's and Fedora's place).
CA_DIRECTORIES = ("usr/local/share/ca-certificates", "etc/pki/ca-trust/source/anchors")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def read_bundle(
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
        notices.append(warning(f"`{name}` names `{path}`, which is not a file; build steps ignore it"))
    if environ.get("SSL_CERT_DIR"):
        notices.append(
            warning("`SSL_CERT_DIR` has no effect in build steps: pass one file with `--ca-bundle`")
        )
    added = [path for name in CA_DIRECTORIES for path in sorted((system / name).rglob("*")) if path.is_file()]
    blocks = [block for path in added for block in _blocks(read(path, notices))]
    return "".join(dict.fromkeys(blocks))


def certificates(path: Path, name: str) -> str:
    """The certificates of a bundle and nothing else of it: comments, repetitions, and certainly no key."""
    hint = "Use a readable file with certificates in PEM format"
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
