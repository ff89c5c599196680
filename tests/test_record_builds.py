"""Images of published records, built with the real command line from servers that answer as those of the provider do."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from r2i.host.certificates import CA_SOURCES
from r2i.process import Completed, run
from tests.building import R2I, image_of, notebook, write
from tests.real_engines import remove_image
from tests.sources.hg_server import HG, commit, hg, serving
from tests.sources.record_servers import SAMPLES, doi, resolved, zipped
from tests.sources.web_servers import Web, web_servers

pytestmark = pytest.mark.engine

#: With a Python, which would else be that of the day of publication: all images share one environment.
FILES = {"index.ipynb": notebook("print(6 * 7)"), "data.csv": "a,b\n", "runtime.txt": "python-3.13\n"}
CONTENTS = {name: text.encode() for name, text in FILES.items()}
#: It does not show its archive, so that the resolver is asked.
DOI = "10.1234/waves"
LABEL = secrets.token_hex(4)
#: One archive, as most records of software are, and several files.
ARCHIVED = {"zenodo", "osf"}
LAID_OUT = {
    "archive": {"owner/waves-v1.zip": zipped(CONTENTS, top="owner-waves-0123abc")},
    "files": CONTENTS,
}


@pytest.fixture(scope="module", autouse=True)
def _shared_layers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """All that such an image needs from networks, which the steps of the builds below reach through no proxy of a test."""
    with image_of(write(tmp_path_factory.mktemp("records") / "waves", FILES)):
        yield


def built(address: str, web: Web, cache: Path) -> Completed:
    """Behind the proxy of the test, whatever this machine is behind, and with a cache of its own.

    A label makes the name of the image one that nobody else has, who builds and removes at the same time.
    """
    machine = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    own = {name: str(web.ca) for name in CA_SOURCES} | {"XDG_CACHE_HOME": str(cache), "NO_COLOR": "1"}
    environment = machine | web.environ | own
    argv = [R2I, "build", address, "--engine", "docker", "--progress", "plain", "--label", f"test={LABEL}"]
    return run(argv, env=environment, timeout=850)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_record_becomes_an_image_that_its_doi_finds_again(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    files = LAID_OUT["archive" if name in ARCHIVED else "files"]
    # A DOI leads to a page; an identifier that is none finds its image itself.
    doi_of = DOI if sample.address.startswith("https://") else sample.address
    hosts = sample.hosts(files) | {"doi.org": doi({DOI: sample.address})}
    with web_servers(hosts, tmp_path) as web:
        resolved(doi_of, web.environ)
        questions = set(web.urls())
        first = built(sample.address, web, tmp_path)
        assert first.returncode == 0, first.stderr
        assert "Python environment] cached" in first.stderr
        tag = first.stdout.strip()
        try:
            asked = len(web.asked)
            again = built(doi_of, web, tmp_path)
            labels = _labels(tag)
            inside = run(["docker", "run", "--rm", tag, "cat", "data.csv"], timeout=300)
        finally:
            remove_image("docker", tag)
        later = web.urls()[asked:]

    assert inside.stdout == FILES["data.csv"]
    assert tag.startswith(f"r2i/{name}:")
    assert "is up to date" in again.stderr
    assert again.stdout == first.stdout
    # The server is asked which version there is, and for no file.
    assert later
    assert set(later) <= questions
    assert labels["org.opencontainers.image.source"].startswith("https://")
    assert labels["repo2docker.repo"] == labels["org.opencontainers.image.source"]
    assert labels["repo2docker.ref"] == labels["org.opencontainers.image.revision"]


def test_a_mercurial_repository_becomes_an_image_that_is_found_again(tmp_path: Path) -> None:
    work = tmp_path / "waves"
    work.mkdir()
    hg("init", cwd=work)
    node = commit(work, "first", 1, **FILES)
    environment = os.environ | {"PATH": f"{Path(HG).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    with serving(work) as address:
        argv = [
            R2I,
            "build",
            address,
            "--engine",
            "docker",
            "--progress",
            "plain",
            "--label",
            f"test={LABEL}",
        ]
        first = run(argv, env=environment, timeout=850)
        assert first.returncode == 0, first.stderr
        tag = first.stdout.strip()
        try:
            again = run(argv, env=environment, timeout=300)
            labels = _labels(tag)
            inside = run(["docker", "run", "--rm", tag, "ls", "-A"], timeout=300)
        finally:
            remove_image("docker", tag)

    assert {"data.csv", "index.ipynb", "runtime.txt"} <= set(inside.stdout.split())
    assert ".hg" not in inside.stdout.split()
    assert "is up to date" in again.stderr
    assert labels["repo2docker.ref"] == labels["org.opencontainers.image.revision"] == node


def _labels(tag: str) -> dict[str, str]:
    done = run(["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", tag])
    found: dict[str, str] = json.loads(done.stdout)
    return found
