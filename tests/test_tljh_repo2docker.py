"""tljh-repo2docker builds an environment through the drop-in, and starts its server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.building import notebook
from tests.hubs import Hub, free_port, hub_of
from tests.pods import named_on_this_machine, pod_image
from tests.real_engines import remove_image
from tests.serving import served
from tests.sources.serving import Repository
from tests.waiting import until

pytestmark = pytest.mark.engine

PACKAGES = ("dockerspawner==14.0.0", "tljh-repo2docker==3.0.21")

#: The image that it starts for every build.
NAME = "quay.io/jupyterhub/repo2docker:2025.12.0"

#: A user who may build, and the service, as in its own documentation.
CONFIG = """
import sys
c.JupyterHub.spawner_class = "tljh_repo2docker.Repo2DockerSpawner"
c.DockerSpawner.allowed_images = "*"
c.DockerSpawner.volumes = {{}}
c.Authenticator.admin_users = {{"ada"}}
c.JupyterHub.api_tokens = {{"{token}": "ada"}}
c.JupyterHub.services.append({{
    "name": "tljh_repo2docker",
    "url": "http://127.0.0.1:{port}",
    "command": [sys.executable, "-m", "tljh_repo2docker", "--ip=127.0.0.1", "--port={port}"],
    "oauth_no_confirm": True,
}})
c.JupyterHub.load_roles.append({{
    "name": "tljh-repo2docker-service",
    "services": ["tljh_repo2docker"],
    "scopes": ["read:users", "read:roles:users", "admin:servers"],
}})
"""
TOKEN = secrets.token_hex(16)
ENVIRONMENTS = "/services/tljh_repo2docker/api/environments"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    config = CONFIG.format(token=TOKEN, port=free_port("127.0.0.1"))
    with hub_of("none", tmp_path, packages=PACKAGES, more=config) as started:
        yield started


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[None]:
    directory = tmp_path / "builder"
    directory.mkdir()
    with pod_image("docker") as image, named_on_this_machine(image, NAME, directory):
        yield


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """The address of a repository that containers reach."""
    project = Repository.make(tmp_path)
    (project.work / "says.ipynb").write_text(notebook("6 * 7"))
    project.commit()
    project.publish()
    with served(project.served.parent) as address:
        yield f"{address}/project.git"


@pytest.mark.usefixtures("builder")
def test_an_environment_is_built_and_started(hub: Hub, repository: str) -> None:
    name = f"r2i-test-tljh-{secrets.token_hex(4)}"
    wanted = {"repo": repository, "ref": "HEAD", "name": name, "memory": "2", "cpu": "1"}

    def environment() -> dict[str, str]:
        listed = hub.ask(ENVIRONMENTS, token=TOKEN).json()["images"]
        return next(each for each in listed if each["image_name"] == f"{name}:HEAD")

    try:
        hub.ask(ENVIRONMENTS, "POST", token=TOKEN, body=wanted).raise_for_status()
        until(lambda: environment()["status"] != "building", patience=600)
        built = environment()
        assert built["status"] == "built", built

        hub.start_server("ada", image=f"{name}:HEAD")
        assert hub.ask("/user/ada/api/contents/says.ipynb").json()["type"] == "notebook"
        assert (built["repo"], built["mem_limit"]) == (repository, "2G")
    finally:
        remove_image("docker", f"{name}:HEAD", all_names=True)
