"""Real engines push to a real registry and reuse what is there; servers in front of it fail as those of others do."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest
import requests

from r2i.engines import EngineName
from r2i.engines.podman import Podman
from r2i.engines.protocol import BuildRequest, Sources, StageBase
from r2i.model import Dockerfile
from r2i.process import Completed, run
from tests import registries
from tests.building import R2I
from tests.children import started
from tests.real_engines import engine_of, remove_image
from tests.registries import PASSWORD, USERNAME, Answer, Fault, Registry, front, refusal
from tests.serving import bridge, certificate
from tests.waiting import until

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parent.parent
VARIABLE = "CONTAINER_ENGINE_REGISTRY_CREDENTIALS"


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> str:
    return engine_of(request.param).name


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who is logged in nowhere and has built nothing."""
    for name in ("XDG_CACHE_HOME", "DOCKER_CONFIG", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One that is built in a moment, and that nobody has built before."""
    top = tmp_path / "repository"
    top.mkdir()
    (top / "Dockerfile").write_text("FROM scratch\nCOPY . /home/\nUSER 1000\n")
    (top / "data").write_bytes(secrets.token_bytes(2_000_000))
    return top


def build(engine: str, source: Path | str, *words: str, **environment: str) -> Completed:
    argv = [R2I, "build", str(source), "--engine", engine, *words]
    return run(argv, env={**os.environ, **environment, "NO_COLOR": "1"}, timeout=400)


def push(engine: str, source: Path | str, *tags: str, **environment: str) -> Completed:
    words = [f"--tag={tag}" for tag in tags]
    return build(engine, source, *words, "--push", **environment)


def test_every_tag_is_pushed_layer_by_layer(engine: str, registry: Registry, repository: Path) -> None:
    name = f"{registry.host}/octavia/{engine}"
    tags = [f"{name}:1", f"{name}:2"]
    done = build(engine, repository, *(f"--tag={each}" for each in tags), "--push", "--progress=json")
    for each in tags:
        remove_image(engine, each)
    records = [json.loads(line) for line in done.stderr.splitlines()]
    schema = json.loads((ROOT / "docs/progress.schema.json").read_text())
    for record in records:
        jsonschema.validate(record, schema)
    pushing = [record for record in records if record.get("phase") == "pushing"]
    digest = registry.digest(f"octavia/{engine}", "1")

    assert (done.returncode, done.stdout) == (0, f"{tags[0]}\n"), done.stderr
    assert registry.tags(f"octavia/{engine}") == ["1", "2"]
    assert registry.digest(f"octavia/{engine}", "2") == digest
    assert [record["digest"] for record in pushing if "digest" in record] == [digest, digest]
    [layer] = {record["layer"] for record in pushing if "layer" in record}
    progress = [record["progress"][layer] for record in pushing if "progress" in record]
    assert "Pushed" in progress
    assert registry.labels(f"octavia/{engine}", "1")["io.r2i.inputs"].startswith("sha256:")


def test_an_image_in_the_registry_is_pulled_only_if_it_was_built_from_the_same(
    engine: str, registry: Registry, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = f"{registry.host}/octavia/reused-{engine}:1"
    first = push(engine, repository, tag)
    assert first.returncode == 0, first.stderr
    remove_image(engine, tag)
    # Another machine: nothing is on record here, and the files are a copy.
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "other"))
    copy = home / "copy"
    repository.rename(copy)
    again = build(engine, copy, "--tag", tag, "--reuse")
    there = build(engine, copy, "--tag", tag, "--reuse")
    labelled = build(engine, copy, "--tag", tag, "--label=a=b", "--reuse")
    (copy / "data").write_text("something else")
    changed = build(engine, copy, "--tag", tag, "--reuse")
    # The tag has gone on to another image, and the one that was pulled is still known by its digest.
    pulled = f"{registry.host}/octavia/reused-{engine}@{registry.digest(f'octavia/reused-{engine}', '1')}"
    for name in (tag, pulled):
        remove_image(engine, name)

    assert (again.returncode, again.stdout) == (0, f"{tag}\n"), again.stderr
    assert "Pulled" in again.stderr
    assert "Built" not in again.stderr
    assert "is up to date" in there.stderr
    for done in (labelled, changed):
        assert done.returncode == 0, done.stderr
        assert f"{tag} in the registry is not reused: it was built from other files" in done.stderr
        assert "Built in" in done.stderr


def test_of_an_index_the_image_for_the_platform_is_pulled(
    registry: Registry, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_of("docker")
    name, entries = "octavia/index", []
    for machine in ("amd64", "arm64"):
        tag = f"{registry.host}/{name}:{machine}"
        done = build("docker", repository, f"--platform=linux/{machine}", "--tag", tag, "--push")
        remove_image("docker", tag)
        assert done.returncode == 0, done.stderr
        found = registry.get(f"{name}/manifests/{machine}", Accept=", ".join(registries.MANIFESTS))
        entries.append(
            {
                "mediaType": found.headers["Content-Type"],
                "digest": found.headers["Docker-Content-Digest"],
                "size": len(found.content),
                "platform": {"os": "linux", "architecture": machine},
            }
        )
    kind = registries.MANIFESTS[1]
    put = requests.put(
        f"http://{registry.host}/v2/{name}/manifests/both",
        data=json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}),
        headers={"Content-Type": kind},
        timeout=30,
    )
    assert put.ok, put.text
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "other"))
    tag = f"{registry.host}/{name}:both"
    done = build("docker", repository, "--platform=linux/arm64", "--tag", tag, "--reuse")
    there = run(["docker", "image", "inspect", "--format={{.Architecture}}", tag]).stdout.strip()
    for each in (tag, f"{registry.host}/{name}@{entries[1]['digest']}"):
        remove_image("docker", each)

    assert done.returncode == 0, done.stderr
    assert "Pulled" in done.stderr
    assert there == "arm64"


def test_an_image_is_reused_although_its_layers_would_be_exported(
    registry: Registry, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of CI has both on every run."""
    engine_of("docker")
    tag = f"{registry.host}/octavia/cached:1"
    first = push("docker", repository, tag)
    remove_image("docker", tag)
    assert first.returncode == 0, first.stderr
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "other"))
    cached = build("docker", repository, "--tag", tag, "--reuse", "--cache-to", "type=inline")
    for name in (tag, f"{registry.host}/octavia/cached@{registry.digest('octavia/cached', '1')}"):
        remove_image("docker", name)

    assert cached.returncode == 0, cached.stderr
    assert "Pulled" in cached.stderr


def test_a_revision_is_pulled_without_fetching_it(
    engine: str, registry: Registry, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in ("init -q -b main", "add -A", "-c user.name=a -c user.email=a@b.org commit -q -m one"):
        assert run(["git", *words.split()], cwd=repository).returncode == 0
    tag = f"{registry.host}/octavia/revision-{engine}:1"
    first = push(engine, f"file://{repository}", tag)
    assert first.returncode == 0, first.stderr
    commit = run(["git", "rev-parse", "HEAD"], cwd=repository).stdout.strip()
    remove_image(engine, tag, all_names=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "other"))
    # The commit is still named, but its files are gone.
    for path in (repository / ".git" / "objects").glob("[0-9a-f][0-9a-f]/*"):
        if path.parent.name + path.name != commit:
            path.unlink()
    again = build(engine, f"file://{repository}", "--tag", tag, "--reuse")
    remove_image(engine, tag, all_names=True)

    assert (again.returncode, again.stdout) == (0, f"{tag}\n"), again.stderr
    assert registry.labels(f"octavia/revision-{engine}", "1")["org.opencontainers.image.revision"] == commit


def test_an_image_of_others_under_the_tag_is_not_taken(
    engine: str, registry: Registry, repository: Path
) -> None:
    tag = f"{registry.host}/octavia/others-{engine}:1"
    verify = ["--tls-verify=false"] if engine == "podman" else []
    for argv in (["build", "--tag", tag, str(repository)], ["push", *verify, tag]):
        # Podman wants the file that this variable names.
        done = run([engine, *argv], env={k: v for k, v in os.environ.items() if k != "DOCKER_CONFIG"})
        assert done.returncode == 0, done.stderr
    remove_image(engine, tag)
    done = build(engine, repository, "--tag", tag, "--reuse")
    remove_image(engine, tag)

    assert done.returncode == 0, done.stderr
    assert f"{tag} in the registry is not reused: it does not say what it was built from" in done.stderr


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registries.registry(tmp_path_factory.mktemp("private"), login=True) as running:
        yield running


def test_a_push_without_a_login_is_refused_before_the_build(
    engine: str, private: Registry, repository: Path
) -> None:
    done = push(engine, repository, f"{private.host}/octavia/course:1")

    assert done.returncode == 6
    assert done.stderr == (
        f"Error: You are not logged in to `{private.host}`\n"
        f"Hint: Run `{engine} login {private.host}`, and try again\n"
    )


def test_a_push_by_the_builder_is_refused_before_the_build(private: Registry, repository: Path) -> None:
    engine_of("docker")
    tag = f"{private.host}/octavia/course:1"
    done = build("docker", repository, "--tag", tag, "--output", "type=registry")

    assert done.returncode == 6
    assert done.stderr.startswith(f"Error: You are not logged in to `{private.host}`\n")


def test_a_push_by_the_builder_is_tried_again_and_told(
    registry: Registry, repository: Path, tmp_path: Path
) -> None:
    engine_of("docker")
    busy = [refusal(429, "TOOMANYREQUESTS", "slow down")]

    def once(method: str, path: str) -> Answer | None:
        return busy.pop() if busy and method == "PUT" and "/manifests/" in path else None

    with front(registry, once) as server:
        tag, file = f"{server.host}/octavia/by-the-builder:1", tmp_path / "metadata.json"
        words = ("--output", "type=registry", "--metadata-file", str(file))
        done = build("docker", repository, "--tag", tag, *words)
        remove_image("docker", tag)
    digest = registry.digest("octavia/by-the-builder", "1")

    assert done.returncode == 0, done.stderr
    assert not busy
    assert f"`{server.host}` takes no more requests for now: trying again" in done.stderr
    assert f"Pushed {tag}@{digest}" in done.stderr
    assert json.loads(file.read_text())["image"]["digest"] == digest


def test_a_push_by_the_builder_that_is_denied_is_named(registry: Registry, repository: Path) -> None:
    engine_of("docker")
    denied = refusal(403, "DENIED", "not you")
    with front(registry, lambda method, _path: denied if method == "PUT" else None) as server:
        tag = f"{server.host}/octavia/denied:1"
        done = build("docker", repository, "--tag", tag, "--output", "type=registry")
        remove_image("docker", tag)

    assert done.returncode == 6
    assert f"Error: You are not logged in to `{server.host}`" in done.stderr


@pytest.mark.parametrize(
    "words", [("--output", "type=oci,dest={archive}"), ("--output", "type=docker")], ids=["archive", "store"]
)
def test_a_push_goes_with_other_outputs(
    engine: str, registry: Registry, repository: Path, tmp_path: Path, words: tuple[str, str]
) -> None:
    archive, name = tmp_path / "image.tar", f"octavia/{engine}-with-{len(words[1])}"
    tag = f"{registry.host}/{name}:1"
    done = build(engine, repository, "--tag", tag, "--push", words[0], words[1].format(archive=archive))
    there = run([engine, "image", "inspect", tag]).returncode == 0
    remove_image(engine, tag)

    assert done.returncode == 0, done.stderr
    assert there
    assert registry.tags(name) == ["1"]
    assert archive.exists() == ("archive" in words[1])


def test_an_image_that_is_not_pushed_has_no_digest(engine: str, repository: Path, tmp_path: Path) -> None:
    """Podman has one for every image."""
    tag, digests = f"127.0.0.1:1/octavia/unpushed-{engine}:1", []
    for name in ("built", "found"):
        done = build(engine, repository, "--tag", tag, "--metadata-file", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        image = json.loads((tmp_path / name).read_text())["image"]
        digests.append(image["digest"])
    remove_image(engine, tag)

    assert digests == [None, None]


def test_what_is_pushed_is_the_image_and_not_what_has_its_name(
    engine: EngineName, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/octavia/named-{engine}:1"
    made = []
    for word in ("this", "other"):
        directory = tmp_path / word
        directory.mkdir()
        (directory / "Dockerfile").write_text(f"FROM scratch\nLABEL word={word}\nCOPY Dockerfile /x\n")
        done = build(engine, directory, "--tag", name)
        assert done.returncode == 0, done.stderr
        found = engine_of(engine).find(name)
        assert found is not None
        made.append(found.id)
    digest = engine_of(engine).push(made[0], name, None, lambda _: None)
    for image in (name, made[1]):
        remove_image(engine, image)

    assert registry.digest(f"octavia/named-{engine}", "1") == digest
    assert registry.labels(f"octavia/named-{engine}", "1")["word"] == "this"


def test_a_push_of_nothing_is_refused(repository: Path) -> None:
    done = build("docker", repository, "--tag", "127.0.0.1:1/a:1", "--push", "--output", "none")

    assert done.returncode == 2
    assert "Error: `--push` conflicts with `--output none`" in done.stderr


def _of_the_variable(host: str, _directory: Path) -> dict[str, str]:
    return {VARIABLE: json.dumps({"username": USERNAME, "password": PASSWORD, "registry": host})}


def _of_the_settings(host: str, directory: Path) -> dict[str, str]:
    auth = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"auths": {f"https://{host}": {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(directory)}


def _of_a_helper(host: str, directory: Path) -> dict[str, str]:
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"credHelpers": {host: "r2i-test"}}))
    helper = directory / "docker-credential-r2i-test"
    answer = json.dumps({"ServerURL": host, "Username": USERNAME, "Secret": PASSWORD})
    helper.write_text(f'#!/bin/sh\n[ "$1 $(cat)" = "get {host}" ] && echo \'{answer}\'\n')
    helper.chmod(0o755)
    return {"DOCKER_CONFIG": str(directory), "PATH": f"{directory}:{os.environ['PATH']}"}


@pytest.mark.parametrize("login", [_of_the_variable, _of_the_settings, _of_a_helper])
def test_a_login_of_the_user_is_used(
    engine: str,
    private: Registry,
    repository: Path,
    tmp_path: Path,
    login: Callable[[str, Path], dict[str, str]],
) -> None:
    name = f"octavia/{engine}{login.__name__.replace('_', '-')}"
    done = push(engine, repository, f"{private.host}/{name}:1", **login(private.host, tmp_path / "settings"))
    remove_image(engine, f"{private.host}/{name}:1")

    assert done.returncode == 0, done.stderr
    assert private.tags(name) == ["1"]
    assert PASSWORD not in done.stdout + done.stderr


@pytest.mark.parametrize("session", [True, False])
def test_a_login_of_podman_is_used(
    private: Registry, repository: Path, monkeypatch: pytest.MonkeyPatch, *, session: bool
) -> None:
    """Without the variable of a session, as root has none, Podman chooses where to keep it."""
    engine_of("podman")
    Path(os.environ["XDG_RUNTIME_DIR"]).mkdir()
    for variable in ("DOCKER_CONFIG", *(() if session else ("XDG_RUNTIME_DIR",))):
        monkeypatch.delenv(variable)
    words = ("login", "--tls-verify=false", f"--username={USERNAME}", "--password-stdin", private.host)
    logged_in = run(["podman", *words], stdin=PASSWORD)
    name = f"octavia/logged-in-{session}".lower()
    try:
        done = push("podman", repository, f"{private.host}/{name}:1")
    finally:
        run(["podman", "logout", private.host])
    remove_image("podman", f"{private.host}/{name}:1")

    assert logged_in.returncode == 0, logged_in.stderr
    assert done.returncode == 0, done.stderr
    assert private.tags(name) == ["1"]


def test_a_base_image_is_pulled_with_the_login_of_the_variable(
    private: Registry, repository: Path, tmp_path: Path
) -> None:
    """Docker keeps everything else of the user's settings, and nothing of the login stays there."""
    engine_of("docker")
    base, tag = f"{private.host}/octavia/base:1", f"{private.host}/octavia/upon:1"
    login = _of_the_variable(private.host, tmp_path)
    first = push("docker", repository, base, **login)
    assert first.returncode == 0, first.stderr
    remove_image("docker", base)
    (repository / "Dockerfile").write_text(f"FROM {base}\nCOPY Dockerfile /home/more\n")
    settings = tmp_path / "own"
    settings.mkdir()
    (settings / "config.json").write_text('{"credsStore": "r2i-none"}')
    words = ("--tag", tag, "--trust-repository")  # else no registry of this machine may be named
    done = build("docker", repository, *words, **login, DOCKER_CONFIG=str(settings))
    remove_image("docker", tag)

    assert done.returncode == 0, done.stderr
    assert (settings / "config.json").read_text() == '{"credsStore": "r2i-none"}'


def test_podman_pulls_a_base_image_without_settings_of_docker(registry: Registry, repository: Path) -> None:
    """Podman itself fails where `DOCKER_CONFIG` is a directory without `config.json`."""
    engine_of("podman")
    base, tag = f"{registry.host}/octavia/plain-base:1", "r2i-test/plain:1"
    first = push("podman", repository, base)
    assert first.returncode == 0, first.stderr
    remove_image("podman", base)
    settings = repository.parent / "registries.conf"
    settings.write_text(f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n')
    sources = Sources(
        bases=(StageBase(reference=base, platform="", line=1),),
        images=frozenset({base}),
        hosts=frozenset(),
        check=lambda *_: None,
    )
    dockerfile = Dockerfile(
        text=f"FROM {base}\nCOPY Dockerfile /more\n", support={}, ignore="", layer_lines={}
    )
    request = BuildRequest(context=repository, dockerfile=dockerfile, tags=(tag,), sources=sources)
    try:
        image = Podman({**os.environ, "CONTAINERS_REGISTRIES_CONF": str(settings)}).build(
            request, lambda _: None
        )
    finally:
        remove_image("podman", tag)
        remove_image("podman", base)

    assert image.reference == tag


@pytest.mark.parametrize(
    ("encrypted", "words"), [(False, "answers without TLS"), (True, "does not trust the certificate of")]
)
def test_a_registry_without_a_trusted_certificate_is_named(
    engine: str, repository: Path, tmp_path: Path, *, encrypted: bool, words: str
) -> None:
    pair = certificate(tmp_path) if encrypted else None
    with front(
        None, lambda _method, _path: Answer(status=200, body="{}"), host=bridge(), certificate=pair
    ) as server:
        tag = f"{server.host}/octavia/course:1"
        done = push(engine, repository, tag)
        remove_image(engine, tag)

    assert done.returncode == 6, done.stderr
    assert words in done.stderr.splitlines()[-2]
    assert server.host in done.stderr.splitlines()[-1]


def _when(method: str, part: str, answer: Answer) -> Fault:
    return lambda asked, path: answer if asked == method and part in path else None


#: At which request of a push what happens, and whether the engine asks again by itself.
FAULTS: dict[str, Fault] = {
    "the connection is cut": _when("PATCH", "/uploads/", Answer(cut=True, taking=500_000)),
    "the disk is full": _when("PUT", "/uploads/", refusal(507, "UNKNOWN", "no space left on device")),
    "the server fails": _when("PATCH", "/uploads/", Answer(status=500)),
    "the server fails last": _when("PUT", "/manifests/", Answer(status=500)),
    "too many requests": _when("PUT", "/manifests/", refusal(429, "TOOMANYREQUESTS", "slow down")),
}


def test_a_fault_in_the_middle_of_a_push_leaves_no_tag(
    engine: str, registry: Registry, repository: Path
) -> None:
    """All at once: an engine waits for most of the time, and then tries again."""

    def pushed(number: int, fault: Fault) -> tuple[Completed, list[str]]:
        with front(registry, fault) as server:
            tag = f"{server.host}/octavia/fault-{number}-{engine}:1"
            done = push(engine, repository, tag)
            remove_image(engine, tag)
        return done, server.asked

    with ThreadPoolExecutor(len(FAULTS)) as pool:
        results = [*pool.map(pushed, range(len(FAULTS)), FAULTS.values())]

    for number, (done, asked) in enumerate(results):
        assert done.returncode == 75, done.stderr
        assert done.stdout == ""
        assert sum(request.startswith(("PATCH", "PUT")) for request in asked) > 1, asked
        found = registry.get(f"octavia/fault-{number}-{engine}/manifests/1", Accept=registries.MANIFESTS[0])
        assert found.status_code == 404


def test_ctrl_c_ends_a_push(engine: str, registry: Registry, repository: Path) -> None:
    waiting, over = threading.Event(), threading.Event()

    def slow(method: str, _path: str) -> Answer | None:
        if method == "PATCH":
            waiting.set()
            over.wait(60)
        return None

    with front(registry, slow) as server:
        name = f"octavia/interrupted-{engine}"
        tag = f"{server.host}/{name}:1"
        argv = [R2I, "build", str(repository), "--engine", engine, "--tag", tag, "--push"]
        with started(*argv) as child:
            until(waiting.is_set)
            child.send_signal(signal.SIGINT)
            status = child.wait(30)
        over.set()
        remove_image(engine, tag)

    assert status == 130
    assert not [request for request in server.asked if request.startswith("PUT") and "/manifests/" in request]
    assert registry.get(f"{name}/manifests/1", Accept=registries.MANIFESTS[0]).status_code == 404
