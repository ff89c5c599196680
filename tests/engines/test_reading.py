"""What needs no engine: command lines, and reading what engines write."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.children import started

from r2i.engines import EngineName, buildah, docker, podman, podman_container
from r2i.engines.bounds import Bounds
from r2i.engines.buildkit import SolveProgress
from r2i.engines.choice import choose
from r2i.engines.context import Workspace
from r2i.engines.docker import Docker
from r2i.engines.docker_container import remote_host
from r2i.engines.environment import child_environment, passed_by_name
from r2i.engines.failure import engine_failure, start_failure, step_failure
from r2i.engines.mounts import mounts
from r2i.engines.ownership import is_abandoned, labels
from r2i.engines.podman import Podman
from r2i.engines.protocol import BuildRequest, Mount, Port, RunRequest, Sources, StepEvent
from r2i.errors import BuildFailedError, EngineError, R2iError, TemporaryError
from r2i.formats.dockerfile import stages
from r2i.model import Dockerfile
from r2i.process import Completed, run

FILES = Workspace(
    dockerfile=Path("/t/Dockerfile"),
    ignore=Path("/t/Dockerfile.dockerignore"),
    support=Path("/t/support"),
    image_id=Path("/t/image-id"),
    secrets={"host": Path("/s/host")},
    logins=None,
    directories=(),
)
BUILD = BuildRequest(
    context=Path("/checkout"),
    dockerfile=Dockerfile(text="", support={}, ignore="", layer_lines={}),
    tags=("one:1", "two"),
    labels={"a": "b c"},
    no_cache=True,
)
RUN = RunRequest(
    image="image:1",
    command=("sh", "-c", "id"),
    ports=(Port(container_port=8888), Port(container_port=53, host_port=5353, host="::1", protocol="udp")),
    publish_all=True,
    mounts=(Mount(source=Path("/a"), target="/b", read_only=True), Mount(source=Path('/a,"b'), target="/c")),
    user="1000",
    memory=2 << 30,
    cpus=1.5,
    gpus="2",
    labels={"a": "b"},
)


def ignore(_: StepEvent) -> None:
    pass


def test_docker_builds_with_this_command() -> None:
    assert docker.build_argv(BUILD, FILES, build_args=["A", "PATH=/bin"]) == (
        *("docker", "buildx", "build", "--progress=rawjson", "--file=/t/Dockerfile"),
        *("--build-context=r2i=/t/support", "--iidfile=/t/image-id", "--ulimit=fsize=53687091200"),
        *("--add-host=r2i.invalid:::1", "--secret=id=host,src=/s/host"),
        *("--tag=one:1", "--tag=two", "--label=a=b c", "--build-arg=A", "--build-arg=PATH=/bin"),
        *("--no-cache", "--load", "--", "/checkout"),
    )


def test_podman_builds_with_this_command() -> None:
    assert podman.build_argv(BUILD, FILES, build_args=["A"]) == (
        *("podman", "build", "--layers", "--format=docker", "--http-proxy=false", "--file=/t/Dockerfile"),
        *("--ignorefile=/t/Dockerfile.dockerignore", "--build-context=r2i=/t/support"),
        *(
            "--iidfile=/t/image-id",
            "--ulimit=fsize=53687091200",
            "--secret=id=host,src=/s/host",
            "--tag=one:1",
            "--tag=two",
        ),
        *("--label=a=b c", "--build-arg=A", "--no-cache", "--", "/checkout"),
    )


def test_arguments_of_the_user_stand_before_the_context() -> None:
    asked = replace(BUILD, arguments=("--pull", "--shm-size=1g"))

    for argv in (docker.build_argv(asked, FILES), podman.build_argv(asked, FILES)):
        assert argv[-4:] == ("--pull", "--shm-size=1g", "--", "/checkout")


BOUNDED = replace(BUILD, network=False, bounds=Bounds(memory=1 << 30, cpus=1.5, image_size=1 << 20))


def test_what_bounds_a_build_stands_in_the_commands() -> None:
    commands = (docker.build_argv(BOUNDED, FILES), podman.build_argv(BOUNDED, FILES))

    assert all({"--network=none", "--ulimit=fsize=1048576"} <= {*argv} for argv in commands)
    assert {"--memory=1073741824", "--cpu-period=100000", "--cpu-quota=150000"} <= {*commands[1]}


@pytest.mark.parametrize("request_", [BUILD, BOUNDED])
def test_no_build_gets_rights_or_the_network_of_the_host(request_: BuildRequest) -> None:
    words = [*docker.build_argv(request_, FILES), *podman.build_argv(request_, FILES)]

    refused = ("--allow", "--privileged", "--network=host", "--security", "--cap-add", "--device", "--volume")
    assert not [word for word in words if word.startswith(refused)]


def test_podman_runs_with_this_command() -> None:
    assert podman_container.create_argv(RUN, "name", environment=["TOKEN"]) == (
        *("podman", "create", "--name=name", "--init", "--security-opt=no-new-privileges"),
        *("--cap-drop=all", "--log-driver=k8s-file", "--log-opt=max-size=100000000"),
        *(
            "--http-proxy=false",
            *(f"--label={name}={value}" for name, value in labels().items()),
            "--label=a=b",
        ),
        *("--publish=127.0.0.1::8888/tcp", "--publish=[::1]:5353:53/udp", "--publish-all"),
        *(
            "--mount=type=bind,source=/a,target=/b,nosuid,nodev,ro=true",
            '--mount=type=bind,"source=/a,""b",target=/c,nosuid,nodev',
        ),
        *("--env=TOKEN", "--user=1000", "--memory=2147483648", "--cpus=1.5"),
        *("--device=nvidia.com/gpu=0", "--device=nvidia.com/gpu=1", "--", "image:1", "sh", "-c", "id"),
    )


def test_rootless_podman_runs_as_the_owner_of_what_is_mounted() -> None:
    word = "--userns=keep-id:uid=1000,gid=100"
    mounted = replace(RUN, mounts=(Mount(source=Path("/d"), target="/e"),), user="1000:100")

    assert word in podman_container.create_argv(mounted, "name", rootless=True)
    assert word not in podman_container.create_argv(mounted, "name")
    assert word not in podman_container.create_argv(replace(mounted, mounts=()), "name", rootless=True)


def test_engine_gets_no_secret_of_our_environment() -> None:
    environ = {
        "PATH": "/bin",
        "JUPYTERHUB_API_TOKEN": "x",
        "DOCKER_HOST": "unix:///d",
        "HTTPS_PROXY": "http://u:p@h",
    }

    assert child_environment({**environ, "HOME": "/h"}) == {
        "PATH": "/bin",
        "HOME": "/h",
        "DOCKER_HOST": "unix:///d",
    }
    assert "HOME" in child_environment(environ)
    assert child_environment(environ, pulls=True)["HTTPS_PROXY"] == "http://u:p@h"


def test_variables_that_the_engine_reads_are_spelled_out() -> None:
    words, added = passed_by_name({"TOKEN": "x", "HOME": "/h", "DOCKER_HOST": "y"}, {})

    assert words == ["TOKEN", "HOME=/h", "DOCKER_HOST=y"]
    assert added == {"TOKEN": "x"}


def test_process_that_ended_has_abandoned_what_it_owned() -> None:
    program = "from r2i.engines.ownership import labels; print(labels()['io.r2i.owner'], flush=True); input()"
    with started(sys.executable, "-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        owner = child.stdout.readline().strip()
        alive = is_abandoned(owner)
    host, pid, began = owner.rsplit("/", 2)

    assert not alive
    assert is_abandoned(owner)
    assert is_abandoned(f"{host}/{os.getpid()}/{began}"), "the number is used again"
    assert not is_abandoned(f"{host}/{os.getpid()}/"), "nothing tells that it is another process"
    assert not is_abandoned(f"other-{host}/{pid}/{began}")
    assert not is_abandoned(labels()["io.r2i.owner"])


@given(st.text(alphabet=st.sampled_from("/0123456789-\nx٣")) | st.text())
def test_whose_else_a_container_is_it_is_not_abandoned(owner: str) -> None:
    host = labels()["io.r2i.owner"].rsplit("/", 2)[0]

    assert not is_abandoned(owner)
    is_abandoned(f"{host}/{owner}")


@given(st.text(alphabet=st.sampled_from("FROM RUN COPY\n\\#<<EOF'\"`as-= \tx=[]\r\0{}$é"), max_size=80))
def test_any_text_is_taken_apart(text: str) -> None:
    for stage in stages("FROM x\n" + text):
        assert stage.instructions[0].keyword == "FROM"
        for instruction in stage.instructions:
            assert instruction.line <= text.count("\n") + text.count("\r") + 2
            list(mounts(instruction))


@given(st.lists(st.text(max_size=30)), st.binary(max_size=40))
def test_any_lines_are_survived(lines: list[str], data: bytes) -> None:
    events: list[StepEvent] = []
    progress = SolveProgress((), events.append)
    vertex = {"digest": "d", "name": "[2/2] RUN x", "started": "2026-01-02T03:04:05Z"}
    for line in (*lines, "}", json.dumps({"vertexes": [vertex]})):
        progress.feed(line)
    for half in (data[:7], data[7:]):
        progress.feed(json.dumps({"logs": [{"vertex": "d", "data": base64.b64encode(half).decode()}]}))
    done = {**vertex, "completed": "2026-01-02T03:04:06.5Z"}
    progress.feed(json.dumps({"vertexes": [done]}, indent=2).replace("}\n  ]", "}\n  ]"))
    for line in json.dumps({"vertexes": [done]}, indent=2).splitlines():
        progress.feed(line)

    assert events[0].state == "started"
    assert events[-1].state == "done"
    assert events[-1].seconds == 1.5
    shown = [event.output for event in events if event.state == "output"]
    whole = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode(errors="replace")
    assert shown == whole.removesuffix("\n").split("\n") if data else shown == []


def test_step_of_a_base_image_has_no_line() -> None:
    """BuildKit does not count an `ONBUILD` in the number of steps."""
    events: list[StepEvent] = []
    progress = SolveProgress(stages("FROM x\n"), events.append)
    vertex = {"digest": "a", "name": "[2/1] ADD x /x", "started": "2026-01-01T00:00:00Z"}
    progress.feed(json.dumps({"vertexes": [vertex]}))

    assert [event.line for event in events] == [None]


def test_a_cache_that_is_not_there_yet_is_no_failure() -> None:
    """The first build of a name looks for it in vain; what fails later is what failed."""
    events: list[StepEvent] = []
    progress = SolveProgress((), events.append)
    cache = {
        "digest": "a",
        "name": "importing cache manifest from x/y:latest",
        "started": "2026-01-01T00:00:00Z",
    }
    step = {"digest": "b", "name": "[2/2] RUN false", "started": "2026-01-01T00:00:00Z"}
    for vertex, error in ((cache, "x/y:latest: not found"), (step, "exit code: 1")):
        progress.feed(json.dumps({"vertexes": [vertex]}))
        failed = {**vertex, "completed": "2026-01-01T00:00:01Z", "error": error}
        progress.feed(json.dumps({"vertexes": [failed]}))

    assert [(event.state, event.output) for event in events if event.step == "a"] == [
        ("started", ""),
        ("output", "x/y:latest: not found"),
        ("done", ""),
    ]
    assert progress.failed is not None
    assert progress.failed.text == "RUN false"


def test_foreign_line_inside_an_object_is_text() -> None:
    progress = SolveProgress((), ignore)
    for line in ("{", '  "vertexes": [', "WARNING: something", "  ]", "}", "ERROR: end"):
        progress.feed(line)

    assert list(progress.text) == ["WARNING: something", "ERROR: end"]


def test_podman_progress_believes_only_the_next_step() -> None:
    text = "FROM x\nRUN one\nRUN two\n"
    events: list[StepEvent] = []
    progress = buildah.BuildProgress(stages(text), {1: 1, 2: 2, 3: 3}, events.append)
    for line in ("STEP 1/3: FROM x", "STEP 2/3: RUN one", "STEP 2/3: RUN one", "STEP 1/3: FROM x", "COMMIT"):
        progress.feed(line)
    for line in ("--> Using cache " + "0" * 64, "STEP 3/3: RUN two", "COMMIT y", "--> " + "0" * 11, "0" * 64):
        progress.feed(line)

    assert [(event.line, event.state) for event in events if event.state != "output"] == [
        *((1, "started"), (1, "done"), (2, "started"), (2, "cached"), (3, "started"), (3, "done")),
    ]
    assert [event.output for event in events if event.state == "output"] == [
        "STEP 2/3: RUN one",
        "STEP 1/3: FROM x",
    ]


def test_podman_that_is_overtaken_begins_anew() -> None:
    """What it has built comes from the cache then, but r2i has told that it was built."""
    events: list[StepEvent] = []
    told = buildah.ToldOnce(events.append)
    first, second = (
        buildah.BuildProgress(stages("FROM x\nRUN one\nRUN two\n"), {1: 1, 2: 2, 3: 3}, told)
        for _ in range(2)
    )
    said = "Error: checking if cached image exists from a previous build: getting top layer info: layer not known"
    for line in ("STEP 1/3: FROM x", "STEP 2/3: RUN one", "--> " + "0" * 11, "STEP 3/3: RUN two", said):
        first.feed(line)
    for line in ("STEP 1/3: FROM x", "STEP 2/3: RUN one", "--> Using cache " + "0" * 64, "STEP 3/3: RUN two"):
        second.feed(line)
    second.feed("COMMIT")

    assert (first.overtaken, second.overtaken) == (True, False)
    assert [(event.line, event.state) for event in events] == [
        *((1, "started"), (1, "done"), (2, "started"), (2, "done")),
        *((3, "started"), (3, "started"), (3, "done")),
    ]


def test_podman_stages_take_turns() -> None:
    text = "FROM x AS a\nRUN one\nFROM x\nCOPY --from=a /a /a\n"
    events: list[StepEvent] = []
    progress = buildah.BuildProgress(stages(text), {n: n for n in range(1, 5)}, events.append)
    for line in (
        "[2/2] STEP 1/2: FROM x",
        "[2/2] STEP 2/2: COPY --from=a /a /a",
        "[1/2] STEP 1/2: FROM x AS a",
    ):
        progress.feed(line)
    for line in ("[1/2] STEP 2/2: RUN one", "output", "--> 0123456789a", 'Error: building at STEP "COPY'):
        progress.feed(line)
    reason = progress.fail('"COPY --from=a /a /a": no such file')

    assert [event.line for event in events if event.state == "started"] == [3, 4, 1, 2]
    assert [event.line for event in events if event.output == "output"] == [2]
    assert (events[-1].state, events[-1].line, reason) == ("failed", 4, "no such file")


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            EngineError,
            "Docker does not answer",
        ),
        (
            (
                "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock:"
                ' Get "http://%2Fvar": dial unix /var/run/docker.sock: connect: permission denied'
            ),
            EngineError,
            "You do not have permission to use the Docker daemon",
        ),
        (
            "Error response from daemon: client version 1.50 is too new. Maximum supported API version is 1.41",
            EngineError,
            "The Docker client and daemon have incompatible versions",
        ),
        (
            "ERROR: failed to solve: failed to copy: write /var/lib/docker/x: no space left on device",
            EngineError,
            "The disk of Docker is full",
        ),
        (
            (
                "ERROR: failed to solve: debian:nope: failed to resolve source metadata for docker.io/library/debian:nope:"
                " docker.io/library/debian:nope: not found"
            ),
            EngineError,
            "The base image `docker.io/library/debian:nope` does not exist",
        ),
        (
            (
                "ERROR: failed to solve: a/b: failed to resolve source metadata for localhost:5000/a/b:1: unexpected status"
                " code [manifests 1]: 503 Service Unavailable"
            ),
            TemporaryError,
            "The base image `localhost:5000/a/b:1` cannot be pulled",
        ),
        (
            (
                "ERROR: failed to solve: failed to resolve source metadata for docker.io/library/debian:x: unexpected status"
                " from HEAD request to https://r/v2/x: 429 Too Many Requests"
            ),
            TemporaryError,
            "The base image `docker.io/library/debian:x` cannot be pulled",
        ),
    ],
)
def test_trouble_has_words(said: str, kind: type[R2iError], message: str) -> None:
    error = engine_failure(said, "docker")

    assert type(error) is kind
    assert error.message.startswith(message)
    assert error.hint


@pytest.mark.parametrize(
    ("image", "engine", "hint"),
    [
        ("docker.io/library/debian:trixie-slim", "docker", "`r2i setup`"),
        ("docker.io/library/debian:trixie-slim", "podman", "`r2i setup --engine podman`"),
        ("debian:12", "docker", "`r2i setup --base-image debian:12`"),
        ("$(id)/debian:12", "docker", "`r2i setup --base-image '$(id)/debian:12'`"),
        ("docker.io/library/python:3.12-bookworm", "docker", "`docker login`"),
        ("quay.io/jupyter/base-notebook", "podman", "`podman login`"),
    ],
)
@pytest.mark.parametrize("passing", [False, True])
def test_setup_is_named_where_it_makes_that_image(
    image: str, engine: EngineName, hint: str, *, passing: bool
) -> None:
    why = "dial tcp: lookup registry.example.org: no such host" if passing else "not found"
    error = engine_failure(f"failed to resolve source metadata for {image}: {why}", engine)

    assert error.hint is not None
    if "setup" in hint or not passing:
        assert hint in error.hint
    else:
        assert "network" in error.hint
        assert "setup" not in error.hint


def test_port_is_found_in_what_docker_says() -> None:
    said = (
        "driver failed programming external connectivity on endpoint r2i-1 (0f): Bind for 127.0.0.1:8888 failed:"
        " port is already allocated"
    )

    assert start_failure(said, RUN, "docker").message == "Port 8888 is already in use"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("auto", "Run `r2i setup`"), ("docker", "Run `r2i setup`"), ("podman", "Run `r2i setup")],
)
def test_machine_without_an_engine(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(EngineError, match="is not installed") as caught:
        choose(name, {"PATH": str(tmp_path), "HOME": str(tmp_path)})  # type: ignore[arg-type]

    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)


def answering(stdout: str) -> object:
    def runner(argv: Sequence[str], **_: object) -> Completed:
        return Completed(argv=tuple(argv), returncode=0, stdout=stdout, stderr="")

    return runner


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('{"Version": "20.10.24"}', "Docker 20.10.24 is too old"),
        ('{"Version": "5.4.2", "Components": [{"Name": "Podman Engine"}]}', "The `docker` command is Podman"),
        ("null", "Docker failed"),
    ],
)
def test_docker_that_cannot_build_is_refused(answer: str, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        Docker({}, answering(answer)).check()  # type: ignore[arg-type]

    assert caught.value.message.startswith(message)


def test_old_podman_is_refused() -> None:
    with pytest.raises(EngineError, match=r"Podman 3\.4\.4 is too old"):
        Podman({}, answering('{"Client": {"Version": "3.4.4"}}')).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("unix:///var/run/docker.sock", None),
        ("tcp://127.0.0.1:2375", None),
        ("tcp://localhost:2375", None),
        ("tcp://192.0.2.1:2376", "192.0.2.1"),
        ("tcp://[2001:db8::1]:2376", "2001:db8::1"),
        ("ssh://ada@build.example.org", "build.example.org"),
    ],
)
def test_machine_of_a_docker_elsewhere(address: str, host: str | None) -> None:
    assert remote_host({"Endpoints": {"docker": {"Host": address}}}) == host


@pytest.mark.engine
def test_unreachable_daemon_is_said(tmp_path: Path) -> None:
    if run(["docker", "--version"]).returncode:
        pytest.skip("docker is not installed")
    environ = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    with pytest.raises(EngineError, match="Docker does not answer"):
        Docker(environ).check()
    with pytest.raises(EngineError, match="Docker does not answer"):
        Docker(environ).find("x")
    with pytest.raises(EngineError, match="Docker does not answer"):
        Docker(environ).build(BUILD, ignore)
    with pytest.raises(EngineError, match="There is no Docker context `nowhere`"):
        Docker(
            {**{k: v for k, v in os.environ.items() if k != "DOCKER_HOST"}, "DOCKER_CONTEXT": "nowhere"}
        ).check()


def test_a_name_without_a_registry_is_no_missing_image() -> None:
    said = (
        'Error: creating build container: short-name "rocker/r-ver:4.3" did not resolve to an alias and no'
        ' unqualified-search registries are defined in "/etc/containers/registries.conf"'
    )
    failure = engine_failure(said, "podman")

    assert isinstance(failure, EngineError)
    assert failure.message == "Podman is set up with no registry in which to look for `rocker/r-ver:4.3`"
    assert "Write `docker.io/rocker/r-ver:4.3`" in (failure.hint or "")


@pytest.mark.parametrize(
    ("printed", "error", "message"),
    [
        (
            "error running container: from /usr/bin/crun creating container for [/bin/sh -c id]: mount `proc` to `proc`: Operation not permitted",
            "while running runtime: exit status 1",
            "This container masks `/proc`",
        ),
        (
            "error running container: did not get container start message from parent: EOF",
            "failed to read from slirp4netns sync pipe: EOF",
            "Podman cannot give containers a network",
        ),
        ("error running container: no", "while running runtime: exit status 1", None),
    ],
)
def test_a_step_that_podman_could_not_begin_is_no_fault_of_the_repository(
    printed: str, error: str, message: str | None
) -> None:
    failure = step_failure("RUN id", error, line=2, log=(printed, ": exit status 1"), engine="podman")

    assert isinstance(failure, BuildFailedError if message is None else EngineError)
    assert failure.message.startswith(message or "`RUN id` failed with exit status 1")


def test_podman_without_user_namespaces_is_said() -> None:
    failure = engine_failure("cannot clone: Operation not permitted\nError: cannot re-exec process", "podman")

    assert failure.message == "Podman may not create user namespaces here"


@pytest.mark.parametrize(
    ("isolation", "arguments", "said"),
    [
        ("chroot", (), "are not separated from this machine"),
        (" Chroot", (), "are not separated from this machine"),
        ("", ("--isolation=chroot",), "`--isolation` does not apply"),
        ("", ("--isolation", "Chroot"), "`--isolation` does not apply"),
    ],
)
def test_a_chroot_does_not_hold_a_dockerfile_of_others(
    isolation: str, arguments: tuple[str, ...], said: str
) -> None:
    sources = Sources(bases=(), images=frozenset(), hosts=frozenset(), check=lambda *_: None)
    request = replace(BUILD, sources=sources, arguments=arguments)
    with pytest.raises(EngineError, match=said):
        Podman({"BUILDAH_ISOLATION": isolation}).build(request, ignore)
