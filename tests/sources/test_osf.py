"""Projects and registrations of the OSF: their addresses, folders and pages, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from r2i.errors import FetchError, UsageError
from r2i.sources import parse
from tests.sources.record_servers import FILES, checked_out, contents, osf, resolved
from tests.sources.web_servers import json_answer, web_servers

pytestmark = pytest.mark.usefixtures("kept")

PROJECT = "https://osf.io/abcde"


@pytest.mark.parametrize(
    "text",
    [
        "https://osf.io/abcde",
        "https://osf.io/ABCDE/",
        "osf.io/abcde",
        "http://www.osf.io/abcde/?view_only=0123",
        "https://osf.io/abcde/files/",
        "https://osf.io/abcde/files/osfstorage",
        "https://osf.io/abcde/files/osfstorage/553e69248c5e4a219919ea54",
        "https://osf.io/abcde/wiki/home/",
        "https://osf.io/project/abcde/",
        "https://osf.io/registries/osf/abcde",
        "https://osf.io/registries/abcde",
        "https://osf.io/download/abcde/",
        "https://api.osf.io/v2/nodes/abcde/",
        "https://api.osf.io/v2/registrations/abcde/files/",
        "10.17605/OSF.IO/ABCDE",
        "https://doi.org/10.17605/osf.io/abcde",
    ],
)
def test_reads(text: str) -> None:
    source = parse(text, cwd=Path("/"))

    assert (source.provider, source.location) == ("osf", PROJECT)


@pytest.mark.parametrize(
    "text",
    [
        "https://osf.io",
        "https://osf.io/search?q=a",
        "https://osf.io/preprints/psyarxiv/abcde",
        "https://osf.io/a-b/",
        "https://osf.io/institutions",
        "https://osf.io/download/",
    ],
)
def test_refuses_other_pages(text: str) -> None:
    with pytest.raises(UsageError, match="is not a project of the OSF") as caught:
        parse(text, cwd=Path("/"))

    assert "osf.io/" in str(caught.value.hint)


def test_folders_in_folders_and_pages(tmp_path: Path) -> None:
    files = {
        **{f"{number}.txt": str(number).encode() for number in range(5)},
        "data/a.csv": b"a",
        "data/raw/b.csv": b"b",
        "data/raw/c d.csv": b"c",
        "docs/index.md": b"d",
    }
    with web_servers(osf(files), tmp_path) as web, checked_out(PROJECT, web.environ) as (checkout, _):
        assert contents(checkout) == files
        assert checkout.date == "2021-06-30T08:09:10Z"


def test_components_and_other_storages_are_left_out_and_named(tmp_path: Path) -> None:
    with web_servers(osf(FILES, components=7), tmp_path) as web:
        _, [sentence] = resolved(PROJECT, web.environ)

    assert "leaves out the components of `https://osf.io/abcde`: `https://osf.io/child0`," in sentence
    assert "`https://osf.io/child4` and 2 more" in sentence
    assert "keeps elsewhere: `github`" in sentence


def test_the_name_of_an_image_follows_the_files(tmp_path: Path) -> None:
    """A project has no versions: what its files are tells whether they are the same."""
    ids = []
    for files in (FILES, FILES, {**FILES, "data.csv": b"c\n"}, {**FILES, "new.txt": b"n"}):
        with web_servers(osf(files), tmp_path) as web:
            ids.append(resolved(PROJECT, web.environ)[0].content_id)

    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert str(ids[0]).startswith("abcde-")


def test_a_registration_has_a_day(tmp_path: Path) -> None:
    hosts = osf(FILES, kind="registrations", date_registered="2020-01-02T03:04:05.678901")
    with web_servers(hosts, tmp_path) as web, checked_out(PROJECT, web.environ) as (checkout, _):
        assert contents(checkout) == FILES
        assert checkout.date == "2020-01-02T03:04:05Z"


def test_a_registration_that_was_withdrawn(tmp_path: Path) -> None:
    hosts = osf(FILES, kind="registrations", withdrawn=True)
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match="withdrawn"):
        resolved(PROJECT, web.environ)


@pytest.mark.parametrize(
    ("kind", "words"), [("preprints", "is a preprint"), ("users", "is a profile"), ("wikis", "is a wikis")]
)
def test_an_id_of_something_else(kind: str, words: str, tmp_path: Path) -> None:
    hosts = {"api.osf.io": lambda _: json_answer({"data": {"id": "abcde", "type": kind}})}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match=words) as caught:
        resolved(PROJECT, web.environ)

    assert "project" in str(caught.value.hint)


def test_an_id_of_a_file_is_of_its_project(tmp_path: Path) -> None:
    hosts = osf(FILES)
    api = hosts["api.osf.io"]
    related = {"links": {"related": {"href": "https://api.osf.io/v2/nodes/abcde/", "meta": {}}}}
    file = {"data": {"id": "553e69248c5e4a219919ea54", "type": "files", "relationships": {"target": related}}}
    hosts["api.osf.io"] = lambda asked: json_answer(file) if "guids" in asked.route else api(asked)
    with web_servers(hosts, tmp_path) as web:
        revision, _ = resolved("https://osf.io/zyxwv", web.environ)

    assert revision.source.location == PROJECT


@pytest.mark.parametrize(("public", "sent"), [(False, "Bearer secret-of-osf"), (True, None)])
def test_a_token_is_for_the_servers_of_the_osf(public: bool, sent: str | None, tmp_path: Path) -> None:  # noqa: FBT001
    with web_servers(osf(FILES, public=public), tmp_path) as web:
        environ = web.environ | {"OSF_TOKEN": "secret-of-osf"}
        revision, _ = resolved(PROJECT, environ)
        with checked_out(PROJECT, environ):
            pass
        seen = {(asked.host, asked.headers.get("authorization")) for asked in web.asked}

    assert seen == {("api.osf.io", "Bearer secret-of-osf"), ("files.osf.io", sent)}
    assert "secret-of-osf" not in repr(revision)


def test_pages_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r2i.sources.osf.MOST_REQUESTS", 20)
    hosts = osf(FILES)
    api = hosts["api.osf.io"]
    page = {"data": [], "links": {"next": "https://api.osf.io/v2/nodes/abcde/files/osfstorage/?page=2"}}
    hosts["api.osf.io"] = lambda asked: json_answer(page) if "osfstorage" in asked.route else api(asked)
    with (
        web_servers(hosts, tmp_path) as web,
        pytest.raises(FetchError, match="more folders than r2i supports"),
    ):
        resolved(PROJECT, web.environ)


@pytest.mark.parametrize("document", [[], {}, {"data": {"type": "nodes", "id": "../x"}}])
def test_another_form_of_answer(document: object, tmp_path: Path) -> None:
    hosts = {"api.osf.io": lambda _: json_answer(document)}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError):
        resolved(PROJECT, web.environ)
