"""Real containers, on every engine that answers."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.children import started
from tests.engines.conftest import Build
from tests.real_engines import BASE

from r2i.engines.docker_container import DockerContainer
from r2i.engines.protocol import Container, Engine, File, Mount, Port, RunRequest
from r2i.errors import EngineError
from r2i.process import run

pytestmark = pytest.mark.engine

#: Answers every request with what HTTP calls no content; perl is in every Debian.
SERVER = (
    "$| = 1; $SIG{TERM} = sub { exit }; $s = IO::Socket::INET->new(LocalPort => 8888, Listen => 5, ReuseAddr => 1) or die $!;"
    r' print "up\n"; while ($c = $s->accept) { while (<$c> =~ /\S/) {}'
    r' print $c "HTTP/1.0 204 No Content\r\n\r\n"; close $c }'
)
SERVE = ("perl", "-MIO::Socket", "-e", SERVER)


def shell(script: str, **more: object) -> RunRequest:
    return RunRequest(image=BASE, command=("sh", "-c", script), **more)  # type: ignore[arg-type]


def exists(engine: Engine, container: str) -> bool:
    return run([engine.name, "container", "inspect", container]).returncode == 0


def wait_for(container: Container, line: str) -> None:
    assert next(iter(container.logs())) == line


def test_command_that_ends_at_once_is_read_and_removed(engine: Engine) -> None:
    with engine.start(shell("echo one; echo zwölf; printf open; exit 7")) as container:
        assert container.wait() == 7
        assert list(container.logs()) == ["one", "zwölf", "open"]
        assert not container.running()
        assert exists(engine, container.id)

    assert not exists(engine, container.id)


def test_logs_are_followed(engine: Engine) -> None:
    with engine.start(
        shell("trap exit TERM; echo one; sleep 0.5; echo two >&2; sleep 60 & wait")
    ) as container:
        logs = iter(container.logs())

        assert [next(logs), next(logs)] == ["one", "two"]
        assert container.running()


def test_line_without_an_end_comes_in_pieces(engine: Engine) -> None:
    with engine.start(shell("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end")) as container:
        *pieces, last = container.logs()

    assert last == "end"
    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) < 2_000_000


def test_container_is_removed_when_we_are_interrupted(engine: Engine) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        engine.start(shell("trap 'exit 0' TERM; sleep 60 & wait")) as container,
    ):
        raise KeyboardInterrupt

    assert not exists(engine, container.id)


RUN_AND_HANG = """
import os, sys
from r2i.engines.choice import choose
from r2i.engines.protocol import RunRequest
with choose(sys.argv[1], os.environ).start(RunRequest(image=sys.argv[2], command=("sleep", "100"))) as container:
    print(container.id, flush=True)
    container.wait()
"""


def test_container_of_a_killed_process_is_removed_by_the_next(engine: Engine) -> None:
    with (
        started(sys.executable, "-c", RUN_AND_HANG, engine.name, BASE, stdout=subprocess.PIPE) as child,
        engine.start(shell("sleep 60")) as ours,
    ):
        assert child.stdout is not None
        left = child.stdout.readline().strip()
        with engine.start(shell("true")):
            spared = exists(engine, left)
        child.kill()
        child.wait()
        with engine.start(shell("true")):
            gone = not exists(engine, left)

        assert spared
        assert gone
        assert exists(engine, ours.id)


def test_stop_ends_it(engine: Engine) -> None:
    with engine.start(shell("trap 'echo bye; exit 5' TERM; echo up; sleep 60 & wait")) as container:
        wait_for(container, "up")
        container.stop()

        assert container.wait() == 5
        assert list(container.logs()) == ["up", "bye"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_published_port_answers(engine: Engine, host: str) -> None:
    with engine.start(
        RunRequest(image=BASE, command=SERVE, ports=(Port(container_port=8888, host=host),))
    ) as container:
        wait_for(container, "up")
        address = container.address(8888)
        assert address is not None
        assert address[0] == host
        assert container.address(1) is None
        if engine.name == "podman" and host == "::1":
            pytest.skip("Podman's default network has no IPv6")
        with closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
            connection.request("GET", "/")

            assert connection.getresponse().status == 204


def test_port_on_another_machine_is_reached_there_or_refused(engine: Engine) -> None:
    if engine.name == "podman":
        pytest.skip("Podman runs here")
    ports = (Port(container_port=8888, host="0.0.0.0"), Port(container_port=8889))
    with engine.start(shell("sleep 60", ports=ports)) as container:
        assert isinstance(container, DockerContainer)
        there = replace(container, host="build.example.org")
        address = there.address(8888)
        with pytest.raises(EngineError, match=r"Docker runs on `build\.example\.org`"):
            there.address(8889)

    assert address is not None
    assert address[0] == "build.example.org"


def test_all_exposed_ports_are_published(engine: Engine, build: Build) -> None:
    image, _ = build("FROM BASE\nEXPOSE 8888\n")
    with engine.start(
        RunRequest(image=image.id, command=("sh", "-c", "trap exit TERM; sleep 60 & wait"), publish_all=True)
    ) as container:
        assert container.address(8888) is not None


def test_container_without_network_has_only_its_loopback(engine: Engine) -> None:
    script = "ls /sys/class/net"
    with engine.start(shell(script, network=False)) as alone, engine.start(shell(script)) as connected:
        assert list(alone.logs()) == ["lo"]
        assert len(list(connected.logs())) > 1


def test_container_that_uses_too_much_memory_is_told_apart(engine: Engine) -> None:
    eat = ("perl", "-e", "$x = 'x' x 400_000_000; print length $x")
    with engine.start(RunRequest(image=BASE, command=eat, memory=64 << 20)) as container:
        assert container.wait() == 137
        # An old conmon does not tell Podman.
        assert container.out_of_memory() or engine.name == "podman"
    assert not Path("oom").exists()
    with engine.start(shell("kill -9 $$")) as container:
        assert container.wait() != 0
        assert not container.out_of_memory()


def test_machine_has_processors_and_memory(engine: Engine) -> None:
    assert engine.processors() >= 1
    assert engine.memory() > 100_000_000


def test_taken_port_is_named(engine: Engine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports, labels = (Port(container_port=8888, host_port=port),), {"io.r2i.test": f"port-{port}"}
        request = shell("sleep 60", ports=ports, labels=labels)

        with pytest.raises(EngineError, match=f"Port {port} is already in use"), engine.start(request):
            pass

    assert (
        run(
            [
                engine.name,
                "ps",
                "--all",
                "--quiet",
                "--filter",
                f"label=io.r2i.test=port-{port}",
            ]
        ).stdout
        == ""
    )


def test_mounts_environment_user_and_labels(engine: Engine, tmp_path: Path) -> None:
    for name in ("plain", "with space, comma"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    request = shell(
        'cat /a/file /b/file; echo; echo "$WORD" "$PATH" "$HOME"; id -u; touch /a/new || echo read-only; touch /b/new; '
        "grep NoNewPrivs /proc/self/status; grep -i proxy /proc/self/environ",
        mounts=(
            Mount(source=tmp_path / "plain", target="/a", read_only=True),
            Mount(source=tmp_path / "with space, comma", target="/b"),
        ),
        environment={"WORD": "a $b 'c'\td", "PATH": "/usr/bin:/bin", "HOME": "/h"},
        user=str(os.getuid()),
        labels={"one": "a b"},
    )
    with engine.start(request) as container:
        lines = [line for line in container.logs() if "touch:" not in line]
        label = run(
            [engine.name, "container", "inspect", "--format", '{{index .Config.Labels "one"}}', container.id]
        )

    assert lines == [
        "plainwith space, comma",
        "a $b 'c'\td /usr/bin:/bin /h",
        str(os.getuid()),
        "read-only",
        "NoNewPrivs:\t1",
    ]
    assert (tmp_path / "with space, comma/new").is_file()
    assert label.stdout == "a b\n"


def test_file_is_in_the_container_alone(engine: Engine) -> None:
    word = f"sesame-{secrets.token_hex(8)}"
    request = shell(
        "stat -c '%U %a' /.given; cat /.given; cat /proc/self/mounts",
        files=(File(path="/.given", text=f"{word} ä\n"),),
        user="1000",
    )
    with engine.start(request) as container:
        first, second, *mounts = container.logs()
        inspected = run([engine.name, "container", "inspect", container.id]).stdout
    with engine.start(shell("[ -e /.given ] || echo none")) as container:
        after = list(container.logs())

    assert (first, second) == ("root 444", f"{word} ä")
    assert ".given" not in "".join(mounts)
    assert word not in inspected
    assert json.loads(inspected)[0]["Mounts"] == []
    assert after[-1] == "none"


def test_engine_counts_the_processors_of_its_machine(engine: Engine) -> None:
    with engine.start(shell("nproc")) as container:
        assert list(container.logs()) == [str(engine.processors())]


def test_value_of_a_variable_is_on_no_command_line(engine: Engine) -> None:
    seen: list[str] = []

    def watch(argv: object, **more: object) -> object:
        seen.append(str(argv))
        return run(argv, **more)  # type: ignore[arg-type]

    watched = type(engine)({**os.environ}, watch)  # type: ignore[call-arg]
    with watched.start(shell("echo $TOKEN", environment={"TOKEN": "sesame"})) as container:
        assert list(container.logs()) == ["sesame"]

    assert seen
    assert "sesame" not in " ".join(seen)


def test_limits_hold(engine: Engine) -> None:
    with engine.start(shell("trap exit TERM; sleep 60 & wait", memory=64 << 20, cpus=0.5)) as container:
        shown = run(
            [
                engine.name,
                "container",
                "inspect",
                "--format",
                "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}",
                container.id,
            ]
        )

    assert shown.stdout == f"{64 << 20} 500000000\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": 1024}, "`--memory 1024` is refused"),
        ({"gpus": "all"}, "The engine cannot give GPUs"),
        ({"user": "nobody-here"}, "The image has no user `nobody-here`"),
        ({"mounts": (Mount(source=Path("/no/where"), target="/x"),)}, "A mounted path does not exist"),
        (
            {"ports": (Port(container_port=1, host="203.0.113.7"),)},
            "This machine has no address `203.0.113.7`",
        ),
    ],
)
def test_what_cannot_be_given_is_said(engine: Engine, options: dict[str, object], message: str) -> None:
    with pytest.raises(EngineError) as caught, engine.start(shell("true", **options)):
        pass

    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_missing_image_is_named(engine: Engine) -> None:
    request = RunRequest(image="localhost/r2i-test-engine/never-built:1")
    with (
        pytest.raises(
            EngineError, match="The image `localhost/r2i-test-engine/never-built:1` does not exist"
        ),
        engine.start(request),
    ):
        pass


def test_what_is_not_there_is_not_found(engine: Engine) -> None:
    for reference in ("r2i-test-engine/never:1", "-option", "Not A Name", ""):
        assert engine.find(reference) is None
