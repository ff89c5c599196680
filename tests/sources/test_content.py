"""A second repository in the checkout of the first, as a link of nbgitpuller inside a Binder link puts it there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from r2i.building.namespaces import identity, own_namespace
from r2i.building.records import revision_state
from r2i.cli.badge import launch_of
from r2i.cli.common import TypedSource
from r2i.engines.naming import image_reference
from r2i.errors import FetchError, UsageError
from r2i.model import Options, Source
from r2i.planning.compose import make_plan
from r2i.ready.badge import HUB
from r2i.sources import fetched, parse, resolve
from tests.sources.record_servers import FILES, SAMPLES, checked_out
from tests.sources.serving import Repository, Server, git, id_of, serve
from tests.sources.web_servers import web_servers

NOWHERE = Path("/nonexistent")


@pytest.fixture
def course(tmp_path: Path, project: Repository) -> Repository:
    """What is pulled, beside the repository with the environment."""
    del project  # served from the same directory
    repository = Repository.make(tmp_path, "course")
    repository.commit("first", week1__a="one\n", binder__postBuild="#!/bin/sh\nexit 1\n")
    git("checkout", "-q", "-b", "spring", cwd=repository.work)
    repository.commit("second", week1__a="two\n")
    git("checkout", "-q", "main", cwd=repository.work)
    return repository.publish()


@pytest.fixture
def server(tmp_path: Path, course: Repository) -> Iterator[Server]:
    del course
    with serve(tmp_path / "served") as server:
        yield server


def link(server: Server, **pull: str) -> str:
    pulled = urlencode({"repo": f"{server.url}/course.git", "targetPath": "course", **pull})
    repository = quote(f"{server.url}/project.git", safe="")
    return f"https://hub.example.org/binder/v2/git/{repository}/main?{urlencode({'urlpath': f'git-pull?{pulled}'})}"


def source_of(server: Server, **pull: str) -> Source:
    return parse(link(server, **pull), cwd=NOWHERE)


def test_the_content_lies_where_it_would_be_pulled(
    server: Server, course: Repository, project: Repository, environ: dict[str, str]
) -> None:
    source = source_of(
        server, branch="spring", targetPath="work/course", urlpath="lab/tree/work/course/week1/a"
    )
    told: list[str] = []
    with fetched(source, environ=environ, report=told.append) as checkout:
        place = checkout.root / "work/course"
        assert (place / "week1/a").read_text() == "two\n"
        assert git("symbolic-ref", "HEAD", cwd=place) == "refs/heads/spring"
        assert (checkout.root / "README").read_text() == "third\n"
        assert checkout.content_id == id_of(project, "main")
        assert checkout.config_dir == "", "the configuration is that of the environment"
        labels = make_plan(checkout, Options(), source=source).labels

    commit = id_of(course, "spring")
    assert source.opens == "lab/tree/work/course/week1/a"
    assert labels["io.r2i.content"] == f"{server.url}/course.git@{commit} work/course"
    assert any(f"Fetching `{server.url}/course.git` at `{commit[:12]}`" in line for line in told)


def test_the_name_of_an_image_tells_its_content(
    server: Server, course: Repository, environ: dict[str, str]
) -> None:
    without = parse(link(server).partition("?")[0], cwd=NOWHERE)
    wanted = [
        without,
        source_of(server),
        source_of(server, branch="spring"),
        source_of(server, targetPath="b"),
    ]
    revisions = [resolve(source, environ=environ) for source in wanted]
    course.commit("third", week1__a="three\n")
    course.publish()
    revisions.append(resolve(source_of(server), environ=environ))

    names = {image_reference(r.source, Options(), revision=r.content_id) for r in revisions}
    states = {revision_state(r.source, Options(), commit=str(r.content_id)) for r in revisions}
    writers = {identity(r.source) for r in revisions}
    assert [len(names), len(states), len(writers)] == [len(revisions)] * 3
    assert own_namespace(revisions[0].source)
    assert not own_namespace(revisions[1].source), "code of two owners shares no cache"


def test_a_resolved_content_is_the_one_that_is_fetched(
    server: Server, course: Repository, environ: dict[str, str]
) -> None:
    source = source_of(server, branch="spring")
    revision = resolve(source, environ=environ)
    git("checkout", "-q", "spring", cwd=course.work)
    course.commit("later", week1__a="later\n")
    course.publish()

    with fetched(source, environ=environ, report=lambda _: None, revision=revision) as checkout:
        assert (checkout.root / "course/week1/a").read_text() == "two\n"
        assert git("symbolic-ref", "HEAD", cwd=checkout.root / "course") == "refs/heads/spring"


@pytest.mark.parametrize("place", ["docs", "README", "docs/intro", "README/course", "out", "out/course"])
def test_content_never_replaces_files_or_follows_links(
    place: str, server: Server, project: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / "outside").mkdir()
    (project.work / "out").symlink_to(tmp_path / "outside")
    project.commit("link")
    project.publish()

    with (
        pytest.raises(FetchError, match="already has") as caught,
        fetched(source_of(server, targetPath=place), environ=environ, report=lambda _: None),
    ):
        pass
    assert "targetPath" in str(caught.value.hint)
    assert list((tmp_path / "outside").iterdir()) == []


def test_content_that_cannot_be_fetched_is_named(server: Server, environ: dict[str, str]) -> None:
    with pytest.raises(FetchError, match=r"The content for `course` cannot be fetched: .*`nothing`"):
        resolve(source_of(server, branch="nothing"), environ=environ)
    missing = source_of(server, repo=f"{server.url}/missing.git")
    with pytest.raises(FetchError, match="The content for `course` cannot be fetched"):
        resolve(missing, environ=environ)


def test_content_of_this_machine_is_refused(course: Repository, server: Server) -> None:
    for repository in (course.url, str(course.served), "../course"):
        with pytest.raises(UsageError, match="not the URL of a repository"):
            source_of(server, repo=repository)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("name", ["zenodo", "figshare", "dataverse", "hydroshare", "ckan"])
def test_the_link_of_a_records_badge_fetches_the_record_and_what_it_pulls(
    name: str, server: Server, course: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    typed = TypedSource(source=SAMPLES[name].address, ref=None, subdir="")
    pull = f"git-pull?{urlencode({'repo': f'{server.url}/course.git', 'targetPath': 'course'})}"
    link = launch_of(typed, urlpath=pull, hub=HUB)[0].url
    with (
        web_servers(SAMPLES[name].hosts(FILES), tmp_path) as web,
        checked_out(link, environ | web.environ) as (checkout, _),
    ):
        assert {path: (checkout.root / path).read_bytes() for path in FILES} == FILES
        assert (checkout.root / "course/week1/a").read_text() == "one\n"
        assert checkout.content == f"{server.url}/course.git@{id_of(course, 'main')} course"

    assert f"/v2/{name}/" in link
