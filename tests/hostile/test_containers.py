"""What a container of a hostile image gets: no root, no privilege, no end of anything, and nothing of the host."""

from __future__ import annotations

import os
import resource
import secrets
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from r2i.building.launch import redirecting, runtime_directory, user_for
from r2i.engines.image_user import ACCOUNTS, ContainerUser, user_of
from r2i.engines.protocol import BuildRequest, Engine, Mount, RunRequest
from r2i.errors import NotReadyError
from r2i.model import Dockerfile, Image
from r2i.process import Completed, run
from r2i.ready import look
from tests.building import R2I, fresh_tag, write
from tests.children import started
from tests.real_engines import BASE, engine_of, remove_image
from tests.waiting import until

PASSWD = """\
root:x:0:0:root:/root:/bin/bash

toor:x:0:0::/:/bin/sh
octal:x:0x3e8:0x3e8::/:/bin/sh
jovyan:x:1000:1000::/home/jovyan:/bin/bash
twice:x:1001:0::/:/bin/sh
twice:x:0:0::/:/bin/sh
1002:x:0:0::/:/bin/sh
negative:x:-1:-1::/:/bin/sh
far:x:4294967296:4294967296::/:/bin/sh
short
"""
GROUP = """\
root:x:0:jovyan
jovyan:x:1000:
data:x:2000:jovyan,twice
wheel:x:0:
"""

#: How `USER` is written, and the numbers that it comes to; 1000 in place of root.
SPELLINGS = [
    ("", "1000:1000"),
    ("0", "1000:1000"),
    ("00", "1000:1000"),
    ("+0", "1000:1000"),
    ("-0", "1000:1000"),
    ("0x0", "1000:1000"),
    ("-1", "1000:1000"),
    ("99999999999999999999", "1000:1000"),
    ("4294967296", "1000:1000"),
    ("root", "1000:1000"),
    ("root:jovyan", "1000:1000"),
    ("toor", "1000:1000"),
    ("octal", "1000:1000"),
    ("negative", "1000:1000"),
    ("far", "1000:1000"),
    ("nobody-here", "1000:1000"),
    ("short", "1000:1000"),
    ("1000", "1000:1000"),
    ("01000", "1000:1000"),
    ("jovyan", "1000:1000"),
    ("1000:0", "1000:1000"),
    ("jovyan:wheel", "1000:1000"),
    ("jovyan:+0", "1000:1000"),
    ("jovyan:data", "1000:2000"),
    ("1000:3000", "1000:3000"),
    ("1000:0:2000", "1000:1000"),
    ("twice", "1001:1001"),
    ("1002", "1002:1002"),
    ("5000", "5000:5000"),
]


@pytest.mark.parametrize(("written", "numbers"), SPELLINGS)
def test_a_user_is_a_number_and_never_root(written: str, numbers: str) -> None:
    found = user_of(written, PASSWD, GROUP, planned=1000)

    assert str(found) == numbers
    assert 0 not in {found.uid, found.gid, *found.groups}


def test_groups_stay_but_that_of_root() -> None:
    assert user_of("jovyan", PASSWD, GROUP, planned=1000) == ContainerUser(uid=1000, gid=1000, groups=(2000,))
    assert user_of("toor", PASSWD, GROUP, planned=1000) == ContainerUser(
        uid=1000, gid=1000, groups=(2000,), instead=True
    )


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.engine) for name in ("docker", "podman")])
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_of(request.param)


@contextmanager
def image_from(engine: Engine, directory: Path, text: str, **files: str) -> Iterator[Image]:
    tag = fresh_tag("hostile")
    write(directory, {"passwd": PASSWD, "group": GROUP, **files})
    dockerfile = Dockerfile(text=f"FROM {BASE}\n{text}", support={}, ignore="", layer_lines={})
    try:
        yield engine.build(
            BuildRequest(context=directory, dockerfile=dockerfile, tags=(tag,)), lambda _: None
        )
    finally:
        remove_image(engine.name, tag)


def said(engine: Engine, request: RunRequest) -> list[str]:
    with engine.start(request) as container:
        lines = list(container.logs())
        container.wait()
    return lines


def test_numbers_are_those_of_the_engine(engine: Engine, tmp_path: Path) -> None:
    """Of spellings that the engine itself starts, and not as root, the container runs as the same user."""
    with image_from(engine, tmp_path, "COPY passwd group /etc/\n") as image:
        passwd, group = engine.texts(image.reference, ACCOUNTS)
        for written, numbers in SPELLINGS[::3]:
            ours = user_of(written, passwd, group, planned=1000)
            command = ("sh", "-c", "id -u; id -g")
            request = RunRequest(image=image.reference, command=command, user=str(ours), groups=ours.groups)
            assert said(engine, request) == numbers.split(":"), written
            if written not in {"", "0"} and not ours.instead:
                done = run([engine.name, "run", "--rm", f"--user={written}", image.reference, "id", "-u"])
                assert done.stdout.strip() == str(ours.uid), (written, done.stderr)

    assert (passwd, group) == (PASSWD, GROUP)


@pytest.mark.parametrize(
    ("making", "user"),
    [
        ("RUN mkdir /x && mv /etc/passwd /x/accounts && ln -s ../x/accounts /etc/passwd", "1000"),
        ("RUN ln -sf ../../../../../proc/1/environ /etc/passwd", "1000"),
        ("RUN rm /etc/passwd /etc/group", "1000"),
        ("RUN rm /etc/passwd && mkdir /etc/passwd", "1000"),
        ("RUN rm /etc/passwd && mkfifo /etc/passwd", "1000"),
        ("RUN truncate -s 20M /etc/passwd", "1000"),
        (r"RUN printf 'jovyan:x:0:0::/:/bin/sh\n\377\0' > /etc/passwd", "1000"),
    ],
)
def test_accounts_of_an_image_that_lie(engine: Engine, tmp_path: Path, making: str, user: str) -> None:
    with image_from(engine, tmp_path, f"{making}\nUSER jovyan\n") as image:
        found = user_for(engine, image, 1000)

    assert (found.uid, found.gid, found.instead) == (int(user), int(user), True)


def test_an_ordinary_account_behind_a_link_is_found(engine: Engine, tmp_path: Path) -> None:
    making = "COPY passwd /nix/accounts\nRUN ln -sf ../nix/accounts /etc/passwd\nUSER twice\n"
    with image_from(engine, tmp_path, making) as image:
        assert user_for(engine, image, 1000) == ContainerUser(uid=1001, gid=1001)


CONFINED = """
grep -E '^(NoNewPrivs|Cap[A-Z][a-z]+):' /proc/self/status
cp /bin/sh /m/sh; chmod 6755 /m/sh; /m/sh -p -c 'id -u; id -g'
touch /m/chowned; chown 0:0 /m/chowned 2>/dev/null || echo refused
mknod /m/disk b 8 0 2>/dev/null || echo refused
"""


def test_nothing_in_a_container_becomes_root(engine: Engine, tmp_path: Path) -> None:
    """Not with setuid programs of the image, nor with any that it leaves on the host."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    making = "RUN cp /bin/sh /bin/rootsh && chmod 6755 /bin/rootsh\nUSER 00\n"
    with image_from(engine, tmp_path, making) as image:
        user = user_for(engine, image, 1000)
        request = RunRequest(
            image=image.reference,
            command=("sh", "-c", CONFINED + "\n/bin/rootsh -p -c 'id -u'; grep ' /m ' /proc/self/mounts"),
            user=str(user),
            mounts=(Mount(source=shared, target="/m"),),
        )
        *lines, mount = said(engine, request)

    assert user.instead
    assert {line.split(":")[0]: line.split()[1].strip("0") for line in lines if ":" in line} == {
        "CapInh": "",
        "CapPrm": "",
        "CapEff": "",
        "CapBnd": "",
        "CapAmb": "",
        "NoNewPrivs": "1",
    }
    assert [line for line in lines if ":" not in line] == ["1000", "1000", "refused", "refused", "1000"]
    assert all(path.stat().st_uid != 0 for path in shared.iterdir())
    if engine.name == "podman":
        assert {"nosuid", "nodev"} <= set(mount.split()[3].split(","))


def test_processes_logs_and_memory_have_ends(engine: Engine) -> None:
    form = "{{.HostConfig.PidsLimit}} {{.HostConfig.Memory}} {{json .HostConfig.LogConfig}}"
    with engine.start(RunRequest(image=BASE, command=("sleep", "60"))) as container:
        shown = run([engine.name, "container", "inspect", "--format", form, container.id]).stdout

    processes, memory, log = shown.split(" ", 2)
    assert processes == "8192"
    assert 0.5 * engine.memory() < int(memory) < engine.memory()
    assert "100000000" in log or "100MB" in log


def test_a_log_without_end_fills_no_disk(engine: Engine) -> None:
    """250 MB are written, and the end of them is read."""
    command = ("sh", "-c", "yes $(printf %08000d 0) | head -c 250000000; echo; echo the end")
    with engine.start(RunRequest(image=BASE, command=command)) as container:
        container.wait()
        *_, last = container.logs()
        form = "{{.LogPath}}" if engine.name == "docker" else "{{.HostConfig.LogConfig.Path}}"
        path = run([engine.name, "container", "inspect", "--format", form, container.id]).stdout.strip()
        size = sum(file.stat().st_size for file in Path(path).parent.glob(Path(path).name + "*"))

    assert last == "the end"
    assert size < 220_000_000


LOOKING = """
find / -xdev \\( -name 'docker*.sock' -o -name 'podman*.sock' -o -name 'containerd*.sock' -o -name buildkitd.sock \\) 2>/dev/null
find / -xdev -name '*r2i*' -not -path '/proc/*' 2>/dev/null
grep -E 'docker|podman|r2i-' /proc/self/mounts | grep -Ev ' / overlay |/etc/(hosts|hostname|resolv.conf) | /run/.containerenv ' || true
"""


def test_nothing_of_the_host_is_there(engine: Engine) -> None:
    """No socket of an engine, no file of r2i, no server that listens on the host's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo connected || true"
        command = ("bash", "-c", f"{LOOKING}{connect}; echo done")
        lines = said(engine, RunRequest(image=BASE, command=command, user="1000:1000"))

    inits = {"/run/podman-init", "/dev/init", "/usr/sbin/docker-init"}
    assert [line for line in lines if not any(init in line for init in inits)] == ["done"]


def r2i_run(directory: Path, name: str, *options: str) -> Completed:
    tag = fresh_tag(directory.name)
    try:
        words = [R2I, "run", str(directory), "--engine", name, "--tag", tag, "--progress", "plain"]
        return run([*words, *options], env={**os.environ, "NO_COLOR": "1"}, timeout=800)
    finally:
        remove_image(name, tag)


@pytest.mark.parametrize("user", ["00", "toor", "+0:0", "nobody-here", "1000:0"])
def test_a_command_leaves_no_file_of_root(engine: Engine, tmp_path: Path, user: str) -> None:
    """Also one that the repository's own directory is mounted for, in the image where that user is root."""
    text = f"FROM {BASE}\nCOPY passwd group /etc/\nUSER {user}\n"
    directory = write(tmp_path / "repo", {"Dockerfile": text, "passwd": PASSWD, "group": GROUP})
    directory.chmod(0o777)
    script = "cp /bin/sh ./left; chmod 6755 ./left; id -u; id -g; id -G"
    done = r2i_run(
        directory,
        engine.name,
        "--editable",
        "--target-repo-dir",
        "/work",
        "--",
        "sh",
        "-c",
        f"cd /work; {script}",
    )
    left = (directory / "left").stat()

    assert done.stdout.split() == ["1000", "1000", "1000"] or done.stdout.split()[:2] == ["1000", "1000"], (
        done.stderr
    )
    assert "0" not in done.stdout.split()
    assert (left.st_uid, left.st_gid) == (1000, 1000)
    assert left.st_mode & stat.S_ISUID


def test_the_page_that_leads_to_jupyter_is_ours_alone(tmp_path: Path) -> None:
    url = "http://127.0.0.1:8888/lab?a=\"'><script>&token=sesame"
    with redirecting(url, tmp_path / "new" / "runtime") as page:
        text = page.read_text()
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (page, page.parent, page.parent.parent)]

    assert modes == [0o600, 0o700, 0o700]
    assert "token=sesame" in text
    assert "<script" not in text
    assert list((tmp_path / "new" / "runtime").iterdir()) == []


def test_the_page_lies_where_jupyter_has_its_own(tmp_path: Path) -> None:
    assert runtime_directory({"JUPYTER_RUNTIME_DIR": "/r"}, tmp_path) == Path("/r")
    assert runtime_directory({"XDG_DATA_HOME": "/d"}, tmp_path) == Path("/d/jupyter/runtime")


#: Answers as Jupyter does, and says what it was started with.
SERVER = (
    "#!/usr/bin/perl\nuse IO::Socket;"
    "$| = 1; $SIG{TERM} = sub { exit }; $s = IO::Socket::INET->new(LocalPort => 8888, Listen => 5, ReuseAddr => 1) or die $!;"
    r' print "token $ENV{JUPYTER_TOKEN}\n"; while ($c = $s->accept) { while (<$c> =~ /\S/) {}'
    r' print $c "HTTP/1.0 204 No Content\r\n\r\n"; close $c }'
)

#: The browser of a person: what it is started with, and what stands in that file.
BROWSER = '#!/bin/sh\necho "$@" > "$SEEN/words"\ncp "$1" "$SEEN/page"\n'


def processes() -> str:
    """Every command line of this machine."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)


def test_no_command_line_has_the_token(engine: Engine, tmp_path: Path) -> None:
    """A whole session on a terminal: the engine, the browser, Jupyter."""
    directory = write(
        tmp_path / "repo",
        {
            "jupyter": SERVER,
            "Dockerfile": f"FROM {BASE}\nCOPY --chmod=755 jupyter /usr/local/bin/\nUSER 1000\n",
        },
    )
    home, seen = tmp_path / "home", tmp_path / "seen"
    write(tmp_path / "bin", {"xdg-open": BROWSER})
    (tmp_path / "bin" / "xdg-open").chmod(0o755)
    seen.mkdir()
    tag, token = fresh_tag("token"), secrets.token_hex(12)
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "SEEN": str(seen),
        "SITE": token,
        "JUPYTER_TOKEN": token,
        "TERM": "xterm",
    }
    words = [
        R2I,
        "run",
        str(directory),
        "--logs",
        "--engine",
        engine.name,
        "--tag",
        tag,
        "--env",
        "JUPYTER_TOKEN",
    ]
    primary, secondary = os.openpty()
    everything = ""

    def is_open() -> bool:
        nonlocal everything
        everything += processes()
        return (seen / "page").exists()

    try:
        with started(*words, env=environment, stdout=secondary, stderr=subprocess.PIPE) as child:
            until(is_open)
            child.terminate()
            _, log = child.communicate(timeout=60)
        shown = os.read(primary, 65536).decode()
    finally:
        os.close(primary)
        os.close(secondary)
        remove_image(engine.name, tag)

    assert f"token={token}" in shown
    assert f"token={token}" in (seen / "page").read_text()
    assert token not in everything + (seen / "words").read_text() + log
    assert [
        path for path in home.rglob("*") if path.is_file() and token in path.read_text(errors="replace")
    ] == []


def test_what_an_image_prints_for_init_takes_no_memory(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "TIMEOUT", 4.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(NotReadyError) as failed:
        look.look_into(engine, BASE, [], prepare="yes", with_settings=lambda request: request)

    assert set(failed.value.log) == {"y"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
