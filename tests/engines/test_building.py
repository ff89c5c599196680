"""Real builds, on every engine that answers."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from tests.checkout.test_ignore import LEFT, TREE
from tests.children import started
from tests.engines.conftest import Build
from tests.waiting import until
from tests.writing import write

from r2i.checkout.ignore import patterns
from r2i.engines.podman import ATTEMPTS
from r2i.engines.protocol import Engine, RunRequest, StepEvent
from r2i.errors import BuildFailedError, EngineError, TemporaryError
from r2i.process import run

pytestmark = pytest.mark.engine

MANY = """\
ARG WHICH=BASE
FROM ${WHICH} AS unused
RUN echo never

FROM ${WHICH} AS tool
ENV X=1
RUN echo tool > /tool

FROM tool AS derived
# a comment
RUN echo derived \\
    # another
    && cat /tool

FROM ${WHICH}
ARG NB_USER=jovyan
ENV A=1 \\
    B=2
WORKDIR /srv
SHELL ["/bin/bash", "-c"]
COPY --from=derived /tool /tool
USER 1000
RUN --mount=type=bind,from=r2i,source=deep/file,target=/file \\
    echo last; cat /file
CMD ["sh"]
"""


def outputs(events: Iterable[StepEvent]) -> list[tuple[int | None, str]]:
    return [(event.line, event.output) for event in events if event.state == "output"]


#: Podman builds mounts from a path of a stage for the Dockerfiles that r2i writes alone, which have such files.
OURS = {"ours": ""}


def lines(events: Iterable[StepEvent], state: str) -> set[int]:
    return {event.line for event in events if event.state == state and event.line is not None}


def printed(engine: Engine, image: str, *command: str) -> list[str]:
    with engine.start(RunRequest(image=image, command=command)) as container:
        return list(container.logs())


def test_every_step_is_led_back_to_its_line(build: Build) -> None:
    _, events = build(MANY, support={"deep/file": "support\n"}, no_cache=True)

    assert outputs(events) == [(11, "derived"), (11, "tool"), (23, "last"), (23, "support")]
    assert {7, 11, 19, 21, 23} <= lines(events, "done") | lines(events, "cached")
    assert 3 not in lines(events, "started")


def test_instructions_are_numbered_as_the_engine_does(build: Build, engine: Engine) -> None:
    if engine.name == "podman":
        pytest.skip("COPY --link and here-documents need BuildKit")
    text = (
        "FROM BASE AS base\nRUN echo one >/one\nFROM scratch AS s\nCOPY --from=base /one /x\n"
        "FROM base AS last\nWORKDIR /w\nCOPY --link --from=s /x /y\nCOPY <<END /z\nRUN echo no\nEND\n"
        "RUN <<-'END' bash\n\techo heredoc\n\tEND\nRUN cat /y\n"
    )
    _, events = build(text, no_cache=True)

    assert outputs(events) == [(11, "heredoc"), (14, "one")]
    assert lines(events, "done") | lines(events, "cached") >= {2, 4, 6, 7, 8, 11, 14}


def test_second_build_is_cached_and_the_same(build: Build) -> None:
    first, _ = build("FROM BASE\nRUN echo one\n")
    second, events = build("FROM BASE\nRUN echo one\n")

    assert second == first
    assert 2 in lines(events, "cached")
    assert outputs(events) == []


OVERTAKEN = """\
#!/bin/sh
count=$(cat {count})
if [ "$1" = build ] && [ "$count" -gt 0 ]; then
    echo $((count - 1)) > {count}
    echo 'STEP 1/2: FROM a'
    echo 'Error: checking if cached image exists from a previous build: getting top layer info: layer not known'
    exit 125
fi
exec {podman} "$@"
"""


@pytest.mark.parametrize("engine", ["podman"], indirect=True)
@pytest.mark.parametrize(("times", "left"), [(2, 0), (100, 100 - ATTEMPTS)])
def test_podman_is_asked_again_where_others_remove_images(
    times: int, left: int, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, program = tmp_path / "count", tmp_path / "bin/podman"
    write(tmp_path, {"count": str(times)})
    text = OVERTAKEN.format(count=count, podman=shutil.which("podman"))
    write(tmp_path, {"bin/podman": text})
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    word = secrets.token_hex(4)

    with pytest.raises(EngineError, match="layer not known") if left else nullcontext():
        _, events = build(f"FROM BASE\nRUN echo {word}\n")
        assert outputs(events) == [(2, word)]

    assert int(count.read_text()) == left


@pytest.mark.parametrize("where", ["support", "context"])
def test_changed_mount_is_built_again(build: Build, engine: Engine, context: Path, where: str) -> None:
    nonce = secrets.token_hex(4)
    origin = "from=r2i," if where == "support" else ""
    text = (
        f"FROM BASE\nRUN echo before {nonce}\nRUN --mount=type=bind,{origin}source=a,target=/a cp /a/b /c\n"
    )
    (context / "a").mkdir()

    def content_of(content: str) -> list[str]:
        (context / "a/b").write_text(content)
        image, _ = build(text, support={"a/b": content})
        return printed(engine, image.id, "cat", "/c")

    shown = [content_of("one"), content_of("two")]
    (context / "a/b").write_text("three")
    _, events = build(text, support={"a/b": "three"})

    assert shown == [["one"], ["two"]]
    assert lines(events, "cached") >= {2}
    assert 3 in lines(events, "done")


def test_unchanged_mount_is_cached(build: Build, context: Path) -> None:
    text = f"FROM BASE\nRUN --mount=type=bind,source=a,target=/a cp /a /c && echo {secrets.token_hex(4)}\n"
    (context / "a").write_text("a")
    build(text)
    (context / "other").write_text("changed")
    _, events = build(text)

    assert 2 in lines(events, "cached")


def test_mount_of_a_changed_stage_is_built_again(build: Build, engine: Engine) -> None:
    text = "FROM BASE AS tool\nRUN echo {} >/t\nFROM BASE\nRUN --mount=type=bind,from=tool,source=/t,target=/u cp /u /v\n"
    images = [build(text.format(word), support=OURS)[0].id for word in ("one", "two")]
    shown = [printed(engine, image, "cat", "/v") for image in images]

    assert shown == [["one"], ["two"]]


def test_stage_from_the_cache_is_mounted_whole(build: Build) -> None:
    text = (
        "FROM BASE AS tool\nRUN echo tool >/t\n\nFROM BASE\n"
        "RUN --mount=type=bind,from=tool,source=/t,target=/u cat /u && echo {}\n"
    )
    shown = [outputs(build(text.format(secrets.token_hex(4)), support=OURS)[1])[0] for _ in range(3)]

    assert shown == [(5, "tool")] * 3


@pytest.mark.parametrize("text", ["*\n!d/e", "/a\n! ./d/a", "**.md", "d**a", "\\[a\\]", "[^a]"])
def test_ignored_files_stay_out(build: Build, engine: Engine, context: Path, text: str) -> None:
    write(context, {**dict.fromkeys(TREE, ""), ".dockerignore": "start\n"})
    ignore = "\n".join(map(str, patterns(f"{text}\n.dockerignore", "")))
    image, _ = build("FROM BASE\nCOPY . /copied\n", ignore=ignore)
    left = printed(engine, image.id, "find", "/copied", "-type", "f", "-printf", "%P\n")

    assert sorted(left) == sorted(LEFT[text].split())


def test_secret_reaches_the_step_and_leaves_no_trace(build: Build, engine: Engine, tmp_path: Path) -> None:
    word = f"sesame-{secrets.token_hex(8)}"
    text = (
        "FROM BASE\n"
        "RUN --mount=type=secret,id=host,mode=0444 [ ! -f /run/secrets/host ] || . /run/secrets/host"
        ' && echo "${#WORD} characters"\n'
        "RUN [ ! -e /run/secrets/host ]\n"
    )
    image, events = build(text, secrets={"host": f"WORD={word}\n"}, no_cache=True)
    archive = tmp_path / "image.tar"
    saved = run([engine.name, "save", "--output", str(archive), image.id])
    history = run([engine.name, "history", "--no-trunc", image.id])

    assert outputs(events) == [(2, f"{len(word)} characters")]
    assert saved.returncode == 0, saved.stderr
    assert word.encode() not in archive.read_bytes()
    assert word not in history.stdout
    assert word not in run([engine.name, "image", "inspect", image.id]).stdout


def test_proxies_reach_steps_that_know_of_none_and_leave_no_trace(
    build: Build, engine: Engine, tmp_path: Path
) -> None:
    word = f"sesame-{secrets.token_hex(8)}"
    proxy = f"http://ada:{word}@proxy.example.org:3128"
    names = ("HTTPS_PROXY", "https_proxy")
    text = f"FROM BASE\nRUN echo $https_proxy $HTTPS_PROXY; env >/dev/null # {secrets.token_hex(4)}\n"
    image, events = build(text, proxies=dict.fromkeys(names, proxy))
    archive = tmp_path / "image.tar"
    saved = run([engine.name, "save", "--output", str(archive), image.id])
    history = run([engine.name, "history", "--no-trunc", image.id])
    again, more = build(text, proxies=dict.fromkeys(names, "http://elsewhere.example.org"))

    assert outputs(events) == [(2, f"{proxy} {proxy}")]
    assert saved.returncode == 0, saved.stderr
    assert word.encode() not in archive.read_bytes()
    assert word not in history.stdout
    assert word not in run([engine.name, "image", "inspect", image.id]).stdout
    assert (again, outputs(more)) == (image, []), "another proxy is no reason to build"


def test_secret_need_not_be_given(build: Build) -> None:
    text = (
        "FROM BASE\nRUN --mount=type=secret,id=host,mode=0444"
        " [ ! -f /run/secrets/host ] || exit 9; echo none; ls -A /run\n"
    )
    _, events = build(text, no_cache=True)

    assert (2, "none") in outputs(events)
    assert (2, "secrets") not in outputs(events)


def test_too_large_a_secret_is_refused(build: Build) -> None:
    with pytest.raises(EngineError, match="500"):
        build("FROM BASE\n", secrets={"host": "x" * 600_000})


def test_labels_and_build_arguments_arrive(build: Build, engine: Engine, tag: str) -> None:
    argument = "$(id) 'quoted' \"twice\""
    image, events = build(
        'FROM BASE\nARG WORD\nARG HOME\nRUN echo "$WORD"; echo $HOME\n',
        labels={"one": "a b=c", "two": '"q"'},
        build_args={"WORD": argument, "HOME": "/h"},
        no_cache=True,
    )

    assert [text for _, text in outputs(events)] == [argument, "/h"]
    assert {"one": "a b=c", "two": '"q"'}.items() <= image.labels.items()
    assert engine.find(tag) == image


def test_failing_step_is_named_with_its_last_lines(build: Build) -> None:
    with pytest.raises(BuildFailedError) as caught:
        build("FROM BASE\nENV A=1\nRUN seq 3000; echo problem; exit 3\n")

    assert caught.value.message.endswith("failed with exit status 3")
    assert caught.value.dockerfile_line == 3
    assert len(caught.value.log) in {1999, 2000}
    assert caught.value.log[-1] == "problem"


def test_failing_step_may_leave_its_last_line_open(build: Build) -> None:
    with pytest.raises(BuildFailedError) as caught:
        build("FROM BASE\nRUN printf 'not ended'; exit 4\n")

    assert caught.value.message.endswith("failed with exit status 4")
    assert caught.value.log == ("not ended",)


def test_missing_file_is_named(build: Build) -> None:
    with pytest.raises(BuildFailedError, match=r"there is no `nowhere\.txt`") as caught:
        build("FROM BASE\nCOPY nowhere.txt /\n")

    assert caught.value.dockerfile_line == 2


def test_wrong_instruction_is_named(build: Build) -> None:
    with pytest.raises(BuildFailedError, match=r"(?i)unknown instruction: .?RUNN") as caught:
        build("FROM BASE\nRUNN true\n")

    assert caught.value.dockerfile_line == 2


def test_base_image_behind_no_network_is_temporary(build: Build) -> None:
    with pytest.raises(TemporaryError, match=r"`registry\.invalid/image:1` cannot be pulled") as caught:
        build("FROM registry.invalid/image:1\nRUN true\n")

    assert caught.value.hint is not None
    assert "r2i setup" not in caught.value.hint


def test_printed_imitation_of_the_engine_is_output(build: Build) -> None:
    text = "FROM BASE\nRUN echo 'STEP 3/3: RUN rm'; echo 'STEP 9/9: x'; echo '{'; echo '{\"vertexes\": 1}'\nRUN echo last\n"
    _, events = build(text, no_cache=True)

    assert outputs(events)[-1] == (3, "last")


def test_output_of_any_bytes_is_lines(build: Build) -> None:
    _, events = build("FROM BASE\nRUN printf 'a\\r\\nb\\303\\244\\n\\303\\n\\000\\n'\n", no_cache=True)

    assert [text for _, text in outputs(events)] == ["a", "bä", "\ufffd", "\0"]


BUILD_AND_HANG = """
import os, sys
from pathlib import Path
from r2i.engines.choice import choose
from r2i.engines.protocol import BuildRequest
from r2i.model import Dockerfile
text = f"FROM {sys.argv[2]}\\nRUN echo {sys.argv[3]} && sleep 98.{sys.argv[3]}\\n"
request = BuildRequest(
    context=Path(sys.argv[4]), tags=(sys.argv[5],), secrets={"host": "secret"}, no_cache=True,
    dockerfile=Dockerfile(text=text, support={}, ignore="", layer_lines={}))
choose(sys.argv[1], os.environ).build(request, lambda event: print(event.output, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_build_leaves_nothing(
    engine: Engine, tag: str, base: str, tmp_path: Path, number: signal.Signals
) -> None:
    scratch, context = tmp_path / "scratch", tmp_path / "context"
    scratch.mkdir()
    context.mkdir()
    word = str(secrets.randbelow(10**9))
    program = (sys.executable, "-c", BUILD_AND_HANG, engine.name, base, word, str(context), tag)
    environ = {**os.environ, "TMPDIR": str(scratch)}
    with started(*program, stdout=subprocess.PIPE, env=environ) as child:
        assert child.stdout is not None
        while child.stdout.readline() != f"{word}\n":
            assert child.poll() is None
        assert len(list(scratch.glob("r2i-*"))) == 2
        assert working_containers(engine, base) or engine.name == "docker"
        child.send_signal(number)
        child.wait(timeout=60)
    until(lambda: not running(word))
    until(lambda: not any(scratch.iterdir()))

    assert engine.find(tag) is None
    until(lambda: not working_containers(engine, base))


def running(word: str) -> list[str]:
    """The processes whose command line has `word` in it, those of containers too, except the engine's own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"sleep 98.{word}" in line or ("buildx" in line and word in line):
            found.append(line)
    return found


def working_containers(engine: Engine, base: str) -> list[str]:
    """The containers in which Podman builds upon an image, which are named after it."""
    if engine.name == "docker":
        return []
    argv = ["podman", "ps", "--all", "--external", "--format={{.Names}}"]
    # Podman fails when another build removes its container meanwhile.
    listed = until(lambda: done if (done := run(argv)).returncode == 0 else None)
    assert listed is not None
    return [name for name in listed.stdout.split() if name.startswith(base.rpartition("/")[2])]


def test_no_temporary_files_are_left(build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    build("FROM BASE\n", secrets={"host": "x"})
    with pytest.raises(BuildFailedError):
        build("FROM BASE\nRUN false\n", secrets={"host": "x"})

    assert not any(scratch.iterdir())


@pytest.mark.parametrize(
    "mount",
    [
        "type=bind,source=link,target=/x",
        "source=inside/up,target=/x",
        "type=bind,rw,target=/x",
        "type=bind,target=/x,readwrite=true",
        "type=bind,source=$WHERE,target=/x",
        "type=cache,id=../../../../etc,target=/x",
        "type=cache,from=r2i,target=/x",
        '"type=bind,source=link,target=/x"',
    ],
)
def test_build_cannot_reach_the_host(
    build: Build, engine: Engine, context: Path, tmp_path: Path, mount: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("of the host")
    (context / "link").symlink_to(outside)
    (context / "inside").mkdir()
    (context / "inside/up").symlink_to("../../outside")
    text = f"FROM BASE\nARG WHERE=link\nRUN --mount={mount} touch /x/new; cat /x/secret || true\n"
    events: list[StepEvent] = []
    # Docker knows nothing of the host that it was not sent, and may well find nothing wrong.
    refusal = pytest.raises(BuildFailedError) if engine.name == "podman" else suppress(BuildFailedError)
    with refusal:
        events = build(text, support=OURS)[1]

    assert "of the host" not in [line for _, line in outputs(events)]
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert sorted(path.name for path in context.iterdir()) == ["inside", "link"]
