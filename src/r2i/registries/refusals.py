"""What is wrong when an image cannot be pushed or pulled, from what a registry or an engine says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from r2i.engines import EngineName
from r2i.engines.failure import last_line
from r2i.engines.protocol import Login
from r2i.errors import EngineError, R2iError, TemporaryError
from r2i.registries.names import HUB, ImageName


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One cause: the words by which it is known, ours for it, and whether another try may succeed."""

    words: re.Pattern[str]
    message: str
    hint: str
    passing: bool = False


def _row(words: str, message: str, hint: str, *, passing: bool = False) -> Refusal:
    return Refusal(words=re.compile(words, re.IGNORECASE), message=message, hint=hint, passing=passing)


#: The first that fits. The words are those of Docker, Podman and the registries of Docker, GitHub, GitLab, Amazon, Azure,
#: Google, Quay and Harbor; statuses stand at the end of what `RegistryClient` says.
REFUSALS = (
    _row(
        r"immutable",
        "`{tag}` exists in `{registry}`, and its repository does not let a tag be overwritten",
        "Choose another `--tag`",
    ),
    _row(
        r"toomanyrequests|too many requests|rate limit|HTTP 429|\b429\b",
        "`{registry}` takes no more requests for now",
        "Log in with `{login}` if you have not, and try again later",
        passing=True,
    ),
    _row(
        r"request entity too large|HTTP 413|\b413\b(?!.*denied)",
        "A layer of the image is larger than `{registry}` takes: {said}",
        "Ask the operator of the registry to raise its limit, or make the image smaller",
    ),
    _row(
        r"quota|exceed\w*\b.{0,60}\b(?:limit|storage|size|capacity|number|allowed)|upper limit|storage limit|payment required"
        r"|HTTP 402|\b402\b|max\w* (?:storage|size)",
        "Your storage in `{registry}` is used up: {said}",
        "Delete images from the registry, or ask its operator for more",
    ),
    _row(
        r"(?:HTTP |\b)507\b|insufficient storage|(?<!/)no space left on device(?!.*/var/)",
        "`{registry}` has no space left on its disk",
        "Try again later, or tell the operator of the registry",
        passing=True,
    ),
    _row(
        r"server gave HTTP response to HTTPS client|wrong version number",
        "`{registry}` answers without TLS, which {engine} does not accept",
        "{plain}",
    ),
    _row(
        r"x509|certificate|tls: ",
        "{engine} does not trust the certificate of `{registry}`: {said}",
        "Put the certificate of its authority into `{certificates}`",
    ),
    _row(
        r"no such host|name or service not known|temporary failure in name|server misbehaving",
        "There is no host `{host}`, or its name cannot be resolved now",
        "Check the spelling of `--tag`, and the network",
        passing=True,
    ),
    _row(
        r"connection refused",
        "No registry answers at `{registry}`",
        "Check the name and the port in `--tag`, and whether the registry runs",
        passing=True,
    ),
    _row(
        r"name[ _]invalid|invalid repository name|repository name (?:must|can)|invalid reference format|invalid tag|tag[ _]invalid",
        "`{registry}` does not allow the name `{path}`: {said}",
        "Choose another `--tag`; most registries want `{example}`",
    ),
    _row(
        r"no basic auth credentials|unauthorized|authentication required|HTTP 401|\b401\b|not logged in",
        "",  # `_login_refusal`
        "",
    ),
    _row(
        r"name[ _]unknown|HTTP 404|\b404\b|does not exist|not (?:be )?found|no such (?:repository|project)",
        "There is no repository `{repository}` in `{registry}`, or you may not push to it",
        "Create it in the registry first, or correct `--tag`; most registries want `{example}`",
    ),
    _row(
        r"denied|forbidden|HTTP 403|\b403\b|insufficient[ _]scope|not authorized|no permission",
        "You may not push to `{repository}` in `{registry}`: {said}",
        "Log in with `{login}` as someone who may, or correct `--tag`; most registries want `{example}`",
    ),
    _row(
        r"\b5\d\d\b|internal server error|bad gateway|service unavailable|gateway time-?out|EOF|reset by peer|broken pipe"
        r"|closed (?:network )?connection|deadline exceeded|timeout|timed out|unreachable|dial tcp|connection (?:was )?(?:closed|aborted)",
        "`{registry}` broke off: {said}",
        "Try again",
        passing=True,
    ),
)


def refusal(
    said: str,
    name: ImageName,
    *,
    engine: EngineName,
    login: Login | None,
    doing: Literal["push", "pull"] = "push",
) -> R2iError:
    """The error for what was said of pushing or pulling an image; `login` is the one that was used."""
    found = next((row for row in REFUSALS if row.words.search(said)), None)
    reason = last_line(said)
    if found is None:
        return EngineError(
            f"{engine.capitalize()} cannot {doing} `{name.text}`: {reason}",
            hint=f"Run `{engine} {doing} {name.full}` to see all that it says",
        )
    words = _words(name, engine, reason)
    denied = not found.message or (login is None and found.message.startswith("You may not"))
    if denied:
        return _login_refusal(name, login, words)
    kind = TemporaryError if found.passing else EngineError
    message, hint = found.message.format_map(words), found.hint.format_map(words)
    return kind(message.replace("push to", "pull from") if doing == "pull" else message, hint=hint)


def _words(name: ImageName, engine: EngineName, reason: str) -> dict[str, str]:
    podman = engine == "podman"
    host = name.registry.partition(":")[0]
    return {
        "registry": name.registry,
        "host": host,
        "repository": name.repository,
        "path": f"{name.repository}:{name.tag}",
        "tag": name.text,
        "engine": engine.capitalize(),
        "said": reason,
        "login": f"{engine} login" if name.registry == HUB else f"{engine} login {name.registry}",
        "example": f"{name.registry}/OWNER/NAME:TAG",
        "certificates": f"/etc/{'containers' if podman else 'docker'}/certs.d/{name.registry}/ca.crt",
        "plain": f'Add it with `insecure = true` to `/etc/containers/registries.conf` if you trust the network: `[[registry]]`, `location = "{name.registry}"`'
        if podman
        else f"Add `{name.registry}` to `insecure-registries` in `/etc/docker/daemon.json` if you trust the network, and restart Docker",
    }


def _login_refusal(name: ImageName, login: Login | None, words: dict[str, str]) -> EngineError:
    if login is None:
        return EngineError(
            f"You are not logged in to `{name.registry}`", hint=f"Run `{words['login']}`, and try again"
        )
    return EngineError(
        f"`{name.registry}` does not accept the login of `{login.origin}`",
        hint=f"Run `{words['login']}`"
        if "/" in login.origin or login.origin.startswith("docker-credential-")
        else f"Correct `{login.origin}`",
    )
