"""What every image keeps its word about: accounts, variables, commands, layers, and what is not in it."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r2i.building.launch import SERVER_PORT, wait_for_server
from r2i.engines.choice import choose
from r2i.engines.protocol import Container, Engine, Port, RunRequest
from r2i.process import Completed, run
from tests.building import build, built_steps, fresh_tag, image_of, write
from tests.cases import REPOS, asking_kernel
from tests.real_engines import remove_image
from tests.test_images import r2i

pytestmark = pytest.mark.engine

#: Words that would tell of the machine that built: its proxy, its index, their passwords.
CANARIES = ("canary-proxy-password", "canary-index-password")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return choose("docker", os.environ)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("contract") / "repo"
    shutil.copytree(REPOS / "notebooks" / "repo", target)
    (target / "requirements.txt").write_text("# what the paper used\nsix==1.17.0\n")
    (target / "postBuild").write_text("env > built-with.txt\nset -e\n")
    return target


@pytest.fixture(scope="module")
def image(repo: Path) -> Iterator[str]:
    with image_of(repo, "--label", 'a="b" $c') as built:
        yield built.tag


@pytest.fixture(scope="module")
def container(engine: Engine, image: str) -> Iterator[Container]:
    """As a BinderHub on one machine starts it: with options for every server, and a token of its hub."""
    settings = {"base_url": "/user/ada/", "token": "secret", "trust_xheaders": "True"}
    options = (
        f"--{app}.{name}={value}" for name, value in settings.items() for app in ("ServerApp", "NotebookApp")
    )
    request = RunRequest(
        image=image,
        command=("jupyter-notebook", "--ip=0.0.0.0", f"--port={SERVER_PORT}", *options),
        ports=(Port(container_port=SERVER_PORT),),
        environment={"JUPYTERHUB_API_TOKEN": "secret"},
    )
    with engine.start(request) as started:
        wait_for_server(started, SERVER_PORT)
        yield started


def inside(container: Container, command: str, *, login: bool = False) -> Completed:
    return run(["docker", "exec", container.id, "bash", "-lc" if login else "-c", command], timeout=120)


def inspected(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(["docker", "image", "inspect", image]).stdout)[0]
    return found


def layers(image: str) -> list[str]:
    return list(inspected(image)["RootFS"]["Layers"])


def test_the_environment_is_that_of_binder(container: Container) -> None:
    lines = inside(container, "env").stdout.splitlines()
    variables = dict(line.split("=", 1) for line in lines if "=" in line)

    assert variables["PATH"].startswith("/home/jovyan/.local/bin:/srv/env/bin:")
    assert {
        name: variables[name] for name in ("USER", "NB_USER", "NB_UID", "HOME", "REPO_DIR", "SHELL", "LANG")
    } == {
        "USER": "jovyan",
        "NB_USER": "jovyan",
        "NB_UID": "1000",
        "HOME": "/home/jovyan",
        "REPO_DIR": "/home/jovyan",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
    }
    assert (
        variables["NB_PYTHON_PREFIX"]
        == variables["KERNEL_PYTHON_PREFIX"]
        == variables["VIRTUAL_ENV"]
        == "/srv/env"
    )
    assert variables["PYTHONUNBUFFERED"] == "1"


def test_modules_are_compiled_to_bytecode_and_tests_are_not(container: Container) -> None:
    script = """
        cd /srv/env/lib/python3*/site-packages/ipywidgets
        ls __pycache__/embed.*.pyc widgets/__pycache__/widget.*.pyc widgets/tests/test_widget.py
        find /srv/env -path "*/tests/*" -name "*.pyc"
    """
    found = inside(container, script)

    assert found.returncode == 0, found.stderr
    assert len(found.stdout.split()) == 3


def test_python_takes_all_bytecode_of_the_environment_as_it_is(container: Container) -> None:
    script = """
        touch /tmp/before
        /srv/env/bin/python -W ignore -m compileall -q -q -x '/tests?/' /srv/env/lib || true
        find /srv/env -name "*.pyc" -newer /tmp/before
        find /srv/env -name "*.pyc" | wc -l
    """
    *rewritten, count = inside(container, script).stdout.split()

    assert rewritten == []
    assert int(count) > 1000


def test_it_runs_as_an_ordinary_user_who_cannot_gain_privileges(container: Container) -> None:
    status = inside(
        container, "cat /proc/self/status; id -u; touch /home/jovyan/mine /srv/env/mine; pwd"
    ).stdout

    assert "NoNewPrivs:\t1" in status
    assert status.endswith("1000\n/home/jovyan\n")


def test_nothing_in_the_home_belongs_to_root(container: Container) -> None:
    assert inside(container, "find /home/jovyan /srv/env -user root | head").stdout == ""


def test_the_labels_say_what_was_built(image: str) -> None:
    labels = inspected(image)["Config"]["Labels"]

    assert labels["repo2docker.repo"] == "local"
    assert labels["io.r2i.plan"].startswith("sha256:")
    assert labels["org.opencontainers.image.base.name"] == "docker.io/library/debian:trixie-slim"
    assert labels["org.opencontainers.image.base.digest"].startswith("sha256:")
    assert labels["a"] == '"b" $c'


@pytest.mark.parametrize(
    "command", ["jupyter lab", "jupyter notebook", "jupyter-lab", "jupyterhub-singleuser"]
)
def test_the_commands_of_hubs_and_people_are_there(container: Container, command: str) -> None:
    done = inside(container, f"{command} --version")

    assert done.returncode == 0, done.stderr
    assert done.stdout[0].isdigit()


#: How a hub on Kubernetes chooses the server, and starts it with the arguments that follow.
CHOOSING = """
import os, sys
try:
    import jupyterlab
except ImportError:
    os.execvp("jupyter-notebook", sys.argv)
os.execvp("jupyter-lab", sys.argv)
"""


def test_python_finds_a_server_that_it_can_start(container: Container) -> None:
    chosen = inside(container, f"python3 -c {shlex.quote(CHOOSING)} --version")
    notebook = inside(container, "jupyter-notebook --version")

    assert (chosen.returncode, chosen.stdout) == (0, notebook.stdout), chosen.stderr


@pytest.mark.parametrize(
    ("token", "server"), [("secret", "jupyterhub-singleuser"), ("", "jupyter-lab")], ids=["hub", "no-hub"]
)
def test_the_command_of_an_image_is_the_server_of_a_hub_where_one_starts_it(
    image: str, container: Container, token: str, server: str
) -> None:
    [command] = inspected(image)["Config"]["Cmd"]
    started = inside(container, f"JUPYTERHUB_API_TOKEN={token} {command} --version")
    expected = inside(container, f"{server} --version")

    assert (started.returncode, started.stdout) == (0, expected.stdout), started.stderr


def test_an_image_without_a_command_serves_lab(engine: Engine, image: str) -> None:
    environment = {"JUPYTER_TOKEN": "secret"}
    ports = (Port(container_port=SERVER_PORT),)
    with engine.start(RunRequest(image=image, ports=ports, environment=environment)) as started:
        url = wait_for_server(started, SERVER_PORT)
        with urllib.request.urlopen(f"{url}/lab?token=secret", timeout=30) as page:
            assert page.status == 200


def test_notebook_serves_lab_as_well(container: Container) -> None:
    address = container.address(SERVER_PORT)
    assert address is not None
    base = f"http://{address[0]}:{address[1]}/user/ada"
    for path in ("lab", "tree"):
        with urllib.request.urlopen(f"{base}/{path}?token=secret", timeout=30) as page:
            assert page.status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{base}/api/contents", timeout=30)
    refused.value.close()
    assert refused.value.code == 403


def test_pip_reaches_the_environment_from_a_notebook_and_from_a_terminal(container: Container) -> None:
    wheel = "/tmp/r2i_example-1.0-py3-none-any.whl"
    source = REPOS / "requirements-local" / "repo" / "wheels" / "r2i_example-1.0-py3-none-any.whl"
    run(["docker", "cp", str(source), f"{container.id}:{wheel}"])
    from_notebook = inside(container, asking_kernel(f"%pip install --no-index {wheel}"))
    found = inside(container, "/srv/env/bin/python -m pip show -f r2i-example")
    inside(container, "/srv/env/bin/python -m pip uninstall -y r2i-example")
    from_terminal = inside(container, f"pip install --no-index {wheel} && which pip", login=True)

    assert "Successfully installed" in from_notebook.stdout
    assert "/srv/env/lib" in found.stdout
    assert from_terminal.stdout.endswith("/srv/env/bin/pip\n")


def test_the_kernel_is_named_by_its_path_and_the_server_is_apart(container: Container) -> None:
    specs = json.loads(inside(container, "jupyter kernelspec list --json").stdout)["kernelspecs"]
    importable = inside(container, "/srv/env/bin/python -c 'import jupyterlab'")

    assert specs["python3"]["spec"]["argv"][0] == "/srv/env/bin/python"
    assert importable.returncode != 0


#: Debian packages of a few kilobytes, without others that they need.
SMALL = ("bc", "ed", "hello", "jdupes", "patch", "pv", "sl", "tofrodos", "tree", "units", "xxd", "zip")


def test_two_repositories_share_the_layer_of_the_server(tmp_path: Path) -> None:
    # The engine may have made such a layer twice, where it dropped the cache in between, and takes for a step the one on which
    # it has built before. So nothing above the layers that are compared may be known: a new user, and packages at random.
    user = f"ada{secrets.randbelow(10**9)}"
    packages = secrets.SystemRandom().sample(SMALL, 4)
    one, other = tmp_path / "one", tmp_path / "other"
    write(one, {"postBuild": "#!/bin/sh\n"})
    write(other, {"requirements.txt": "tabulate\n", "apt.txt": "\n".join(packages)})
    with image_of(one, "--user-name", user) as first, image_of(other, "--user-name", user) as second:
        ours, theirs = layers(first.tag), layers(second.tag)

    # The base image, the system packages, the Jupyter server.
    assert ours[:3] == theirs[:3]
    assert ours[3:] != theirs[3:]


def test_an_edit_rebuilds_what_it_changes_and_nothing_else(repo: Path, image: str) -> None:
    notebook, requirements = repo / "index.ipynb", repo / "requirements.txt"
    never_seen = secrets.randbelow(10**9)
    notebook.write_text(notebook.read_text().replace("6 * 7", f"7 * {never_seen}"))
    after_notebook = built_steps(repo, image)
    requirements.write_text(f"# a comment {never_seen}\n\nsix==1.17.0   # and another\n")
    after_comment = built_steps(repo, image)
    requirements.write_text(f"six==1.16.0; python_version != '{never_seen}'\n")
    after_version = built_steps(repo, image)

    assert after_notebook == after_comment == {"Repository files", "postBuild"}
    assert after_version == {"requirements.txt: 1 package", "Repository files", "postBuild"}


def test_an_unchanged_repository_is_not_built_again(repo: Path, image: str) -> None:
    built_steps(repo, image)
    again = build(repo, image)

    assert again.returncode == 0
    assert " is up to date (" in again.stderr


def test_the_host_leaves_no_trace(tmp_path: Path) -> None:
    """Its proxy, its index and their passwords, its certificates: in no layer, nor in history, configuration, plan, log."""
    (tmp_path / "postBuild").write_text("set -e\n! env | grep -q canary-index-passwor[d]\n")
    never_cached = secrets.token_hex(4)
    (tmp_path / "requirements.txt").write_text(f"six==1.15.0; python_version != '{never_cached}'\n")
    settings = {
        "UV_INDEX_EXAMPLE_USERNAME": "ada",
        "UV_INDEX_EXAMPLE_PASSWORD": "canary-index-password",
        "CONDA_CHANNEL_ALIAS": "https://ada:canary-index-password@conda.example.org",
        "NO_PROXY": "canary-proxy-password.example.org",
        "JUPYTERHUB_API_TOKEN": "canary-hub-token",
    }
    tag, archive = fresh_tag("trace"), tmp_path.parent / "trace.tar"
    done = build(tmp_path, tag, **settings)
    try:
        assert done.returncode == 0, done.stderr
        run(["docker", "save", "--output", str(archive), tag])
        history = run(["docker", "history", "--no-trunc", tag]).stdout + json.dumps(inspected(tag))
        traces = run(
            [
                "grep",
                "-c",
                "-a",
                "-E",
                "canary-[a-z]+-(password|token)",
                str(archive),
            ]
        )
    finally:
        remove_image("docker", tag)
        archive.unlink(missing_ok=True)

    for canary in (*CANARIES, "canary-hub-token"):
        assert canary not in history
        assert canary not in done.stderr + done.stdout
    assert traces.stdout.strip() == "0"


def test_a_dockerfile_without_a_user_does_not_run_as_root(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM docker.io/library/debian:trixie-slim\n")
    tag = fresh_tag("root")
    done = r2i("run", str(tmp_path), "--engine", "docker", "--tag", tag, "--", "id", "-u")
    remove_image("docker", tag)

    assert done.stdout == "1000\n"
    assert "has no `USER`" in done.stderr
