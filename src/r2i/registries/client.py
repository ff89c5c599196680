"""Asks a registry itself: what an image there is made of, and whether a push is allowed, without an engine.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

from r2i.engines.platforms import platform_name
from r2i.engines.protocol import RegistryLogin
from r2i.errors import FetchError, R2iError
from r2i.host.addresses import is_loopback
from r2i.registries.names import ImageName
from r2i.sources.web.patience import BusyError, Patience, retry_after

if TYPE_CHECKING:
    import requests

    from r2i.sources.web.wire import Wire

MANIFEST = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"

#: More than any manifest or configuration has (registries take no larger manifests).
MOST_BYTES = 4 * 1024**2

#: The engine reports what does not answer; r2i itself should know it soon.
BRIEF = Patience(attempts=4, knocks=1, connect=5.0, silence=15.0, document=20.0, longest=60.0)

CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class UnreachedError(Exception):
    """There is no telling from here: the engine may reach the registry in another way."""


@dataclass(frozen=True, kw_only=True)
class RemoteImage:
    """An image in a registry, for one platform; `digest` is its own, `tag` that of its tag, which may be an index."""

    tag: str
    digest: str
    platform: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RegistryClient:
    """Every method raises `UnreachedError` where nothing that speaks like a registry answers, `TemporaryError` where it stays busy,
    and what `refuse` makes of its words where it refuses."""

    name: ImageName
    login: RegistryLogin | None
    environ: Mapping[str, str] = field(repr=False)
    refuse: Callable[[str], R2iError]
    report: Callable[[str], None] = field(repr=False)
    patience: Patience = BRIEF
    _authorization: list[str] = field(default_factory=list, repr=False)

    def image(self, platform: str) -> RemoteImage | None:
        """The image of the tag for a platform (`linux/amd64`), None where the tag has none."""
        found = self._document(f"manifests/{self.name.tag}", accept=f"{MANIFEST}, {INDEX}")
        if found is None:
            return None
        tag, _ = found
        if entries := found[1].get("manifests"):
            fitting = [
                entry
                for entry in map(_fields, entries if isinstance(entries, list) else ())
                if _platform(_fields(entry.get("platform"))) == platform
            ]
            found = (
                self._document(f"manifests/{fitting[0].get('digest')}", accept=MANIFEST) if fitting else None
            )
            if found is None:
                return None
        digest, manifest = found
        config = _fields(manifest.get("config")).get("digest")
        described = self._document(f"blobs/{config}", accept="*/*") if config else None
        if described is None:
            return None
        labels = _fields(_fields(described[1].get("config")).get("Labels"))
        return RemoteImage(
            tag=tag,
            digest=digest,
            platform=_platform(described[1]),
            labels={name: value for name, value in labels.items() if isinstance(value, str)},
        )

    def check_push(self) -> None:
        """Begin an upload as every push does, and take it back."""
        with self._answer("POST", "blobs/uploads/") as response:
            if response.status_code >= 400:
                raise self._refusal(response)
            upload = response.headers.get("Location")
        # Registries forget what is not continued, sooner or later. The login is for no other server.
        with suppress(FetchError, BusyError, UnreachedError, ValueError):
            place = urljoin(self._base, upload or "")
            if upload and _origin(place) == _origin(self._base):
                with self._sent("DELETE", place, self._secret):
                    pass

    def _document(self, path: str, *, accept: str) -> tuple[str, dict[str, Any]] | None:
        with self._answer("GET", path, accept=accept) as response:
            if response.status_code == 404:
                return None
            if response.status_code >= 400:
                raise self._refusal(response)
            body = _bounded(response)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UnreachedError(f"`{self.name.registry}` does not answer like a registry") from error
        if not isinstance(found, dict):
            raise UnreachedError(f"`{self.name.registry}` does not answer like a registry")
        return f"sha256:{sha256(body).hexdigest()}", found

    @contextmanager
    def _answer(self, method: str, path: str, *, accept: str = "*/*") -> Iterator[requests.Response]:
        """What the registry says, asked again while it is busy, and with the login once it asks for one."""
        url = f"{self._base}/v2/{self.name.repository}/{path}"
        try:
            response = self.patience.insisting(lambda: self._asked(method, url, accept), report=self.report)
        except FetchError as error:
            raise UnreachedError(error.message) from error
        yield response

    def _asked(self, method: str, url: str, accept: str) -> requests.Response:
        headers = {"Accept": accept, **self._secret}
        with self._sent(method, url, headers) as response:
            challenge = response.headers.get("WWW-Authenticate", "") if response.status_code == 401 else ""
            if not challenge:
                return self._after(response, accept)
        self._authorize(challenge, push=method == "POST")
        with self._sent(method, url, {"Accept": accept, **self._secret}) as response:
            return self._after(response, accept)

    def _after(self, response: requests.Response, accept: str) -> requests.Response:
        """Blobs lie elsewhere, under addresses that are signed: the login is not for them."""
        location = response.headers.get("Location")
        if (
            response.status_code in (301, 302, 303, 307, 308)
            and location
            and response.request.method == "GET"
        ):
            with self._sent("GET", urljoin(response.url, location), {"Accept": accept}) as found:
                return found
        return response

    @contextmanager
    def _sent(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None = None
    ) -> Iterator[requests.Response]:
        """An answer that is read; raise `BusyError` where it may be another one in a moment."""
        wire, within = self._wire, self.patience.document
        try:
            with wire.answer(method, url, headers, within=within, body_within=True, body=body) as response:
                response._content = _limited(response)  # noqa: SLF001 - so that it can be read once it is closed
        except BusyError as error:
            raise UnreachedError(error.message) from error
        if response.status_code == 429 or response.status_code >= 500:
            refusal = self._refusal(response)
            after = retry_after(response.headers.get("Retry-After"))
            raise BusyError(refusal.message, hint=refusal.hint, after=after)
        yield response

    def _authorize(self, challenge: str, *, push: bool) -> None:
        kind, _, rest = challenge.partition(" ")
        login = self.login
        if kind.lower() != "bearer":
            if login is not None and login.username:
                self._authorization[:] = [f"Basic {login.encoded}"]
            return
        words = dict(CHALLENGE.findall(rest))
        scope = f"repository:{self.name.repository}:pull{',push' if push else ''}"
        asked = {"service": words.get("service", ""), "scope": scope}
        realm = urljoin(self._base, words.get("realm", ""))
        if login is not None and login.token:
            form = {**asked, "grant_type": "refresh_token", "refresh_token": login.token, "client_id": "r2i"}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            self._token(self._sent("POST", realm, headers, urlencode(form)))
            return
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}"
        self._token(
            self._sent("GET", url, {"Authorization": f"Basic {login.encoded}"} if login is not None else {})
        )

    def _token(self, asked: Any) -> None:
        with asked as response:
            if response.status_code >= 400:
                raise self._refusal(response)
            try:
                found = response.json()
                token = found.get("token") or found["access_token"]
            except (ValueError, LookupError, AttributeError) as error:
                raise UnreachedError(f"`{self.name.registry}` gives no token") from error
        self._authorization[:] = [f"Bearer {token}"]

    @property
    def _secret(self) -> dict[str, str]:
        return {"Authorization": self._authorization[0]} if self._authorization else {}

    @cached_property
    def _wire(self) -> Wire:
        from r2i.sources.web.wire import Wire

        return Wire(self.environ, self.patience)

    @cached_property
    def _base(self) -> str:
        """Without TLS only on this machine, as Docker has it."""
        host = self.name.api
        if is_loopback(host.rpartition(":")[0] or host):
            try:
                with self._wire.answer(
                    "GET", f"http://{host}/v2/", {}, within=5, body_within=True
                ) as response:
                    if "HTTPS server" not in response.text:
                        return f"http://{host}"
            except (FetchError, BusyError):
                pass
        return f"https://{host}"

    def _refusal(self, response: requests.Response) -> R2iError:
        return self.refuse(f"{_said(response)} (HTTP {response.status_code})")


def _said(response: requests.Response) -> str:
    """The words of a refusal: registries have a form for them, servers before them a page."""
    try:
        errors = response.json()["errors"]
        return "; ".join(
            ": ".join(filter(None, (str(e.get("code", "")), str(e.get("message", ""))))) for e in errors
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return str(response.reason or "no reason given")


def _fields(found: object) -> dict[str, Any]:
    """A JSON object, an empty one where a registry has something else there."""
    return found if isinstance(found, dict) else {}


def _platform(found: Mapping[str, Any]) -> str:
    system, architecture, variant = (str(found.get(key) or "") for key in ("os", "architecture", "variant"))
    return platform_name(system, architecture, variant)


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _bounded(response: requests.Response) -> bytes:
    body = response.content
    if len(body) > MOST_BYTES:
        raise UnreachedError("the registry's answer is too large")
    return body


def _limited(response: requests.Response) -> bytes:
    body = b""
    for chunk in response.iter_content(1 << 16):
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return body
