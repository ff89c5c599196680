"""The environment of every git: the user's own configuration counts, and what must not happen is switched off above it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from r2i.host.logins import WITHHELD
from r2i.model import Credentials

#: Settings of the caller's own repository, if r2i is run in a hook or an alias; traces, which would show
#: credentials; and everything that asks somebody for a password.
UNWANTED = re.compile(
    r"GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|NAMESPACE|COMMON_DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|"
    r"CEILING_DIRECTORIES|TEMPLATE_DIR|EXTERNAL_DIFF|EXEC_PATH|ASKPASS|CONFIG_PARAMETERS|ATTR_SOURCE|GRAFT_FILE|"
    r"SHALLOW_FILE|REPLACE_REF_BASE|DEFAULT_HASH|CURL_VERBOSE|REDACT_COOKIES|PROTOCOL_FROM_USER|QUARANTINE_PATH|"
    r"(LITERAL|GLOB|NOGLOB|ICASE)_PATHSPECS|TRACE\w*|TRANSFER_TRACE)|SSH_ASKPASS|LANG|LANGUAGE|LC_\w+"
)

VARIABLES = {
    "GIT_ASKPASS": "",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "LC_ALL": "C",
    "SSH_ASKPASS_REQUIRE": "never",
}

SETTINGS = {
    "advice.detachedHead": "false",
    "core.askPass": "",
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.logAllRefUpdates": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "credential.interactive": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "init.defaultBranch": "main",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
    "transfer.bundleURI": "false",
}

#: A credential helper that says what it finds in the environment. Unlike a header it answers to one server only, and
#: only when that server asks: git does not take it along when it is redirected.
HELPER = (
    "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n'"
    ' "$R2I_GIT_USERNAME_{n}" "$R2I_GIT_PASSWORD_{n}"; }; f'
)


def git_environment(
    environ: Mapping[str, str],
    *,
    configured: Collection[str],
    file_allowed: bool,
    credentials: tuple[tuple[str, Credentials], ...] = (),
) -> dict[str, str]:
    """The environment of git: the user's own configuration counts, and what must not happen is switched off above it.

    `configured` are the keys that the user's configuration has.
    """
    result = {
        name: value
        for name, value in environ.items()
        if name not in WITHHELD and not UNWANTED.fullmatch(name)
    }
    result |= VARIABLES
    result["GIT_ALLOW_PROTOCOL"] = _allowed(environ, file_allowed=file_allowed)
    result |= _connecting(environ, configured)
    settings = [
        (key, value)
        for key, value in SETTINGS.items()
        if not (key.startswith("http.") and key.lower() in configured)
    ]
    settings += without_filters(configured)
    for number, (server, credential) in enumerate(credentials):
        settings += _with_credentials(server, credential, number=number)
        result[f"R2I_GIT_USERNAME_{number}"] = credential.username
        result[f"R2I_GIT_PASSWORD_{number}"] = credential.password or ""
    return with_settings(settings, result)


def _allowed(environ: Mapping[str, str], *, file_allowed: bool) -> str:
    """The protocols of ours, without those that the user does not allow either."""
    ours = ["https", "http", "ssh", "git", *(["file"] if file_allowed else [])]
    users = environ.get("GIT_ALLOW_PROTOCOL")
    return ":".join(ours if users is None else [scheme for scheme in ours if scheme in users.split(":")])


def _connecting(environ: Mapping[str, str], configured: Collection[str]) -> dict[str, str]:
    """How servers are reached, where the user has not said it in git's own way."""
    result = {}
    if not {"GIT_SSH_COMMAND", "GIT_SSH"} & environ.keys() and "core.sshcommand" not in configured:
        result["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15"
    bundle = environ.get("SSL_CERT_FILE")
    if bundle and "GIT_SSL_CAINFO" not in environ and "http.sslcainfo" not in configured:
        result["GIT_SSL_CAINFO"] = bundle
    return result


def without_filters(configured: Collection[str]) -> list[tuple[str, str]]:
    """Nothing of the host runs over the files of a repository; LFS has its turn after the checkout."""
    names = {key.split(".", 1)[1].rsplit(".", 1)[0] for key in configured if re.match(r"filter\..+\.", key)}
    return [
        (f"filter.{name}.{key}", "false" if key == "required" else "")
        for name in sorted({"lfs", *names})
        for key in ("clean", "smudge", "process", "required")
    ]


def _with_credentials(server: str, credential: Credentials, *, number: int) -> list[tuple[str, str]]:
    if credential.password is None:
        return [(f"credential.{server}.username", credential.username)]
    # The empty value forgets the user's helpers: they would save what was typed for this once.
    return [
        (f"credential.{server}.helper", ""),
        (f"credential.{server}.helper", HELPER.replace("{n}", str(number))),
    ]


def with_settings(settings: Iterable[tuple[str, str]], environment: Mapping[str, str]) -> dict[str, str]:
    """An environment with settings as `GIT_CONFIG_KEY_n`, behind those that it has there: the last one counts."""
    count = environment.get("GIT_CONFIG_COUNT", "")
    number = int(count) if re.fullmatch(r"[0-9]{1,4}", count) else 0
    result = dict(environment)
    for key, value in settings:
        result |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        number += 1
    return result | {"GIT_CONFIG_COUNT": str(number)}
