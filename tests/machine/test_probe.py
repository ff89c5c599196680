"""What real build steps answer: a working network, and networks broken on purpose."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from r2i.building.namespaces import machine_namespace
from r2i.engines import EngineName
from r2i.engines.podman_caches import place
from r2i.facts.pins import base_image
from r2i.host.settings import HostSettings, host_script
from r2i.machine import Machine
from r2i.machine.doctor import check_engine, check_image
from r2i.machine.probe import first_layer, look, look_further, trouble
from r2i.machine.symptoms import Symptom
from r2i.process import Completed, run
from tests.machine.machines import machine

BASE = base_image(None).reference


@pytest.fixture
def here() -> Machine:
    return Machine(environ=os.environ, run=run, user="root", uid=0)


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest, here: Machine) -> EngineName:
    name: EngineName = "docker" if request.param == "docker" else "podman"
    if not check_engine(here, name).ready or check_image(here, name).status != "ok":
        pytest.skip(f"{name} is not ready: `r2i setup --engine {name}`")
    return name


@pytest.fixture
def host() -> HostSettings:
    return host_script(os.environ, ca_bundle=None, home=Path.home())


def without_network(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    stdin: str = "",
) -> Completed:
    """The real program, told to give build steps no network."""
    words = [*argv]
    words.insert(words.index("build") + 1, "--network=none")
    return run(words, env=env, cwd=cwd, timeout=timeout, stdin=stdin)


def images(here: Machine, engine: EngineName) -> set[str]:
    return set(
        here.ask(engine, "images", "--quiet", "--no-trunc", "--filter", "dangling=true").stdout.split()
    )


@pytest.mark.engine
def test_step_sees_the_network_and_the_disk(here: Machine, engine: EngineName, host: HostSettings) -> None:
    seen = look(here, engine, base=BASE, host=host)

    assert [finding.status for finding in seen.findings] == ["ok"]
    assert seen.free is not None
    assert seen.free > 10**6


@pytest.mark.engine
def test_step_reaches_the_index(here: Machine, engine: EngineName, host: HostSettings) -> None:
    assert look_further(here, engine, host=host) == Symptom(
        check="index", status="ok", message="a build step reaches the Python package index and trusts it"
    )


@pytest.mark.engine
def test_step_without_a_network_cannot_resolve_names(here: Machine, engine: EngineName) -> None:
    (finding,) = look(replace(here, run=without_network), engine, base=BASE, host=HostSettings()).findings

    assert (finding.check, finding.problem) == ("packages", "name-resolution")


@pytest.mark.engine
def test_index_that_refuses_is_named_without_its_password(here: Machine, engine: EngineName) -> None:
    script = "export PIP_INDEX_URL=https://ada:correct-horse@127.0.0.1:1/simple\n"

    finding = look_further(here, engine, host=HostSettings(script=script, credentials=("correct-horse",)))

    assert finding.problem == "index"
    assert "Connection refused" in finding.message
    assert "correct-horse" not in str(finding)


@pytest.mark.engine
def test_base_image_that_does_not_exist_is_a_failed_build(here: Machine, engine: EngineName) -> None:
    (finding,) = look(here, engine, base="localhost/r2i-no-such-image", host=HostSettings()).findings

    assert (finding.check, finding.status) == ("build", "error")


@pytest.mark.engine
def test_question_leaves_no_image(here: Machine, engine: EngineName, host: HostSettings) -> None:
    before = images(here, engine)
    look(here, engine, base=BASE, host=host)

    # Others may build at the same time: only an image of ours would hold our file.
    for image in images(here, engine) - before:
        history = here.ask(engine, "history", "--no-trunc", image).stdout

        assert "@@mirror" not in history


def test_caches_of_podman_are_those_of_builds(here: Machine) -> None:
    environments: list[Mapping[str, str]] = []

    def remembering(argv: Sequence[str], *, env: Mapping[str, str] | None = None, **_: object) -> Completed:
        environments.append(env or {})
        return Completed(argv=(*argv,), returncode=1, stdout="", stderr="")

    names: tuple[EngineName, ...] = ("podman", "docker")
    for engine in names:
        look(replace(here, environ={}, run=remembering), engine, base=BASE, host=HostSettings())

    assert environments == [{"TMPDIR": str(place() / machine_namespace())}, {}]


def test_first_layer_is_that_of_every_image() -> None:
    text = first_layer()

    assert text.count("FROM ") == 1
    assert f"FROM {BASE} AS system" in text


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            (
                "Could not fetch URL https://index.example.org/simple/uv/: There was a problem confirming the ssl "
                "certificate: HTTPSConnectionPool(host='index.example.org', port=443): Max retries exceeded with url: "
                "/simple/uv/ (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] "
                "certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1029)'))) - skipping\n"
                "ERROR: No matching distribution found for uv"
            ),
            "certificates",
        ),
        (
            (
                "Could not fetch URL https://index.example.org/simple/uv/: connection error: (Caused by "
                'NameResolutionError("<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to resolve '
                "'index.example.org' ([Errno -3] Temporary failure in name resolution)\"))"
            ),
            "name-resolution",
        ),
        ("Could not fetch URL https://x/: 401 Client Error: Unauthorized for url - skipping", "index"),
        ("", "index"),
    ],
)
def test_complaints_of_pip_are_understood(tmp_path: Path, said: str, problem: str) -> None:
    finding = trouble(said, "index", machine=machine(tmp_path, {}), engine="docker", host=HostSettings())

    assert (finding.check, finding.problem) == ("index", problem)
    assert finding.fix


def test_name_servers_for_the_engine_are_those_a_container_can_reach(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text(
        "nameserver 127.0.0.53\nnameserver 192.0.2.53\n", encoding="utf-8"
    )
    here = machine(tmp_path, {}, uid=1000)

    finding = trouble(
        "Temporary failure resolving 'x'", "packages", machine=here, engine="docker", host=HostSettings()
    )

    assert finding.fix == (
        'echo \'{"dns": ["192.0.2.53"]}\' | sudo tee /etc/docker/daemon.json && sudo systemctl restart docker'
    )
