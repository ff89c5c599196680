"""A Binder badge with an nbgitpuller link, pasted whole: the environment of one repository, the notebooks of another."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import urlopen

import pytest

from r2i.process import run
from tests.building import R2I, notebook
from tests.cases import ROOT
from tests.children import started
from tests.real_engines import engine_of, remove_image
from tests.sources.serving import Repository, serve

pytestmark = pytest.mark.engine


@pytest.fixture
def badge(tmp_path: Path) -> Iterator[tuple[str, str]]:
    environment, course = Repository.make(tmp_path, "environment"), Repository.make(tmp_path, "course")
    environment.commit(**{"requirements.txt": "", "README": "environment\n"})
    environment.publish()
    commit = course.commit(**{"week1__first steps.ipynb": notebook("1 + 1")})
    course.publish()
    with serve(tmp_path / "served") as server:
        opened = "lab/tree/course/week1/first%20steps.ipynb"
        pull = urlencode(
            {"repo": f"{server.url}/course.git", "branch": "main", "urlpath": opened, "targetPath": "course"}
        )
        repository = quote(f"{server.url}/environment.git", safe="")
        hub = "https://hub.example.org/binder"
        link = f"{hub}/v2/git/{repository}/HEAD?urlpath={quote(f'git-pull?{pull}', safe='')}"
        yield f"[![Binder]({hub}/badge_logo.svg)]({link})\n", f"{server.url}/course.git@{commit} course"


def images_with(label: str) -> list[str]:
    done = run(["docker", "image", "ls", f"--filter=label={label}", "--format={{.Repository}}:{{.Tag}}"])
    return done.stdout.split()


def test_a_pasted_badge_opens_the_notebook_that_it_pulls(badge: tuple[str, str]) -> None:
    text, content = badge
    engine_of("docker")
    argv = [R2I, "run", text, "--no-browser", "--engine", "docker", "--progress", "json"]
    try:
        with started(*argv, cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            url = urlsplit(child.stdout.readline().strip())
            assert url.path == "/lab/tree/course/week1/first%20steps.ipynb"
            contents = f"{url.scheme}://{url.netloc}/api/contents/course/week1?{url.query}"
            with urlopen(url.geturl()) as page, urlopen(contents) as listed:
                assert page.status == 200
                assert [entry["name"] for entry in json.load(listed)["content"]] == ["first steps.ipynb"]
            child.send_signal(signal.SIGINT)
            child.wait(timeout=60)
        assert len(images_with(f"io.r2i.content={content}")) == 1
    finally:
        for name in images_with(f"io.r2i.content={content}"):
            remove_image("docker", name)
