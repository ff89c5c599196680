"""The steps that `r2i setup` plans for machines of every kind, and how they are carried out."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from r2i.errors import EngineError
from r2i.machine import Machine
from r2i.machine.setup import examine, plan_setup
from r2i.machine.setup.apt_sources import find_mirror
from r2i.machine.setup.carrying_out import carry_out
from r2i.machine.setup.podman import CONTAINERS_CONF_PATH
from r2i.machine.setup.steps import Run, SetupStep, Write, shown
from r2i.process import run
from tests.children import started
from tests.machine.machines import (
    BOOKWORM,
    BULLSEYE,
    DENIED,
    DOCKER_20,
    FEDORA,
    MINT,
    NO_BUILDX,
    NO_REGISTRY,
    NO_SERVER,
    RLIMITS,
    SILENT,
    TRIXIE,
    WORKING,
    Answers,
    failed,
    machine,
    ok,
    podman_info,
)
from tests.waiting import until

READY = {
    **WORKING,
    "docker image inspect": ok("80600000\n"),
}
DOWN = {
    **READY,
    "docker version": failed(SILENT, stdout=NO_SERVER),
    "dpkg-query": failed("dpkg-query: no packages found matching docker-ce"),
}
SOURCES = "Types: deb\nURIs: http://mirror.example.org/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"


def commands(steps: tuple[SetupStep, ...]) -> list[str]:
    return [shown(action) for step in steps for action in step.actions]


def planned(here: Machine) -> tuple[SetupStep, ...]:
    return plan_setup(examine(here, "docker"), here, scratch=Path("/scratch"))


def bookworm_sources(root: Path, text: str = SOURCES, name: str = "debian.sources") -> None:
    directory = root / "etc/apt/sources.list.d"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(text, encoding="utf-8")


def test_nothing_is_planned_for_a_machine_that_is_ready(tmp_path: Path) -> None:
    assert planned(machine(tmp_path, READY, programs=["docker"])) == ()


def test_bare_bookworm_takes_its_docker_from_trixie(tmp_path: Path) -> None:
    bookworm_sources(tmp_path)

    install, start, image = planned(machine(tmp_path, DOWN, os_release=BOOKWORM))

    pin, source = (action for action in install.actions if isinstance(action, Write))
    assert (
        source.text
        == "Types: deb\nURIs: http://mirror.example.org/debian\nSuites: trixie\nComponents: main\n"
    )
    assert "Pin-Priority: 50" in pin.text
    assert commands((install,))[-1].endswith(
        "install -y -q docker.io/trixie docker-buildx/trixie docker-cli/trixie iptables"
    )
    assert "setsid" in commands((start,))[0]
    assert image.only_without == "docker.io/library/debian:trixie-slim"
    assert commands((image,))[1].endswith("install -y -q mmdebstrap debian-archive-keyring")


def test_pin_is_written_before_the_source_that_it_holds_back(tmp_path: Path) -> None:
    bookworm_sources(tmp_path)

    install = planned(machine(tmp_path, DOWN))[0]

    assert [a.path for a in install.actions if isinstance(a, Write)] == [
        "/etc/apt/preferences.d/r2i-trixie",
        "/etc/apt/sources.list.d/r2i-trixie.sources",
    ]


@pytest.mark.parametrize(
    ("os_release", "packages"),
    [(TRIXIE, "docker.io docker-buildx docker-cli iptables"), (MINT, "docker.io docker-buildx")],
)
def test_newer_releases_have_their_own_docker(tmp_path: Path, os_release: str, packages: str) -> None:
    install = planned(machine(tmp_path, DOWN, os_release=os_release))[0]

    assert not any(isinstance(action, Write) for action in install.actions)
    assert commands((install,))[-1].endswith(f"install -y -q {packages}")


def test_release_that_is_too_old_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="The Docker of Debian GNU/Linux 11"):
        planned(machine(tmp_path, DOWN, os_release=BULLSEYE))


def test_other_distributions_are_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="this is Fedora Linux 41") as caught:
        planned(machine(tmp_path, DOWN, os_release=FEDORA))

    assert "Docker with buildx" in str(caught.value.hint)


def test_installed_engine_is_only_started(tmp_path: Path) -> None:
    start, image = planned(machine(tmp_path, DOWN, programs=["docker", "usr/sbin/dockerd", "mmdebstrap"]))

    daemon = tmp_path / "usr/sbin/dockerd"
    assert commands((start,))[0] == f"sh -c 'setsid {daemon} >/var/log/dockerd.log 2>&1 </dev/null &'"
    assert not any("apt-get" in command for command in commands((image,)))


def test_systemd_starts_the_engine_where_it_runs(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)

    start = planned(machine(tmp_path, DOWN, programs=["docker", "usr/sbin/dockerd"]))[0]

    assert commands((start,))[0] == "systemctl start docker"


def test_old_docker_is_replaced(tmp_path: Path) -> None:
    bookworm_sources(tmp_path)
    answers = {**DOWN, "docker version": ok(DOCKER_20), "docker buildx version": failed(NO_BUILDX)}

    steps = planned(machine(tmp_path, answers, programs=["docker"]))

    assert [step.title for step in steps][:2] == [
        "Replace Docker with a newer version from the packages of Debian GNU/Linux 12 (bookworm) and trixie",
        "Start Docker",
    ]


def test_dockers_own_packages_get_their_own_buildx(tmp_path: Path) -> None:
    answers = {**READY, "docker buildx version": failed(NO_BUILDX), "dpkg-query": ok("installed")}

    steps = planned(machine(tmp_path, answers, programs=["docker"]))

    assert commands(steps)[1].endswith("install -y -q docker-buildx-plugin")


def test_only_the_image_is_made_where_only_that_is_missing(tmp_path: Path) -> None:
    answers = {**READY, "docker image inspect": failed("no"), "docker buildx build": failed(NO_REGISTRY)}

    (image,) = planned(machine(tmp_path, answers, programs=["docker", "mmdebstrap"]))

    make, take = commands((image,))
    assert make.startswith("env SOURCE_DATE_EPOCH=1754697600 mmdebstrap ")
    assert make.endswith(" trixie /scratch/rootfs.tar")
    assert "mirror" not in make
    assert take == (
        "docker import --change 'CMD [\"bash\"]' /scratch/rootfs.tar docker.io/library/debian:trixie-slim"
    )


def test_registry_that_answers_leaves_nothing_to_do(tmp_path: Path) -> None:
    answers = {**READY, "docker image inspect": failed("no"), "docker buildx build": ok()}

    assert planned(machine(tmp_path, answers, programs=["docker"])) == ()


def test_user_goes_through_sudo_and_is_let_use_docker(tmp_path: Path) -> None:
    answers = {**DOWN, "docker version": failed(DENIED, stdout=NO_SERVER), "id -nG": ok("ada\n")}

    access, image = planned(machine(tmp_path, answers, programs=["docker", "sudo", "mmdebstrap"], uid=1000))

    assert commands((access,)) == ["sudo usermod -aG docker ada"]
    assert commands((image,))[1].startswith("sudo docker import ")


def test_user_without_sudo_is_told_the_commands(tmp_path: Path) -> None:
    answers = {**DOWN, "docker version": failed(DENIED, stdout=NO_SERVER), "id -nG": ok("ada\n")}

    with pytest.raises(EngineError, match="need root") as caught:
        planned(machine(tmp_path, answers, programs=["docker"], uid=1000))

    assert "  usermod -aG docker ada\n" in str(caught.value.hint)


def test_user_who_has_not_logged_in_again_is_told_so(tmp_path: Path) -> None:
    answers = {**DOWN, "docker version": failed(DENIED, stdout=NO_SERVER), "id -nG": ok("ada docker\n")}

    with pytest.raises(EngineError, match="before the next login") as caught:
        planned(machine(tmp_path, answers, programs=["docker", "sudo"], uid=1000))

    assert caught.value.hint == "Run `newgrp docker`"


def test_engine_elsewhere_is_not_replaced_by_one_here(tmp_path: Path) -> None:
    here = machine(tmp_path, DOWN, programs=["docker"], DOCKER_HOST="tcp://192.0.2.1:2375")

    with pytest.raises(EngineError, match="No Docker answers at") as caught:
        planned(here)

    assert caught.value.hint == "Run `unset DOCKER_HOST`"


def test_bare_machine_with_hybrid_cgroups_gets_podman_with_runc(tmp_path: Path) -> None:
    (tmp_path / "sys/fs/cgroup/unified").mkdir(parents=True)
    here = machine(tmp_path, {})

    install, containers, _ = plan_setup(examine(here, "podman"), here, scratch=Path("/scratch"))

    assert commands((install,))[1].endswith(
        "install -y -q podman catatonit uidmap slirp4netns fuse-overlayfs runc"
    )
    (write,) = containers.actions
    assert isinstance(write, Write)
    assert write.path == CONTAINERS_CONF_PATH
    assert 'runtime = "runc"' in write.text


def test_limits_of_podman_are_lowered_where_containers_do_not_start(tmp_path: Path) -> None:
    answers = {
        "podman --version": ok("podman version 4.3.1\n"),
        "podman info": ok(podman_info(runtime="runc")),
        "podman image inspect": ok("83300000\n"),
        "podman run": failed(RLIMITS, returncode=126),
    }
    here = machine(tmp_path, answers, programs=["podman"])

    (step,) = plan_setup(examine(here, "podman"), here, scratch=Path("/scratch"))

    assert [type(action) for action in step.actions] == [Write]


def test_rootless_user_gets_ids(tmp_path: Path) -> None:
    answers = {
        "podman --version": ok("podman version 4.3.1\n"),
        "podman info": ok(podman_info(rootless=True, ids=1)),
    }
    here = machine(tmp_path, answers, programs=["podman", "sudo"], uid=1000)

    ids, image = plan_setup(examine(here, "podman"), here, scratch=Path("/scratch"))

    assert commands((ids,)) == [
        "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada",
        "podman system migrate",
    ]
    assert commands((image,))[-2].startswith("env SOURCE_DATE_EPOCH=1754697600 mmdebstrap ")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("debian.sources", SOURCES, ("http://mirror.example.org/debian", "")),
        (
            "debian.sources",
            (
                "# A comment\nTypes: deb deb-src\n# another\nURIs:\n http://one.example.org/debian\n http://two.example.org/debian\n"
                "Suites: bookworm\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
            ),
            ("http://one.example.org/debian", "/usr/share/keyrings/debian-archive-keyring.gpg"),
        ),
        (
            "debian.sources",
            f"Types: deb\nEnabled: no\nURIs: http://off.example.org\nSuites: bookworm\n\n{SOURCES}",
            ("http://mirror.example.org/debian", ""),
        ),
        (
            "debian.sources",
            f"Types: deb\nURIs: http://security.example.org\nSuites: bookworm-security\n\n\n{SOURCES}",
            ("http://mirror.example.org/debian", ""),
        ),
        (
            "main.list",
            (
                "# deb http://no.example.org bookworm main\ndeb-src http://no.example.org bookworm main\n"
                "deb [arch=amd64 signed-by=/etc/apt/keyrings/a.gpg] http://mirror.example.org/debian bookworm main contrib\n"
            ),
            ("http://mirror.example.org/debian", "/etc/apt/keyrings/a.gpg"),
        ),
        ("main.list", "deb http://m.example.org/debian bookworm main\n", ("http://m.example.org/debian", "")),
        (
            "debian.sources",
            f"{SOURCES}Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n",
            ("http://mirror.example.org/debian", ""),
        ),
    ],
)
def test_mirror_is_the_one_that_apt_uses(
    tmp_path: Path, name: str, text: str, expected: tuple[str, str]
) -> None:
    bookworm_sources(tmp_path, text, name)

    assert find_mirror(tmp_path, "bookworm") == expected


def test_machine_without_a_source_of_its_release_is_told_so(tmp_path: Path) -> None:
    bookworm_sources(tmp_path, "Types: deb\nURIs: http://x.example.org\nSuites: sid\n")

    with pytest.raises(EngineError, match="names `bookworm`"):
        find_mirror(tmp_path, "bookworm")


def test_file_is_written_whole_with_its_directories(tmp_path: Path) -> None:
    here = Machine(environ=os.environ, run=run, user="root", uid=0)
    target = tmp_path / "etc/apt/sources.list.d/r2i-trixie.sources"
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    step = SetupStep(title="write", actions=(Write(path=str(target), text="Suites: trixie\n"),))
    carry_out((step,), here, engine="docker", scratch=scratch, report=lambda _: None)

    assert target.read_text(encoding="utf-8") == "Suites: trixie\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert [path.name for path in target.parent.iterdir()] == ["r2i-trixie.sources"]


def test_failing_command_stops_with_its_last_lines(tmp_path: Path) -> None:
    here = Machine(environ=os.environ, run=run, user="root", uid=0)
    marker = tmp_path / "marker"
    step = SetupStep(
        title="fail",
        actions=(
            Run(argv=("sh", "-c", "exit 3"), may_fail=True),
            Run(argv=("sh", "-c", "echo first; echo 'E: no space left' >&2; exit 100")),
            Run(argv=("touch", str(marker))),
        ),
    )

    with pytest.raises(EngineError, match="E: no space left"):
        carry_out((step,), here, engine="docker", scratch=tmp_path, report=lambda _: None)

    assert not marker.exists()


def test_image_is_not_made_where_a_registry_has_it_after_all(tmp_path: Path) -> None:
    answers = {"docker image inspect": failed("no"), "docker buildx build": ok()}
    here = machine(tmp_path, answers)
    step = SetupStep(
        title="make",
        actions=(Run(argv=("mmdebstrap",)),),
        only_without="docker.io/library/debian:trixie-slim",
    )

    carry_out((step,), here, engine="docker", scratch=tmp_path, report=lambda _: None)

    assert isinstance(here.run, Answers)
    assert not any(command.startswith("mmdebstrap") for command in here.run.asked)


def test_engine_is_spoken_to_through_sudo_once_access_was_given(tmp_path: Path) -> None:
    answers = {"sudo usermod": ok(), "sudo docker image inspect": ok("80600000\n")}
    here = machine(tmp_path, answers, uid=1000)
    give = SetupStep(title="let", actions=(Run(argv=("sudo", "usermod")),), gives_access=True)
    make = SetupStep(title="make", actions=(Run(argv=("mmdebstrap",)),), only_without="x")

    after = carry_out((give, make), here, engine="docker", scratch=tmp_path, report=lambda _: None)

    assert after == replace(here, engine_prefix=("sudo",))


def test_ctrl_c_waits_for_the_running_command(tmp_path: Path) -> None:
    marker, script = tmp_path / "done", tmp_path / "script.py"
    script.write_text(
        "import os\nfrom pathlib import Path\nfrom r2i.machine import Machine\nfrom r2i.process import run\n"
        "from r2i.machine.setup.carrying_out import carry_out\nfrom r2i.machine.setup.steps import Run, SetupStep\n"
        "here = Machine(environ=os.environ, run=run, user='root', uid=0)\n"
        # As a package manager in the middle of its work does.
        f"wait = 'for n in $(seq 1000); do [ -e {marker}.go ] && break; sleep 0.1; done'\n"
        f"busy = Run(argv=('sh', '-c', f'trap \"\" INT; touch {marker}.begun; {{wait}}; touch {marker}'))\n"
        f"never = Run(argv=('touch', '{marker}.after'))\n"
        "carry_out((SetupStep(title='x', actions=(busy, never)),), here, engine='docker', scratch=Path('/'), report=print)\n",
        encoding="utf-8",
    )
    with started(sys.executable, str(script), stderr=subprocess.PIPE, start_new_session=True) as child:
        until(Path(f"{marker}.begun").exists)
        os.killpg(child.pid, signal.SIGINT)
        time.sleep(1)  # in which it would end, did it not wait
        assert child.poll() is None
        Path(f"{marker}.go").touch()
        _, stderr = child.communicate(timeout=60)

    assert "KeyboardInterrupt" in stderr
    assert marker.exists()
    assert not Path(f"{marker}.after").exists()


MISSING = {**READY, "docker image inspect": failed("no"), "docker buildx build": failed(NO_REGISTRY)}


def planned_for(here: Machine, base: str) -> tuple[SetupStep, ...]:
    return plan_setup(examine(here, "docker", base=base), here, scratch=Path("/scratch"), base=base)


def test_another_base_image_is_made_under_its_own_name(tmp_path: Path) -> None:
    here = machine(tmp_path, MISSING, programs=["docker", "mmdebstrap"])

    make, take = commands(planned_for(here, "docker.io/library/debian:bullseye-slim"))

    assert make.endswith(" bullseye /scratch/rootfs.tar")
    assert take.endswith(" docker.io/library/debian:bullseye-slim")


def test_image_with_more_than_a_release_is_not_made_of_packages(tmp_path: Path) -> None:
    here = machine(tmp_path, MISSING, programs=["docker", "mmdebstrap"])

    with pytest.raises(EngineError, match="cannot be built from packages"):
        planned_for(here, "docker.io/library/python:3.12-bookworm")
