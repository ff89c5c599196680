"""Logins of registries, where the programs of engines keep them, and the one that the environment brings."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from r2i import process
from r2i.engines import EngineName
from r2i.engines.environment import child_environment
from r2i.engines.protocol import RegistryLogin
from r2i.errors import EngineError, UsageError
from r2i.host.logins import REGISTRY_LOGIN, WITHHELD
from r2i.registries.names import HUB, ImageName, canonical

#: What credential helpers answer as a user name where the secret is a token.
TOKEN_USER = "<token>"  # noqa: S105 - no secret

#: Under which Docker keeps the login of its own registry.
HUB_KEY = "https://index.docker.io/v1/"

HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def given_login(environ: Mapping[str, str]) -> tuple[str, RegistryLogin] | None:
    """The registry and the login of the environment; raise `UsageError` where it cannot be read. Its words are never shown."""
    text = environ.get(REGISTRY_LOGIN, "").strip()
    if not text:
        return None
    hint = f'Set `{REGISTRY_LOGIN}` to \'{{"registry": "ghcr.io", "username": "…", "password": "…"}}\''
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"`{REGISTRY_LOGIN}` is not valid JSON", hint=hint) from error
    if not isinstance(found, dict):
        raise UsageError(f"`{REGISTRY_LOGIN}` is not a JSON object", hint=hint)
    registry = found.get("registry") or HUB
    for key, value in (
        ("username", found.get("username")),
        ("password", found.get("password")),
        ("registry", registry),
    ):
        if not isinstance(value, str) or not value:
            raise UsageError(f"`{REGISTRY_LOGIN}` has no `{key}`", hint=hint)
    return canonical(registry), RegistryLogin(
        username=found["username"], password=found["password"], origin=REGISTRY_LOGIN
    )


def login_for(
    name: ImageName, engine: EngineName, environ: Mapping[str, str], *, run: process.Runner = process.run
) -> RegistryLogin | None:
    """The login for an image: of the environment, else of the file of the engine and its credential helpers.

    Raises `UsageError` for a file or variable that cannot be read, `EngineError` for a helper that does not work.
    """
    given = given_login(environ)
    if given is not None and _fits(given[0], name):
        return given[1]
    for file in _files(engine, environ):
        settings = _settings(file)
        helpers = _section(settings, "credHelpers")
        helper = _best(helpers, name) or settings.get("credsStore")
        if isinstance(helper, str) and helper and (login := _from_helper(helper, name, environ, run, file)):
            return login
        if (entry := _best(_section(settings, "auths"), name)) and (login := _from_entry(entry, file)):
            return login
    return None


def docker_settings(environ: Mapping[str, str]) -> Path:
    """The directory of Docker's own settings."""
    return Path(environ.get("DOCKER_CONFIG") or Path(child_environment(environ)["HOME"]) / ".docker")


def with_given_login(engine: EngineName, environ: Mapping[str, str]) -> str:
    """The engine's files of logins as one, with the login of the environment, for one build; empty where there is none."""
    given = given_login(environ)
    if given is None:
        return ""
    registry, login = given
    # The first file counts; one that a logout left empty hides no other.
    last_first = [_settings(file) for file in _files(engine, environ)][::-1]
    settings = {name: value for each in last_first for name, value in each.items()}
    key = HUB_KEY if registry == HUB and engine == "docker" else registry
    helpers = {
        name: value
        for name, value in _together(last_first, "credHelpers").items()
        if canonical(name) != registry
    }
    if engine == "docker" and (helpers or settings.get("credsStore")):
        helpers[key] = ""  # no helper for this registry: Docker then reads the file
    stored = {"credHelpers": helpers} if helpers else {}
    others = {name: value for name, value in settings.items() if name != "credHelpers"}
    return json.dumps(
        {**others, **stored, "auths": {**_together(last_first, "auths"), key: {"auth": login.encoded}}}
    )


def _together(settings: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    return {key: value for each in settings for key, value in _section(each, name).items()}


def _files(engine: EngineName, environ: Mapping[str, str]) -> Iterator[Path]:
    """Podman looks into its own files first (https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md)."""
    if engine == "podman":
        if file := environ.get("REGISTRY_AUTH_FILE"):
            yield Path(file)
        yield from _of_the_session(environ)
        home = Path(child_environment(environ)["HOME"])
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "containers/auth.json"
    yield docker_settings(environ) / "config.json"


def _of_the_session(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where `podman login` writes. Without the variable, Podman chooses; below `/tmp`, anybody could have made the file."""
    if directory := environ.get("XDG_RUNTIME_DIR"):
        yield Path(directory) / "containers/auth.json"
        return
    uid = os.getuid()
    for chosen in (
        f"/run/containers/{uid}",
        f"/run/user/{uid}/containers",
        f"/tmp/podman-run-{uid}/containers",  # noqa: S108 - Podman's choice
    ):
        file = Path(chosen, "auth.json")
        with suppress(OSError):
            if file.lstat().st_uid == uid:
                yield file


def _settings(file: Path) -> Mapping[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError) as error:
        raise UsageError(f"`{file}` cannot be read", hint="Check its permissions and its encoding") from error
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"`{file}` is not valid JSON", hint="Correct or remove it, and log in again"
        ) from error
    return found if isinstance(found, dict) else {}


def _section(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = settings.get(name)
    return found if isinstance(found, dict) else {}


def _fits(key: str, name: ImageName) -> bool:
    """A login can be for a part of a registry."""
    return f"{name.registry}/{name.repository}/".startswith(f"{key}/")


def _best(section: Mapping[str, Any], name: ImageName) -> Any:
    fitting = [key for key in section if _fits(canonical(key), name)]
    return section[max(fitting, key=lambda key: len(canonical(key)))] if fitting else None


def _from_entry(entry: Any, file: Path) -> RegistryLogin | None:
    """An entry without a login is one whose login a helper keeps."""
    if not isinstance(entry, dict):
        return None
    if token := entry.get("identitytoken"):
        return RegistryLogin(token=str(token), origin=str(file))
    try:
        username, colon, password = base64.b64decode(str(entry.get("auth") or "")).decode().partition(":")
    except ValueError:
        return None
    return (
        RegistryLogin(username=username, password=password.rstrip("\0"), origin=str(file)) if colon else None
    )


def _from_helper(
    helper: str, name: ImageName, environ: Mapping[str, str], run: process.Runner, file: Path
) -> RegistryLogin | None:
    """https://github.com/docker/docker-credential-helpers#development"""
    program = f"docker-credential-{helper}"
    server = HUB_KEY if name.registry == HUB else name.registry
    if not HELPER.fullmatch(helper):
        raise UsageError(
            f"`{file}` names a credential helper `{helper}`, which is no name", hint="Correct it"
        )
    done = run(
        (program, "get"),
        env={name: value for name, value in environ.items() if name not in WITHHELD}
        | child_environment(environ),
        stdin=server,
        timeout=60,
    )
    if done.returncode == 127:
        raise EngineError(
            f"`{program}`, which `{file}` asks for the login of `{name.registry}`, is not installed",
            hint=f"Install it, or remove `{helper}` from that file and log in again",
        )
    if done.returncode:
        said = (done.stdout or done.stderr).strip().splitlines()
        if "credentials not found" in "".join(said):
            return None
        raise EngineError(
            f"`{program}` gives no login for `{name.registry}`: {said[-1] if said else 'no reason given'}",
            hint="Log in again, or correct the settings of that program",
        )
    try:
        found = json.loads(done.stdout)
        username, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, LookupError, TypeError) as error:
        raise EngineError(f"`{program}` gives an answer that is no login", hint="Update it") from error
    if not secret:
        return None
    if username == TOKEN_USER:
        return RegistryLogin(token=secret, origin=program)
    return RegistryLogin(username=username, password=secret, origin=program)
