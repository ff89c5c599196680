"""What registries say and ask for, without an engine: logins, refusals, and the requests of r2i itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from r2i.engines import EngineName
from r2i.engines.protocol import RegistryLogin
from r2i.errors import EngineError, R2iError, TemporaryError, UsageError
from r2i.host.logins import REGISTRY_LOGIN
from r2i.process import Completed
from r2i.registries.client import RegistryClient, UnreachedError
from r2i.registries.logins import given_login, login_for, with_given_login
from r2i.registries.names import image_name
from r2i.registries.refusals import refusal
from r2i.sources.web.patience import Patience
from tests.building import write
from tests.registries import Answer, Registry, front
from tests.registries import refusal as refused

LOGIN = RegistryLogin(username="ada", password="secret", origin="/home/ada/.docker/config.json")
NAME = image_name("ghcr.io/ada/thesis:1")


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag"),
    [
        ("thesis", "docker.io", "library/thesis", "latest"),
        ("ada/thesis:1", "docker.io", "ada/thesis", "1"),
        ("docker.io/ada/thesis:1", "docker.io", "ada/thesis", "1"),
        ("index.docker.io/ada/thesis", "docker.io", "ada/thesis", "latest"),
        ("ghcr.io/ada/thesis:1", "ghcr.io", "ada/thesis", "1"),
        ("localhost/thesis:1", "localhost", "thesis", "1"),
        ("127.0.0.1:5000/a/b/c:1", "127.0.0.1:5000", "a/b/c", "1"),
    ],
)
def test_a_name_means_what_it_means_to_docker(text: str, registry: str, repository: str, tag: str) -> None:
    name = image_name(text)

    assert (name.registry, name.repository, name.tag) == (registry, repository, tag)


#: What real engines and registries say.
SAID = {
    "no basic auth credentials": (EngineError, "does not accept the login of"),
    "unauthorized: access to the requested resource is not authorized": (
        EngineError,
        "does not accept the login of",
    ),
    "unauthorized: authentication required": (EngineError, "does not accept the login of"),
    "unauthorized: project physics not found: project physics not found": (
        EngineError,
        "There is no repository",
    ),
    "denied: requested access to the resource is denied": (EngineError, "You may not push to `ada/thesis`"),
    "denied: permission_denied: write_package": (EngineError, "You may not push to `ada/thesis`"),
    "insufficient_scope: authorization failed": (EngineError, "You may not push to `ada/thesis`"),
    "Error: trying to reuse blob sha256:15 at destination: pinging container registry ghcr.io: invalid status code from registry 403 (Forbidden)": (
        EngineError,
        "You may not push to `ada/thesis`",
    ),
    "name unknown: The repository with name 'ada/thesis' does not exist in the registry with id '123456789012'": (
        EngineError,
        "There is no repository `ada/thesis`",
    ),
    "NAME_UNKNOWN: repository name not known to registry (HTTP 404)": (EngineError, "There is no repository"),
    "denied: adding 3.1 MiB of storage resource, which when updated to current usage of 9.9 GiB will exceed the configured upper limit of 10.0 GiB.": (
        EngineError,
        "Your storage in `ghcr.io` is used up",
    ),
    "denied: Quota has been exceeded on namespace": (EngineError, "Your storage in `ghcr.io` is used up"),
    "Payment Required (HTTP 402)": (EngineError, "Your storage in `ghcr.io` is used up"),
    "error parsing HTTP 413 response body: invalid character '<': \"<html><title>413 Request Entity Too Large\"": (
        EngineError,
        "A layer of the image is larger than",
    ),
    "toomanyrequests: You have reached your pull rate limit.": (TemporaryError, "takes no more requests"),
    "name invalid: invalid repository name": (EngineError, "does not allow the name `ada/thesis:1`"),
    "tag invalid: The image tag '1' already exists in the 'ada/thesis' repository and cannot be overwritten because the repository is immutable.": (
        EngineError,
        "does not let a tag be overwritten",
    ),
    'Get "https://ghcr.io/v2/": http: server gave HTTP response to HTTPS client': (
        EngineError,
        "answers without TLS",
    ),
    'Get "https://ghcr.io/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority': (
        EngineError,
        "does not trust the certificate",
    ),
    'Get "https://ghcr.io/v2/": dial tcp 127.0.0.1:443: connect: connection refused': (
        TemporaryError,
        "No registry answers",
    ),
    'Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io on 127.0.0.53:53: no such host': (
        TemporaryError,
        "The host `ghcr.io` of the registry cannot be found",
    ),
    "received unexpected HTTP status: 500 Internal Server Error": (TemporaryError, "broke off"),
    "write tcp 127.0.0.1:5->127.0.0.1:6: use of closed network connection": (TemporaryError, "broke off"),
    "unknown: no space left on device": (TemporaryError, "has no space left"),
    "EOF": (TemporaryError, "broke off"),
    "manifest blob unknown: blob unknown to registry": (
        EngineError,
        "Docker cannot push `ghcr.io/ada/thesis:1`",
    ),
}


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[:40])
def test_a_refusal_is_named_with_a_hint(said: str) -> None:
    kind, message = SAID[said]
    error = refusal(said, NAME, engine="docker", login=LOGIN)

    assert type(error) is kind
    assert message in error.message
    assert error.hint


@pytest.mark.parametrize("said", ["unauthorized", "denied: requested access to the resource is denied"])
def test_without_a_login_that_is_what_is_missing(said: str) -> None:
    """Docker Hub calls both `denied`."""
    hub = refusal(said, image_name("ada/thesis:1"), engine="docker", login=None)
    other = refusal(said, NAME, engine="podman", login=None)

    assert (hub.message, hub.hint) == (
        "You are not logged in to `docker.io`",
        "Run `docker login`, and try again",
    )
    assert other.hint == "Run `podman login ghcr.io`, and try again"


def test_the_name_of_a_repository_is_no_refusal() -> None:
    name = image_name("ghcr.io/immutable/quota:1")
    error = refusal("EOF on ghcr.io/immutable/quota", name, engine="docker", login=None)

    assert isinstance(error, TemporaryError)


def test_the_login_of_the_environment_comes_first(tmp_path: Path) -> None:
    environ = {
        REGISTRY_LOGIN: json.dumps({"username": "a", "password": "b", "registry": "https://ghcr.io"}),
        "DOCKER_CONFIG": str(settings(tmp_path, {"auths": {"ghcr.io": {"auth": encoded("c", "d")}}})),
    }

    assert login_for(NAME, "docker", environ) == RegistryLogin(
        username="a", password="b", origin=REGISTRY_LOGIN
    )
    assert login_for(image_name("quay.io/a/b"), "docker", environ) is None


@pytest.mark.parametrize(
    "text", ["{", "[]", "5", '{"username": "a"}', '{"username": "", "password": "b"}', '{"password": 7}']
)
def test_a_login_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match=REGISTRY_LOGIN):
        given_login({REGISTRY_LOGIN: text})


def test_an_error_does_not_show_the_login() -> None:
    with pytest.raises(UsageError) as raised:
        given_login({REGISTRY_LOGIN: '{"username": "ada", "password": "of-ada"'})

    assert "of-ada" not in f"{raised.value.message}{raised.value.hint}{raised.value.__cause__}"


@pytest.mark.parametrize(
    "key", ["ghcr.io", "https://ghcr.io", "https://ghcr.io/v1/", "ghcr.io/ada", "ghcr.io/ada/thesis"]
)
def test_a_login_is_found_by_every_form_of_its_registry(tmp_path: Path, key: str) -> None:
    auths = {"ghcr.io.example.org": {"auth": encoded("x", "y")}, key: {"auth": encoded("ada", "secret")}}
    login = login_for(NAME, "docker", {"DOCKER_CONFIG": str(settings(tmp_path, {"auths": auths}))})

    assert login is not None
    assert (login.username, login.password) == ("ada", "secret")


def test_the_login_of_docker_hub_has_an_old_name(tmp_path: Path) -> None:
    auths = {"https://index.docker.io/v1/": {"auth": encoded("ada", "secret")}}
    login = login_for(
        image_name("ada/thesis"), "docker", {"DOCKER_CONFIG": str(settings(tmp_path, {"auths": auths}))}
    )

    assert login is not None
    assert login.username == "ada"


def test_podman_has_files_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"auths": {"ghcr.io": {"auth": encoded("ada", "secret")}}}))
    environ = {
        "REGISTRY_AUTH_FILE": str(file),
        "DOCKER_CONFIG": str(tmp_path / "none"),
        "HOME": str(tmp_path),
    }

    assert login_for(NAME, "podman", environ) is not None
    assert login_for(NAME, "docker", environ) is None


@dataclass
class Helper:
    """A credential helper that answers in this way."""

    answer: str
    status: int = 0
    asked: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    def __call__(self, argv: Any, *, stdin: str = "", **_more: Any) -> Completed:
        self.asked.append((tuple(argv), stdin))
        return Completed(argv=tuple(argv), returncode=self.status, stdout=self.answer, stderr="")


@pytest.mark.parametrize("stored", [{"credHelpers": {"ghcr.io": "store"}}, {"credsStore": "store"}])
def test_a_credential_helper_is_asked(tmp_path: Path, stored: Mapping[str, Any]) -> None:
    helper = Helper('{"ServerURL": "ghcr.io", "Username": "ada", "Secret": "secret"}')
    login = login_for(NAME, "docker", {"DOCKER_CONFIG": str(settings(tmp_path, stored))}, run=helper)

    assert login == RegistryLogin(username="ada", password="secret", origin="docker-credential-store")
    assert helper.asked == [(("docker-credential-store", "get"), "ghcr.io")]


def test_a_helper_can_have_a_token_or_nothing_and_can_fail(tmp_path: Path) -> None:
    environ = {"DOCKER_CONFIG": str(settings(tmp_path, {"credsStore": "store"}))}
    token = login_for(NAME, "docker", environ, run=Helper('{"Username": "<token>", "Secret": "t"}'))

    assert token == RegistryLogin(token="t", origin="docker-credential-store")
    nothing = Helper("credentials not found in native keychain\n", status=1)
    assert login_for(NAME, "docker", environ, run=nothing) is None
    with pytest.raises(EngineError, match="the keyring is locked"):
        login_for(NAME, "docker", environ, run=Helper("the keyring is locked\n", status=1))
    with pytest.raises(EngineError, match="is not installed"):
        login_for(NAME, "docker", environ, run=Helper("", status=127))
    with pytest.raises(EngineError, match="no login"):
        login_for(NAME, "docker", environ, run=Helper("[]"))


def test_settings_that_are_no_json_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")

    with pytest.raises(UsageError, match=r"config\.json"):
        login_for(NAME, "docker", {"DOCKER_CONFIG": str(tmp_path)})


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_the_login_of_the_environment_joins_the_settings_of_the_user(
    tmp_path: Path, engine: EngineName
) -> None:
    own = {"credsStore": "store", "currentContext": "far", "auths": {"quay.io": {"auth": "x"}}}
    environ = {
        REGISTRY_LOGIN: json.dumps({"username": "a", "password": "b", "registry": "ghcr.io"}),
        "DOCKER_CONFIG": str(settings(tmp_path, own)),
        "HOME": str(tmp_path / "home"),
        "XDG_RUNTIME_DIR": str(tmp_path / "session"),
    }
    # As after `podman logout`.
    write(tmp_path / "session/containers", {"auth.json": '{"auths": {}}'})
    made = json.loads(with_given_login(engine, environ))

    assert made["auths"] == {"quay.io": {"auth": "x"}, "ghcr.io": {"auth": encoded("a", "b")}}
    assert made["currentContext"] == "far"
    # Docker asks no helper for this registry then.
    assert made.get("credHelpers") == ({"ghcr.io": ""} if engine == "docker" else None)
    assert with_given_login(engine, {"HOME": str(tmp_path)}) == ""


def settings(directory: Path, content: Mapping[str, Any]) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(content))
    return directory


def encoded(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def client(host: str, login: RegistryLogin | None = None, said: list[str] | None = None) -> RegistryClient:
    name = image_name(f"{host}/ada/thesis:1")
    waited: list[float] = []
    return RegistryClient(
        name=name,
        login=login,
        environ={},
        refuse=lambda words: refusal(words, name, engine="docker", login=login),
        report=(said if said is not None else []).append,
        patience=Patience(attempts=3, knocks=1, pause=waited.append),
    )


CONFIG = {"os": "linux", "architecture": "amd64", "config": {"Labels": {"a": "b"}}}


def _registry(_method: str, path: str) -> Answer | None:
    """An index of two platforms, whose blobs lie elsewhere."""
    found: dict[str, Any] = {
        "/v2/": {},
        "/v2/ada/thesis/manifests/1": {
            "manifests": [
                {"digest": "sha256:arm", "platform": {"os": "linux", "architecture": "arm64"}},
                {"digest": "sha256:amd", "platform": {"os": "linux", "architecture": "amd64"}},
            ]
        },
        "/v2/ada/thesis/manifests/sha256:amd": {"config": {"digest": "sha256:config"}},
        "/store/config": CONFIG,
    }
    if path == "/v2/ada/thesis/blobs/sha256:config":
        return Answer(status=307, headers={"Location": "/store/config"})
    return Answer(status=200, body=json.dumps(found[path])) if path in found else Answer(status=404)


def test_an_image_is_described_without_pulling_it() -> None:
    with front(None, _registry) as server:
        found = client(server.host).image("linux/amd64")
        other = client(server.host).image("linux/s390x")

    assert found is not None
    assert (found.platform, found.labels) == ("linux/amd64", {"a": "b"})
    inner = _registry("GET", "/v2/ada/thesis/manifests/sha256:amd")
    assert inner is not None
    # An engine asked for the index would take the image for its own machine.
    assert found.digest == f"sha256:{sha256(inner.body.encode()).hexdigest()}"
    assert found.tag != found.digest
    assert other is None


@pytest.mark.parametrize(
    ("architecture", "variant", "asked"),
    [("arm", "v7", "linux/arm/v7"), ("arm", "v6", "linux/arm/v6"), ("arm64", "v8", "linux/arm64")],
)
def test_an_image_of_a_variant_is_found(architecture: str, variant: str, asked: str) -> None:
    platform = {"os": "linux", "architecture": architecture, "variant": variant}
    others = [{"digest": "sha256:other", "platform": {**platform, "variant": "v5"}}]
    found = {
        "/v2/": {},
        "/v2/ada/thesis/manifests/1": {
            "manifests": [*others, {"digest": "sha256:this", "platform": platform}]
        },
        "/v2/ada/thesis/manifests/sha256:this": {"config": {"digest": "sha256:config"}},
        "/v2/ada/thesis/blobs/sha256:config": platform,
    }
    with front(None, lambda _method, path: Answer(status=200, body=json.dumps(found[path]))) as server:
        image = client(server.host).image(asked)

    assert image is not None
    assert image.platform == asked


@pytest.mark.parametrize(
    ("manifest", "config"),
    [
        ({"manifests": 5}, {}),
        ({"manifests": ["x", None, {"platform": "linux"}]}, {}),
        ({"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}}]}, {}),
        ({"config": "sha256:config"}, {}),
        ({"config": {"digest": ["sha256:config"]}}, {}),
        ({"config": {"digest": "sha256:config"}}, {"os": 5, "architecture": []}),
        ({"config": {"digest": "sha256:config"}}, {"config": {"Labels": ["a"]}}),
        ({"config": {"digest": "sha256:config"}}, {"config": "x", "variant": {}}),
        ({"config": {"digest": "sha256:config"}}, {"config": {"Labels": {"a": 5}}}),
    ],
)
def test_an_image_that_is_described_wrongly_has_nothing(manifest: object, config: object) -> None:
    found = {
        "/v2/": {},
        "/v2/ada/thesis/manifests/1": manifest,
        "/v2/ada/thesis/blobs/sha256:config": config,
    }

    def answer(_method: str, path: str) -> Answer:
        return Answer(status=200, body=json.dumps(found[path])) if path in found else Answer(status=404)

    with front(None, answer) as server:
        image = client(server.host).image("linux/amd64")

    assert image is None or not image.labels


def test_the_login_goes_to_no_other_server_with_the_upload() -> None:
    with front(None, lambda _method, _path: Answer(status=204)) as other:

        def answer(method: str, _path: str) -> Answer:
            if method == "POST":
                return Answer(status=202, headers={"Location": f"http://{other.host}/uploads/1"})
            return Answer(status=200)

        with front(None, answer) as server:
            client(server.host, LOGIN).check_push()

    assert other.asked == []
    assert not [request for request in server.asked if request.startswith("DELETE")]


def test_a_tag_that_is_not_there_is_none() -> None:
    with front(
        None, lambda _method, path: Answer(status=200) if path == "/v2/" else Answer(status=404)
    ) as server:
        assert client(server.host).image("linux/amd64") is None


@pytest.mark.parametrize("login", [None, LOGIN])
def test_a_token_is_asked_for_where_the_registry_says(login: RegistryLogin | None) -> None:
    """As Docker Hub, ghcr.io and GitLab do."""
    seen: list[dict[str, list[str]]] = []
    host = ""

    def answer(_method: str, path: str) -> Answer | None:
        if path == "/v2/":
            return Answer(status=401)
        if path.startswith("/token"):
            seen.append(parse_qs(urlsplit(path).query))
            return Answer(status=200, body=json.dumps({"token": "of-a-minute"}))
        if len(seen) == 1:
            return Answer(status=202, headers={"Location": "/v2/ada/thesis/blobs/uploads/1"})
        challenge = f'Bearer realm="http://{host}/token",service="tests",scope="repository:ada/thesis:pull"'
        return Answer(status=401, headers={"WWW-Authenticate": challenge})

    with front(None, answer) as server:
        host = server.host
        client(server.host, login).check_push()

    assert seen == [{"service": ["tests"], "scope": ["repository:ada/thesis:pull,push"]}]
    assert server.asked[-1] == "DELETE /v2/ada/thesis/blobs/uploads/1"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refused(401, "UNAUTHORIZED", "authentication required"), EngineError, "You are not logged in"),
        (
            refused(403, "DENIED", "requested access to the resource is denied"),
            EngineError,
            "You are not logged in",
        ),
        (
            refused(404, "NAME_UNKNOWN", "repository name not known to registry"),
            EngineError,
            "There is no repository",
        ),
        (refused(400, "NAME_INVALID", "invalid repository name"), EngineError, "does not allow the name"),
        (refused(403, "DENIED", "storage quota exceeded"), EngineError, "is used up"),
        (refused(429, "TOOMANYREQUESTS", "slow down"), TemporaryError, "takes no more requests"),
        (Answer(status=503), TemporaryError, "broke off"),
        (Answer(status=507), TemporaryError, "has no space left"),
    ],
    ids=["401", "403", "404", "400", "quota", "429", "503", "507"],
)
def test_a_push_that_will_be_refused_is_refused_at_once(
    answer: Answer, kind: type[R2iError], words: str
) -> None:
    def server_says(_method: str, path: str) -> Answer:
        return Answer(status=200) if path == "/v2/" else answer

    with front(None, server_says) as server, pytest.raises(kind) as raised:
        client(server.host).check_push()

    assert words in raised.value.message
    assert raised.value.hint
    tries = [request for request in server.asked if request.startswith("POST")]
    assert len(tries) == (3 if kind is TemporaryError else 1)


def test_a_busy_registry_says_when_to_come_back() -> None:
    waited: list[float] = []
    busy = refused(429, "TOOMANYREQUESTS", "slow down", **{"Retry-After": "7"})

    def answer(_method: str, path: str) -> Answer:
        if path == "/v2/":
            return Answer(status=200)
        return busy if not waited else Answer(status=202)

    with front(None, answer) as server:
        asking = client(server.host)
        object.__setattr__(asking, "patience", Patience(pause=waited.append))
        asking.check_push()

    assert waited == [7.0]


def test_where_no_registry_answers_the_engine_has_the_last_word(registry: Registry) -> None:
    cut = Answer(cut=True)
    with front(None, lambda _method, _path: cut) as server, pytest.raises(UnreachedError):
        client(server.host).check_push()
    with pytest.raises(UnreachedError):
        client("127.0.0.1:1").image("linux/amd64")
    client(registry.host).check_push()
