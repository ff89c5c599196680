"""Every fixture repository, really built, started and asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from r2i.building.launch import SERVER_PORT, server_command, wait_for_server
from r2i.engines import EngineName
from r2i.engines.protocol import Engine, Mount, Port, RunRequest
from r2i.process import Completed, run
from tests.building import R2I, fresh_tag
from tests.cases import Case, all_cases, asking_kernel
from tests.conda_channel import conda_channel
from tests.cran import cran_mirror
from tests.index_hosts import with_real_hosts
from tests.pythons import python_downloads
from tests.real_engines import engine_of, remove_image

pytestmark = pytest.mark.engine

CASES = all_cases()
BUILDS: list[tuple[EngineName, Case]] = [
    *(("docker", case) for case in CASES if not case.fails and case.builds),
    *(("podman", case) for case in CASES if not case.fails and case.podman),
]
KERNEL = "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"


def ids(value: object) -> str:
    return value.name if isinstance(value, Case) else str(value)


def r2i(*arguments: str, **environment: str) -> Completed:
    return run([R2I, *arguments], env={**os.environ, **environment, "NO_COLOR": "1"}, timeout=600)


def build(case: Case, engine: str, *more: str) -> Completed:
    options = [
        # An option that can be repeated has its name in the plural.
        f"--{name.removesuffix('s').replace('_', '-')}={each}"
        if several
        else f"--{name.replace('_', '-')}={each}"
        for name, value in {**case.options, "subdir": case.subdir}.items()
        for several in [isinstance(value, list)]
        for each in (value if several else [value])
        if each
    ]
    with TemporaryDirectory() as scratch, offered(case) as environment:
        repo = with_real_hosts(case.repo, Path(scratch, case.name))
        arguments = ("build", str(repo), "--engine", engine, "--progress", "plain", *options, *more)
        return r2i(*arguments, **environment)


@contextmanager
def offered(case: Case) -> Iterator[dict[str, str]]:
    """What a build would fetch from where a test cannot reach, and the setting that says where it is instead."""
    with ExitStack() as stack:
        settings = {}
        if case.conda:
            settings["CONDA_CHANNEL_ALIAS"] = stack.enter_context(conda_channel())
        if case.cran:
            settings["R2I_CRAN"] = stack.enter_context(cran_mirror())
        if case.pythons:
            address = stack.enter_context(python_downloads(case.pythons))
            settings["UV_PYTHON_DOWNLOADS_JSON_URL"] = address
        yield settings


@contextmanager
def image_of(case: Case, engine: str) -> Iterator[str]:
    tag = fresh_tag(case.name)
    done = build(case, engine, "--tag", tag)
    try:
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{tag}\n"
        yield tag
    finally:
        remove_image(engine, tag)


def execute(engine: Engine, container: str, *command: str) -> Completed:
    return run([engine.name, "exec", container, *command], timeout=300)


@pytest.mark.parametrize(("name", "case"), BUILDS, ids=ids)
def test_the_image_does_what_the_repository_asks_for(name: EngineName, case: Case) -> None:
    engine = engine_of(name)
    verify = Mount(source=case.verify, target="/tmp/verify", read_only=True)
    with image_of(case, name) as image:
        if not case.serves:
            with engine.start(
                RunRequest(image=image, command=("/tmp/verify",), mounts=(verify,))
            ) as container:
                output = list(container.logs())

                assert container.wait() == 0, output
            return
        request = RunRequest(
            image=image,
            command=server_command("lab"),
            mounts=(verify,),
            ports=(Port(container_port=SERVER_PORT),),
            environment={"JUPYTER_TOKEN": "test"},
        )
        with engine.start(request) as container:
            wait_for_server(container, SERVER_PORT)
            verified = execute(engine, container.id, "/tmp/verify")
            kernel = execute(engine, container.id, "sh", "-c", asking_kernel(KERNEL))

            assert verified.returncode == 0, verified.stdout + verified.stderr
            assert kernel.stdout.startswith(case.kernel), kernel


@pytest.mark.parametrize("case", [case for case in CASES if case.fails == "build"], ids=ids)
def test_a_build_that_fails_says_where_and_why(case: Case) -> None:
    done = build(case, "docker")

    assert done.returncode == case.exit, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for words in case.says:
        assert words in done.stderr
