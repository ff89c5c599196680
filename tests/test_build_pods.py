"""The images of `docker/Dockerfile`: built, and used as a platform uses them, with the socket of a daemon and without one."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from r2i.process import Completed, run
from tests import registries
from tests.pods import build_pod_image
from tests.real_engines import BASE, engine_of, remove_image
from tests.registries import registry
from tests.rootless import FUSE, TUN, needs
from tests.sources.serving import Repository, serve

pytestmark = pytest.mark.engine

#: The login of the repository, of which nothing may be left.
PASSWORD = secrets.token_hex(16)

#: A step of root looks for the login among all processes that it sees.
OWN = f"""\
FROM {BASE}
RUN useradd --create-home --uid 1000 jovyan
RUN --mount=type=cache,target=/kept if cat /proc/[0-9]*/environ | grep --text {PASSWORD[:16]}; then exit 1; fi
USER jovyan
"""

#: What a node has to allow, as `docs/build-pods.md` says: with `/proc` unmasked, and where it is not.
LEAST = ("--cap-drop=all", "--cap-add=setuid", "--cap-add=setgid", "--security-opt=seccomp=unconfined")
ISOLATED = (*LEAST, "--security-opt=systempaths=unconfined", f"--device={TUN}")
IN_CHROOT = (*LEAST, "--env=BUILDAH_ISOLATION=chroot")


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A container that ended: what it said, and in how many lines of its files the login stands."""

    done: Completed
    logins: int


@dataclass(frozen=True, kw_only=True)
class Pods:
    """How to run an image of a target beside a server of one private repository."""

    images: dict[str, str]
    url: str
    commit: str
    scratch: Path

    def __call__(self, target: str, script: str, *options: str) -> Pod:
        name = f"r2i-test-pod-{secrets.token_hex(4)}"
        login = f"GIT_CREDENTIAL_ENV=username=ada\npassword={PASSWORD}"
        given = (f"--env={login}", f"--env=URL={self.url}", f"--volume={self.scratch}:/given:ro", *options)
        words = ("docker", "run", f"--name={name}", "--network=host", *given, self.images[target])
        try:
            done = run([*words, "sh", "-euc", script], timeout=300)
            counted = run(["sh", "-c", 'docker export "$0" | grep --count --text "$1"', name, PASSWORD])
            assert not counted.stderr
            return Pod(done=done, logins=int(counted.stdout))
        finally:
            run(["docker", "rm", "--force", "--volumes", name])


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    engine_of("docker")
    directory = tmp_path_factory.mktemp("pods")
    scratch = directory / "given"
    scratch.mkdir()
    saved = run(["docker", "save", f"--output={scratch}/base.tar", BASE])
    assert saved.returncode == 0, saved.stderr
    for each in (scratch, scratch / "base.tar"):
        each.chmod(0o755)
    project = Repository.make(directory)
    commit = project.commit(Dockerfile=OWN)
    project.publish()
    images = {target: f"r2i-test/pod-{target}-{secrets.token_hex(4)}" for target in ("docker", "rootless")}
    try:
        for target, tag in images.items():
            build_pod_image(target, tag)
        with serve(project.served.parent, login=f"ada:{PASSWORD}") as server:
            yield Pods(images=images, url=f"{server.url}/project.git", commit=commit, scratch=scratch)
    finally:
        run(["docker", "image", "rm", "--force", *images.values()])


def test_a_pod_of_a_binderhub_builds_with_the_socket_of_a_daemon(pods: Pods) -> None:
    tag = f"r2i-test/of-pod-{secrets.token_hex(4)}"
    socket = "--volume=/var/run/docker.sock:/var/run/docker.sock"
    options = (
        f"--ref={pods.commit} --image={tag} --no-clean --no-run --json-logs --user-name=jovyan --user-id=1000"
    )
    try:
        pod = pods("docker", f'jupyter-repo2docker {options} "$URL"', socket)
        lines = [json.loads(line) for line in (pod.done.stdout + pod.done.stderr).splitlines()]
        assert pod.done.returncode == 0, pod.done.stderr
        assert {line.get("phase") for line in lines} >= {"fetching", "building"}
        assert run(["docker", "image", "inspect", tag]).returncode == 0
    finally:
        remove_image("docker", tag, all_names=True)
    assert pod.logins == 0


def test_a_pod_builds_without_a_daemon_or_root(pods: Pods) -> None:
    needs(TUN)
    script = """
        podman load --quiet --input /given/base.tar >&2
        r2i build "$URL" --tag built
        r2i run "$URL" -- id
        podman info --format '{{.Store.GraphDriverName}} {{index .Store.GraphStatus "Native Overlay Diff"}}'
    """
    pod = pods("rootless", script, *ISOLATED)
    assert pod.done.returncode == 0, pod.done.stderr

    assert pod.done.stdout.splitlines() == [
        "built",
        "uid=1000(jovyan) gid=1000(jovyan) groups=1000(jovyan)",
        "overlay true",
    ]
    assert pod.logins == 0


def test_a_pod_of_a_binderhub_pushes_without_a_daemon(pods: Pods, tmp_path: Path) -> None:
    """With the login as a secret in the home of root."""
    needs(TUN)
    with registry(tmp_path / "registry", login=True) as there:
        secret = tmp_path / "secret"
        secret.mkdir(mode=0o755)
        login = b64encode(f"{registries.USERNAME}:{registries.PASSWORD}".encode()).decode()
        (secret / "config.json").write_text(json.dumps({"auths": {there.host: {"auth": login}}}))
        script = f"""
            podman load --quiet --input /given/base.tar >&2
            jupyter-repo2docker --ref={pods.commit} --image={there.host}/ada/project:1 --no-clean --no-run --push \
                --json-logs --user-name=jovyan --user-id=1000 "$URL"
        """
        pod = pods("rootless", script, *ISOLATED, f"--volume={secret}:/root/.docker:ro")
        assert pod.done.returncode == 0, pod.done.stderr + pod.done.stdout

        assert there.tags("ada/project") == ["1"]
    assert '"phase": "pushing"' in pod.done.stdout + pod.done.stderr
    assert pod.logins == 0


def test_a_pod_with_a_masked_proc_builds_in_a_chroot(pods: Pods) -> None:
    """In a home that lies on the overlay of the pod, as without a volume."""
    needs(FUSE)
    script = """
        podman load --quiet --input /given/base.tar >&2
        r2i build "$URL" --tag built || echo "refused: $?"
        r2i build /given/trusted --tag built --trust-repository
        echo "$STORAGE_DRIVER" "$STORAGE_OPTS"
    """
    trusted = pods.scratch / "trusted"
    trusted.mkdir()
    (trusted / "Dockerfile").write_text(OWN.replace(PASSWORD[:16], "nothing-such"))
    home = ("--env=HOME=/home/r2i/on-overlay", f"--device={FUSE}")
    pod = pods("rootless", f"mkdir -p $HOME\n{script}", *IN_CHROOT, *home)
    assert pod.done.returncode == 0, pod.done.stderr

    assert pod.done.stdout.splitlines() == [
        "refused: 6",
        "built",
        "overlay overlay.mount_program=/usr/bin/fuse-overlayfs",
    ]
    assert "are not separated from this machine" in pod.done.stderr
    assert pod.logins == 0


def test_a_pod_that_may_not_isolate_steps_says_so(pods: Pods) -> None:
    script = 'podman load --quiet --input /given/base.tar >&2; r2i build "$URL" --tag built'
    pod = pods("rootless", script, *LEAST)

    assert pod.done.returncode == 6
    assert "Error: This container masks `/proc`" in pod.done.stderr


def test_a_pod_without_anything_fast_copies_layers(pods: Pods) -> None:
    pod = pods("rootless", 'echo "$STORAGE_DRIVER"', "--env=HOME=/home/r2i/on-overlay")

    assert pod.done.stdout == "vfs\n"
