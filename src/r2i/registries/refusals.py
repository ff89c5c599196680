"""What is wrong when an image cannot be pushed or pulled, from what a registry or an engine says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from r2i.engines import EngineName
from r2i.engines.failure import last_line
from r2i.engines.protocol import RegistryLogin
from r2i.errors import EngineError, R2iError, TemporaryError
from r2i.registries.names import HUB, ImageName


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One cause: the words by which it is known, ours for it, and whether another try may succeed."""

    words: re.Pattern[str]
    message: str
    hint: str
    passing: bool = False


def _row(words: str, message: str, hint: str, *, passing: bool = False, status: str = "") -> Refusal:
    """`status` is of HTTP, as r2i, Docker and Podman write it."""
    if status:
        words += rf"|(?:HTTP|status:?|registry) (?:{status})\b"
    return Refusal(words=re.compile(words, re.IGNORECASE), message=message, hint=hint, passing=passing)


CREATE = "Create it in the registry first, or correct `--tag`; most registries want `{example}`"

#: The first that fits. The words are those of Docker, of Podman, and of the registries of Docker, GitHub, GitLab, Amazon,
#: Azure, Google, Quay and Harbor.
REFUSALS = (
    _row(
        "immutable",
        "`{tag}` exists in `{registry}`, and its repository does not let a tag be overwritten",
        "Choose another `--tag`",
    ),
    _row(
        "toomanyrequests|too many requests|rate limit",
        "`{registry}` takes no more requests for now",
        "Try again later; with a login (`{login}`), most registries take more",
        passing=True,
        status="429",
    ),
    _row(
        "request entity too large",
        "A layer of the image is larger than `{registry}` takes",
        "Make the image smaller, or ask the operator of the registry to raise its limit",
    ),
    _row(
        r"quota|exceed\w*\b.{0,60}\b(?:limit|storage|size|capacity|number)|upper limit|storage limit|payment required",
        "Your storage in `{registry}` is used up: {said}",
        "Delete images from the registry, or ask its operator for more",
        status="402|413",
    ),
    _row(
        "insufficient storage|no space left on device",
        "`{registry}` has no space left",
        "Try again later, or tell the operator of the registry",
        passing=True,
        status="507",
    ),
    _row(
        "server gave HTTP response to HTTPS client|first record does not look like a TLS handshake",
        "`{registry}` answers without TLS, which {engine} does not accept",
        "{plain}",
    ),
    _row(
        "x509|certificate|tls: ",
        "{engine} does not trust the certificate of `{registry}`: {said}",
        "Put the certificate of its authority into `{certificates}`",
    ),
    _row(
        "no such host|name or service not known|temporary failure in name|server misbehaving",
        "The host `{host}` of the registry cannot be found",
        "Correct `--tag`, or check the network",
        passing=True,
    ),
    _row(
        "connection refused",
        "No registry answers at `{registry}`",
        "Correct the host and the port in `--tag`, or start the registry",
        passing=True,
    ),
    _row(
        "name[ _]invalid|invalid repository name|repository name (?:must|can)|invalid reference format|tag[ _]invalid|invalid tag",
        "`{registry}` does not allow the name `{path}`: {said}",
        "Choose another `--tag`; most registries want `{example}`",
    ),
    _row("project .*not found", "There is no repository `{repository}` in `{registry}`", CREATE),
    _row(
        "no basic auth credentials|unauthorized|authentication required",
        "",  # `_login_refusal`
        "",
        status="401",
    ),
    _row(
        "name[ _]unknown|does not exist|not (?:be )?found|no such (?:repository|project)",
        "There is no repository `{repository}` in `{registry}`, or you may not {doing} it",
        CREATE,
        status="404",
    ),
    _row(
        "denied|forbidden|insufficient[ _]scope|not authorized|no permission",
        "You may not {doing} `{repository}` in `{registry}`: {said}",
        "Log in with `{login}` as someone who may, or correct `--tag`; most registries want `{example}`",
        status="403",
    ),
    _row(
        "internal server error|bad gateway|service unavailable|gateway time-?out|EOF|reset by peer|broken pipe"
        "|closed (?:network )?connection|deadline exceeded|time(?:d )?out|unreachable|dial tcp|connection (?:was )?(?:closed|aborted)",
        "`{registry}` broke off: {said}",
        "Try again",
        passing=True,
        status=r"5\d\d",
    ),
)

#: Where there was no server at all, it is seldom better in a moment.
UNREACHED = re.compile("no such host|connection refused", re.IGNORECASE)


def refusal(
    said: str,
    name: ImageName,
    *,
    engine: EngineName,
    login: RegistryLogin | None,
    doing: Literal["push", "pull"] = "push",
) -> R2iError:
    """The error for what was said of pushing or pulling an image; `login` is the one that was used."""
    reason = last_line(said)
    # A repository may be called `quota`.
    bare = said.replace(name.repository, "").replace(name.registry, "")
    found = next((row for row in REFUSALS if row.words.search(bare)), None)
    if found is None:
        return EngineError(
            f"{engine.capitalize()} cannot {doing} `{name.text}`: {reason}",
            hint=f"Run `{engine} {doing} {name.full}` to see all that it says",
        )
    words = _words(name, engine, reason) | {"doing": "push to" if doing == "push" else "pull from"}
    if not found.message or (login is None and found.message.startswith("You may not")):
        return _login_refusal(name, login, words)
    kind = TemporaryError if found.passing else EngineError
    return kind(found.message.format_map(words), hint=found.hint.format_map(words))


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


def _login_refusal(name: ImageName, login: RegistryLogin | None, words: dict[str, str]) -> EngineError:
    if login is None:
        return EngineError(
            f"You are not logged in to `{name.registry}`", hint=f"Run `{words['login']}`, and try again"
        )
    by_hand = "/" in login.origin or login.origin.startswith("docker-credential-")
    return EngineError(
        f"`{name.registry}` does not accept the login of `{login.origin}` for `{name.repository}`",
        hint=f"Run `{words['login']}` as someone who may use this repository, or correct `--tag`"
        if by_hand
        else f"Correct `{login.origin}` or `--tag`",
    )
