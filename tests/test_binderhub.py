"""`r2i repo2docker` as BinderHub calls it: its command line, its environment, and how it reads what is said."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from r2i.process import run
from tests.building import R2I, Built
from tests.real_engines import BASE, engine_of
from tests.registries import PASSWORD, USERNAME, registry
from tests.sources.serving import Repository, serve
from tests.waiting import until

pytestmark = pytest.mark.engine

#: What a hub has in its environment, and a build must not get to know.
TOKEN = "hub-admin-token-5f2a"
#: Beside these, a hub passes on nothing: no home, no user.
PASSED_ON = ("PATH", "SSL_CERT_FILE", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "DOCKER_HOST")
#: What mybinder.org adds.
EXTRA = ("--Repo2Docker.default_buildpack=None", '--DockerEngine.extra_init_args={"timeout":1200}')
PHASES = {"fetching", "building", "pushing", "running", "failed"}


@dataclass
class Hub:
    """One build, as the hub sees it: what it forwards to browsers, and the exit status."""

    image: str
    child: subprocess.Popen[bytes]
    messages: list[dict[str, Any]] = field(default_factory=list)

    def follow(self) -> Iterator[str]:
        """Each message; what is no JSON object would be of an unknown phase, or break the stream."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            message = json.loads(line)
            assert isinstance(message, dict), line
            assert message["phase"] in PHASES, line
            self.messages.append(message)
            yield message["message"]

    def end(self) -> int:
        for _ in self.follow():
            pass
        return self.child.wait()

    @property
    def log(self) -> str:
        return "".join(message["message"] for message in self.messages)


@contextmanager
def build(url: str, ref: str, *more: str, prefix: str = "r2i-test-hub", **variables: str) -> Iterator[Hub]:
    """Start a build as BinderHub does; the image is removed at the end."""
    engine_of("docker")
    name = f"b-http-3a-2f-2f127-2e0-2e0-2e1-3a40309-2fsample-2egit-{secrets.token_hex(3)}"
    image = f"{prefix}/{name}:{ref}"
    argv = [R2I, "repo2docker", f"--ref={ref}", f"--image={image}", "--no-clean", "--no-run", "--json-logs"]
    argv += ["--user-name=jovyan", "--user-id=1000", "--appendix", "ENV FROM_THE_HUB=yes\nLABEL a=b\n"]
    environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environ |= {"JUPYTERHUB_API_TOKEN": TOKEN, **variables}
    child = subprocess.Popen(
        [*argv, *EXTRA, *more, url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ
    )
    try:
        yield Hub(image=image, child=child)
    finally:
        child.kill()
        child.communicate()
        made = run(["docker", "image", "inspect", "--format={{.Id}}", image]).stdout.strip()
        if made:  # under the name that r2i gives it, too
            run(["docker", "image", "rm", "--force", "--no-prune", made])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Repository, str]]:
    """A repository, and the address at which a server has it."""
    repository = Repository.make(tmp_path_factory.mktemp("git"), "sample")
    repository.commit(**{"runtime.txt": "ruby-3.1\n", "start": 'export STARTED=yes\nexec "$@"\n'})
    repository.publish()
    with serve(repository.served.parent) as server:
        yield repository, f"{server.url}/sample.git"


def test_a_build_ends_with_an_image_of_exactly_that_name(sample: tuple[Repository, str]) -> None:
    repository, url = sample
    ref = repository.commit(**{"data__a.txt": secrets.token_hex(8)})
    repository.publish()

    with build(url, ref) as hub:
        assert hub.end() == 0, hub.log
        image = Built(tag=hub.image, log=hub.log)
        asked = "command -v jupyter-notebook; echo $STARTED $FROM_THE_HUB $USER $(id -u) $PWD; cat data/a.txt"
        answers = image.answer(asked).splitlines()
        version = image.answer("jupyter-notebook --version")
        labels = run(["docker", "image", "inspect", "--format={{json .Config.Labels}}", hub.image]).stdout

    assert hub.messages[0]["phase"] == "fetching"
    assert {message["phase"] for message in hub.messages} == {"fetching", "building"}
    assert "`ruby-3.1` has no effect" in hub.log
    assert answers[0].endswith("/jupyter-notebook")
    assert answers[1] == "yes yes jovyan 1000 /home/jovyan"
    assert re.fullmatch(r"\d+(\.\w+)+\n", version)
    assert json.loads(labels)["repo2docker.ref"] == ref
    assert json.loads(labels)["a"] == "b"


def test_a_failed_build_ends_with_a_reason(sample: tuple[Repository, str]) -> None:
    repository, url = sample
    ref = repository.commit(postBuild="#!/bin/sh\necho about to fail\nexit 3\n")
    repository.publish()

    with build(url, ref) as hub:
        assert hub.end() == 1, hub.log

    *before, last = hub.messages
    assert last["phase"] == "failed"
    assert "postBuild" in last["message"]
    assert "\nHint: " in last["message"]
    assert any("about to fail" in message["message"] for message in before)
    assert "failed" not in {message["phase"] for message in before}


def test_a_repository_without_a_declaration_is_refused_where_the_hub_says_so(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path, "empty")
    ref = repository.commit(README="words\n")
    repository.publish()

    with serve(repository.served.parent) as server, build(f"{server.url}/empty.git", ref) as hub:
        assert hub.end() == 1

    assert "No file in the repository declares an environment" in hub.messages[-1]["message"]


def test_a_login_of_the_hub_reaches_the_server_of_the_repository(tmp_path: Path) -> None:
    """With two characters for the line end, as BinderHub writes it."""
    repository = Repository.make(tmp_path, "private")
    ref = repository.commit(README="words\n")
    repository.publish()
    login = r"username=a-token\npassword=x-oauth-basic"

    with serve(repository.served.parent, login="a-token:x-oauth-basic") as server:
        with build(f"{server.url}/private.git", ref, GIT_CREDENTIAL_ENV=login) as hub:
            hub.end()
        with build(f"{server.url}/private.git", ref) as stranger:
            stranger.end()

    assert "declares an environment" in hub.messages[-1]["message"]
    assert "declares an environment" not in stranger.messages[-1]["message"]
    assert "a-token" not in hub.log


def test_a_push_is_told_by_its_layers_and_needs_the_login_of_the_hub(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path, "sample")
    word = secrets.token_hex(4)  # of a step from the cache nothing is told
    asking = f'ARG JUPYTERHUB_API_TOKEN\nRUN echo "{word}: [$JUPYTERHUB_API_TOKEN]"; env'
    ref = repository.commit(Dockerfile=f"FROM {BASE}\n{asking}\nUSER 1000\n")
    repository.publish()
    with (
        serve(repository.served.parent) as server,
        registry(tmp_path / "registry", login=True) as there,
    ):
        url, prefix = f"{server.url}/sample.git", f"{there.host}/binder"
        login = {"registry": there.host, "username": USERNAME, "password": PASSWORD}
        given = {"CONTAINER_ENGINE_REGISTRY_CREDENTIALS": json.dumps(login)}
        with build(url, ref, "--push", prefix=prefix, **given) as hub:
            assert hub.end() == 0, hub.log
            name = hub.image.removeprefix(f"{there.host}/").removesuffix(f":{ref}")
            digest = there.digest(name, ref)
        given["CONTAINER_ENGINE_REGISTRY_CREDENTIALS"] = json.dumps({**login, "password": "wrong"})
        with build(url, ref, "--push", prefix=prefix, **given) as stranger:
            assert stranger.end() == 1, stranger.log

    pushed = [message for message in hub.messages if message["phase"] == "pushing"]
    assert digest is not None
    assert digest in pushed[-1]["message"]
    states = [state for message in pushed for state in message.get("progress", {}).values()]
    assert "Pushed" in states
    assert all(isinstance(state, str) or state.keys() == {"current", "total"} for state in states)
    assert stranger.messages[-1]["phase"] == "failed"
    assert there.host in stranger.messages[-1]["message"]
    assert f"{word}: []" in hub.log
    assert TOKEN not in hub.log
    assert PASSWORD not in hub.log


def test_a_killed_build_leaves_no_process_and_is_never_silent(sample: tuple[Repository, str]) -> None:
    """A hub ends it with SIGKILL once its user has left, which it sees at the next line only."""
    repository, url = sample
    seconds = str(secrets.randbelow(10**6) + 10**7)
    ref = repository.commit(postBuild=f"#!/bin/sh\nsleep {seconds}\n")
    repository.publish()

    with build(url, ref) as hub:
        beats = 0
        for message in hub.follow():
            beats += "still running" in message and "postBuild" in message
            if beats == 2:
                break
        assert beats == 2, hub.log
        ours = processes(hub.image)
        assert len(ours) > 1
        assert [pid for pid in ours if pid != hub.child.pid and TOKEN in variables_of(pid)] == []
        assert processes(f"sleep {seconds}")
        hub.child.send_signal(signal.SIGKILL)
        hub.child.wait()

        until(lambda: not processes(hub.image) and not processes(f"sleep {seconds}"), patience=60)


@pytest.mark.parametrize("by", ["commit", "branch"])
def test_a_killed_fetch_leaves_no_process(by: str, tmp_path: Path) -> None:
    repository = Repository.make(tmp_path, "slow")
    ref = repository.commit(README="words\n") if by == "commit" else "main"
    repository.publish()

    with (
        serve(repository.served.parent, mode="slow") as server,
        build(f"{server.url}/slow.git", ref) as hub,
    ):
        assert any("Still fetching" in message for message in hub.follow())
        assert len(processes(server.url)) > 1
        hub.child.send_signal(signal.SIGKILL)
        hub.child.wait()

        until(lambda: not processes(server.url), patience=30)


def processes(words: str) -> list[int]:
    """Those whose command lines have these words: programs of ours, and build steps."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            text = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [int(file.parent.name)] if words in text else []
    return found


def variables_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text(errors="replace")
