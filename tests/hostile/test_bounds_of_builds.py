"""A build that takes too much is ended with its cause, and leaves nothing: real builds with small bounds."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from r2i.building.requests import check_bounds, check_files
from r2i.checkout import Checkout
from r2i.checkout.ignore import dockerignore
from r2i.engines import EngineName
from r2i.engines.bounds import BoundName, Bounds, duration_from, size_from, written_duration, written_size
from r2i.engines.docker import Docker
from r2i.engines.pace import BURST, Paced
from r2i.engines.protocol import StepEvent
from r2i.engines.watch import written_in
from r2i.errors import BuildFailedError, EngineError, UsageError
from r2i.machine import doctor
from r2i.process import Completed, run
from tests.building import R2I, fresh_tag, write
from tests.real_engines import BASE, engine_of, remove_image

ENGINES = pytest.mark.parametrize("engine", ["docker", "podman"])
FROM = f"FROM {BASE}\n"


def build(directory: Path, engine: EngineName, *options: str, steps: str) -> Completed:
    """Build a Dockerfile of these steps under a name that is then looked for."""
    chosen = engine_of(engine)
    if options and os.getuid() != 0:
        pytest.skip("only root can limit the steps of every engine")
    write(directory, {"Dockerfile": FROM + steps + "USER 1000\n", ".dockerignore": "scratch\n"})
    tag = fresh_tag("bounded")
    argv = [R2I, "build", ".", "--engine", engine, "--progress", "plain", "--tag", tag, "--no-cache"]
    scratch = directory / "scratch"
    scratch.mkdir()
    done = run([*argv, *options], cwd=directory, env={**os.environ, "TMPDIR": str(scratch)}, timeout=300)
    assert not [*scratch.iterdir()]
    image = chosen.find(tag)
    remove_image(engine, tag)
    assert (image is None) == (done.returncode != 0)
    return done


def runs(mark: str) -> bool:
    """Whether any process of the machine has the mark in its command line."""
    return any(
        mark.encode() in path.read_bytes()
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.parent.name != str(os.getpid()) and path.exists()
    )


def begun(mark: str) -> bool:
    """Whether Docker has a step with the mark that runs or is about to."""
    specs = Path("/var/lib/docker/buildkit/executor").glob("*/config.json")
    return any(mark in path.read_text() for path in specs if path.exists())


def check(done: Completed, cause: str) -> None:
    assert done.returncode == 7, done.stderr
    assert re.search(rf"Error: Dockerfile:\d+: .*{cause}", done.stderr), done.stderr
    assert "Hint: Raise the limit with `--" in done.stderr


@pytest.mark.engine
@ENGINES
def test_endless_step_ends_with_the_time_of_the_build(engine: EngineName, tmp_path: Path) -> None:
    mark = "4711.25" if engine == "docker" else "4711.75"
    done = build(tmp_path, engine, "--build-timeout", "6s", steps=f"RUN setsid sleep {mark} & sleep {mark}\n")

    check(done, "The build took longer than `--build-timeout 6s` and was stopped in `RUN setsid")
    assert not runs(mark)
    assert not begun(mark)


@pytest.mark.engine
@ENGINES
def test_fork_bomb_ends_at_the_number_of_processes(engine: EngineName, tmp_path: Path) -> None:
    mark = "21.25" if engine == "docker" else "21.75"
    bomb = f"RUN i=0; while [ $i -lt 3000 ]; do sleep {mark} & i=$((i+1)); done; wait\n"
    done = build(tmp_path, engine, "--build-processes", "200", steps=bomb)

    check(done, "started more processes than `--build-processes 200`")
    assert not runs(mark)


@pytest.mark.engine
@ENGINES
def test_sparse_file_is_refused_without_any_option(engine: EngineName, tmp_path: Path) -> None:
    engine_of(engine)
    done = build(tmp_path, engine, steps="RUN truncate -s 200G /large\n")

    check(done, "wrote more than `--max-image-size 50g`")


@pytest.mark.engine
@ENGINES
def test_step_that_writes_too_much_ends_while_it_writes(engine: EngineName, tmp_path: Path) -> None:
    writes = "RUN for i in $(seq 600); do head -c 10M /dev/zero > /f$i; sleep 0.5; done\n"
    done = build(tmp_path, engine, "--max-image-size", "100m", steps=writes)

    check(done, "wrote more than `--max-image-size 100m`")


@pytest.mark.engine
@ENGINES
def test_many_empty_files_of_an_archive_end_the_build(engine: EngineName, tmp_path: Path) -> None:
    """As a package could bring them; Perl is in the base image, Python is not."""
    unpacked = 'RUN mkdir /d && perl -e \'for (1..200000) { open F, ">", "/d/$_" }\' && sleep 60\n'
    done = build(tmp_path, engine, "--max-image-files", "20000", steps=unpacked)

    check(done, "wrote more files than `--max-image-files 20000`")


@pytest.mark.engine
@ENGINES
def test_step_that_needs_too_much_memory_is_ended(engine: EngineName, tmp_path: Path) -> None:
    takes = "RUN sleep 2; exec perl -e '$x = \"a\" x 400_000_000; sleep 60'\n"
    done = build(tmp_path, engine, "--build-memory", "100m", steps=takes)

    check(done, "needs more memory than `--build-memory 100m`")


@pytest.mark.engine
@ENGINES
def test_other_build_goes_on_while_one_is_bounded(engine: EngineName, tmp_path: Path) -> None:
    """The same words are run by both; only one of them has the bounds."""
    step = "RUN sleep 1; perl -e '$x = \"a\" x 200_000_000; sleep 3'\n"
    other = [R2I, "build", str(tmp_path / "other"), "--engine", engine, "--no-cache", "--progress", "plain"]
    tag = fresh_tag("other")
    engine_of(engine)
    write(tmp_path / "other", {"Dockerfile": FROM + "RUN true\n" + step + "USER 1000\n"})
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        unbounded = pool.submit(run, [*other, "--tag", tag], timeout=300)
        done = build(tmp_path / "one", engine, "--build-memory", "60m", steps=step)
        result = unbounded.result()
    remove_image(engine, tag)

    check(done, "needs more memory than `--build-memory 60m`")
    assert result.returncode == 0, result.stderr


@pytest.mark.engine
@ENGINES
def test_step_that_prints_without_end_fills_neither_memory_nor_screen(
    engine: EngineName, tmp_path: Path
) -> None:
    """The largest of our children's sizes is measured: other tests' may be larger, so it is asked of a new process."""
    engine_of(engine)
    write(tmp_path, {"Dockerfile": f"{FROM}RUN timeout 15 yes; echo the end; exit 3\nUSER 1000\n"})
    argv = [R2I, "build", ".", "--engine", engine, "--progress", "plain", "--tag", fresh_tag("yes")]
    script = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
        "print(done.returncode, len(done.stderr), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = run([sys.executable, "-c", script, *argv, "--no-cache"], cwd=tmp_path, timeout=300)
    status, shown, kilobytes = map(int, done.stdout.split())

    assert status == 7
    assert shown < 1_000_000
    assert kilobytes < 100_000


@pytest.mark.engine
@ENGINES
def test_without_a_network_steps_have_none(engine: EngineName, tmp_path: Path) -> None:
    done = build(
        tmp_path,
        engine,
        "--build-network",
        "none",
        steps="RUN cat /proc/net/dev; ! grep -q eth /proc/net/dev\n",
    )

    assert done.returncode == 0, done.stderr


def test_network_of_post_build_is_part_of_the_plan(tmp_path: Path) -> None:
    write(tmp_path, {"postBuild": "#!/bin/sh\ntrue\n", "requirements.txt": "six\n"})
    (tmp_path / "postBuild").chmod(0o755)
    plain = run([R2I, "dockerfile", str(tmp_path)]).stdout
    bounded = run([R2I, "dockerfile", str(tmp_path), "--build-network", "none"]).stdout
    plan = run([R2I, "plan", str(tmp_path), "--json", "--build-network", "none"]).stdout
    added = [line for line in bounded.splitlines() if line not in plain.splitlines()]

    assert [line for line in added if line.startswith("RUN")] == [
        r"RUN --network=none --mount=type=secret,id=host,mode=0444 \\"[:-1]
    ]
    assert '"network": "none"' in plan
    assert "network" not in plain


def test_no_post_build_no_effect(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "six\n"})
    done = run([R2I, "dockerfile", str(tmp_path), "--build-network", "none"])

    assert "`--build-network` has no effect" in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--build-timeout", "60"),
        ("--build-timeout", "0s"),
        ("--build-timeout", "infs"),
        ("--build-memory", "1k"),
        ("--build-memory", "much"),
        ("--build-cpus", "nan"),
        ("--build-cpus", "0"),
        ("--build-processes", "0"),
        ("--max-image-size", "-1g"),
        ("--max-image-files", "0"),
        ("--build-network", "host"),
    ],
)
def test_what_is_no_bound_is_said(tmp_path: Path, option: str, value: str) -> None:
    done = run([R2I, "build", str(tmp_path), option, value])

    assert done.returncode == 2
    assert f"{option}" in done.stderr


def test_bounds_are_written_as_they_are_typed() -> None:
    bounds = Bounds(memory=4 << 30, cpus=1.5)

    assert bounds.written("timeout") == "--build-timeout 60m"
    assert bounds.written("memory") == "--build-memory 4g"
    assert bounds.written("cpus") == "--build-cpus 1.5"
    assert bounds.written("image_size") == "--max-image-size 50g"
    assert [written_duration(duration_from(text, option="")) for text in ("90s", "45m", "2h", "1.5h")] == [
        "90s",
        "45m",
        "2h",
        "90m",
    ]
    assert [written_size(size_from(text, option="", least=1)) for text in ("512m", "4g", "1.5k")] == [
        "512m",
        "4g",
        "1536",
    ]
    with pytest.raises(UsageError):
        duration_from("1w", option="--build-timeout")


def event(step: str, state: str = "output", output: str = "y") -> StepEvent:
    return StepEvent(step=step, state=state, text="RUN yes", output=output)  # type: ignore[arg-type]


class Remote(Docker):
    """A Docker whose steps nobody here can limit."""

    def unbounded(self) -> Mapping[BoundName, str]:
        return {"memory": "its steps run elsewhere", "processes": "its steps run elsewhere"}


def test_bound_that_the_engine_cannot_keep_is_an_error() -> None:
    engine = Remote(environ={})
    check_bounds(engine, Bounds(timeout=5, image_size=1 << 30))

    with pytest.raises(
        EngineError, match="`--build-memory 1g` has no effect with Docker here: its steps run"
    ):
        check_bounds(engine, Bounds(memory=1 << 30))
    assert doctor.check_bounds({}).status == "ok"
    found = doctor.check_bounds(engine.unbounded())
    assert found.status == "warning"
    assert "`--build-memory`, `--build-processes`: its steps run elsewhere" in found.message


def test_holes_of_a_file_never_reach_the_engine(tmp_path: Path) -> None:
    """A directory of 200 GB that takes no space would fill the disk of the engine."""
    with (tmp_path / "data.bin").open("wb") as sparse:
        sparse.truncate(200 << 30)
    checkout = Checkout.open(tmp_path)
    with pytest.raises(BuildFailedError, match="larger than `--max-image-size 50g`"):
        check_files(checkout, dockerignore(checkout), Bounds())
    check_files(checkout, dockerignore(checkout), Bounds(image_size=200 << 30))
    write(tmp_path, {".dockerignore": "*.bin\n"})

    check_files(checkout, dockerignore(checkout), Bounds())


def test_of_too_many_lines_the_number_is_shown() -> None:
    heard: list[StepEvent] = []
    now = 1.0
    paced = Paced(heard.append, clock=lambda: now)
    for _ in range(100_000):
        paced(event("one"))
    paced(event("one", "failed"))

    assert len(heard) == BURST + 2
    assert heard[-2].output == f"r2i: {100_000 - BURST:,} lines are not shown: the step prints too fast"
    assert heard[-1].state == "failed"


def test_files_are_counted_no_further_than_the_bound(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / str(number)).touch()
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 40)
    (tmp_path / "link").symlink_to("/")
    (tmp_path / "name").hardlink_to(tmp_path / "sparse")

    assert written_in(tmp_path, Bounds(image_files=20))[1] == 21
    assert written_in(tmp_path, Bounds(image_size=1 << 50)) == ((1 << 40) + 1, 53)


def test_directories_that_nobody_can_look_into_are_too_many_files(tmp_path: Path) -> None:
    here = os.getcwd()  # noqa: PTH109
    try:
        os.chdir(tmp_path)
        for _ in range(40):
            os.mkdir("d" * 200)  # noqa: PTH102
            os.chdir("d" * 200)
    finally:
        os.chdir(here)

    assert written_in(tmp_path, Bounds())[1] > Bounds().image_files
    run(["rm", "-rf", str(tmp_path / ("d" * 200))])
