"""The GitHub action and the GitLab template build, push to a real registry and comment, as their runners have them do."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from r2i.process import run
from tests.building import write
from tests.cases import ROOT
from tests.ready.forges import ADA, TOKEN, Forge
from tests.ready.runners import SHA, Pipeline, Runner
from tests.real_engines import BASE, engine_of, remove_image
from tests.registries import PASSWORD, USERNAME, Registry, registry
from tests.sources.web_servers import web_servers

pytestmark = pytest.mark.engine

#: Small enough to be pushed in a second. It has no Jupyter, which a check would say.
FILES = {
    "Dockerfile": f"FROM {BASE}\nARG NB_USER NB_UID\nRUN useradd --uid $NB_UID $NB_USER\nUSER $NB_USER\nCOPY . /srv/data\n"
}
CHECK = {"args": "--level L0 --select F1"}
PULL = {
    "pull_request": {
        "number": 12,
        "head": {"sha": "1" * 40, "repo": {"html_url": "https://github.com/ada/data", "private": False}},
    }
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants a login, for all tests of this file: the second image finds the layers of the first."""
    engine_of("docker")
    with registry(tmp_path_factory.mktemp("registry"), login=True) as running:
        yield running


@pytest.fixture
def name(locked: Registry) -> Iterator[str]:
    """A name in the registry; its images leave the machine."""
    made = f"{locked.host}/octavia/data-{secrets.token_hex(4)}"
    yield made
    for tag in (SHA, "latest"):
        remove_image("docker", f"{made}:{tag}")


def login(locked: Registry, directory: Path) -> dict[str, str]:
    """What `docker/login-action` leaves behind."""
    environment = {"DOCKER_CONFIG": str(directory)}
    subprocess.run(
        ["docker", "login", "--username", USERNAME, "--password-stdin", locked.host],
        input=PASSWORD,
        env={"PATH": "/usr/bin:/bin", **environment},
        text=True,
        check=True,
        capture_output=True,
    )
    return environment


def pulled(reference: str, environment: dict[str, str]) -> str:
    """What the image answers that the registry has under this name."""
    done = run(["docker", "pull", "--quiet", reference], env={"PATH": "/usr/bin:/bin", **environment})
    assert done.returncode == 0, done.stderr
    asked = run(["docker", "run", "--rm", reference, "id", "-un"])
    remove_image("docker", reference)
    return asked.stdout


def test_the_action_checks_builds_pushes_and_comments(tmp_path: Path, locked: Registry, name: str) -> None:
    repository, path = name.removeprefix(f"{locked.host}/"), write(tmp_path / "repo", FILES)
    served = Forge()
    with web_servers({"127.0.0.1": served}, tmp_path) as web:
        logged_in = login(locked, tmp_path / "docker")
        more = {"GITHUB_API_URL": web.url, **logged_in}
        job = Runner(path, tmp_path / "runner", event=PULL, more=more)
        code = job.run({"push": "true", "image": name, "comment": "true", "token": TOKEN, **CHECK})

    assert code == 0, job.logs
    digest = locked.digest(repository, SHA)
    assert locked.tags(repository) == [SHA, "latest"]
    assert job.outputs["image"] == f"{name}@{digest}"
    assert job.outputs["digest"] == digest
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", job.outputs["plan-digest"])
    config = locked.manifest(repository, "latest")["config"]["digest"]
    assert "moby.buildkit.cache.v0" in locked.get(f"{repository}/blobs/{config}").json()
    assert f"| Digest | `{digest}` |" in job.summary
    assert "Reaches L0 (it builds)" in job.summary
    assert [comment["body"] for comment in served.comments] == [job.summary]
    assert pulled(job.outputs["image"], logged_in) == "jovyan\n"


def test_the_action_says_why_a_push_is_refused(tmp_path: Path, locked: Registry, name: str) -> None:
    """As in a pull request from a fork: nothing is built that cannot be pushed."""
    job = Runner(write(tmp_path / "repo", FILES), tmp_path / "runner", more={"DOCKER_CONFIG": str(tmp_path)})

    assert job.run({"push": "true", "image": name, "check": "false"}) == 6
    assert f"`{locked.host}`" in job.logs["Build"]
    assert "\nNo image was built.\n" in job.summary


def test_the_template_checks_builds_pushes_and_comments(tmp_path: Path, locked: Registry, name: str) -> None:
    """It installs r2i, too."""
    repository, path = name.removeprefix(f"{locked.host}/"), write(tmp_path / "repo", FILES)
    served = Forge(service="gitlab", owner=ADA)
    with web_servers({"127.0.0.1": served}, tmp_path) as web:
        variables = {
            "CI_API_V4_URL": f"{web.url}/api/v4",
            "CI_COMMIT_BRANCH": "main",
            "CI_MERGE_REQUEST_IID": "12",
            "CI_PROJECT_ID": "34",
            "CI_REGISTRY": locked.host,
            "CI_REGISTRY_IMAGE": name,
            "CI_REGISTRY_PASSWORD": PASSWORD,
            "CI_REGISTRY_USER": USERNAME,
            "DOCKER_CONFIG": str(tmp_path / "docker"),
            "GITLAB_TOKEN": TOKEN,
        }
        pipeline = Pipeline(path, tmp_path / "work", variables)
        code = pipeline.run({"push": True, "comment": True, "package": str(ROOT), **CHECK})

    assert code == 0, pipeline.log
    digest = locked.digest(repository, SHA)
    assert locked.tags(repository) == [SHA, "latest"]
    assert f"R2I_IMAGE={name}@{digest}\n" in (path / "r2i.env").read_text()
    assert (path / "r2i-codequality.json").read_text() == "[]\n"
    assert [comment["body"] for comment in served.comments] == [(path / "r2i.md").read_text()]
    assert PASSWORD not in pipeline.log
