"""Items of Figshare: their addresses, versions, long lists, folders, links, and files that are not public."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from r2i.errors import FetchError, UsageError
from r2i.sources import parse
from tests.sources.record_servers import FILES, checked_out, contents, figshare, resolved, zipped
from tests.sources.web_servers import json_answer, routes, web_servers

pytestmark = pytest.mark.usefixtures("kept")

PAGE = "https://figshare.com/articles/_/9782777"


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("https://figshare.com/articles/dataset/Waves/9782777", PAGE),
        ("https://figshare.com/articles/dataset/Waves/9782777/2", f"{PAGE}/2"),
        ("https://figshare.com/articles/code/Waves/9782777/2?file=17", f"{PAGE}/2"),
        ("https://figshare.com/articles/software/Waves/9782777", PAGE),
        ("https://figshare.com/articles/binder-examples_requirements/9782777", PAGE),
        ("https://figshare.com/articles/Waves/9782777/2", f"{PAGE}/2"),
        ("https://figshare.com/articles/dataset/2021/9782777", PAGE),
        ("https://figshare.com/articles/2021/9782777/2", f"{PAGE}/2"),
        ("https://figshare.com/articles/9782777", PAGE),
        ("figshare.com/articles/_/9782777", PAGE),
        ("https://figshare.com/ndownloader/articles/9782777/versions/2", f"{PAGE}/2"),
        ("https://figshare.com/account/articles/9782777", "https://figshare.com/account/articles/9782777"),
        (
            "https://monash.figshare.com/articles/dataset/Waves/9782777/1",
            "https://monash.figshare.com/articles/_/9782777/1",
        ),
        (
            "https://bridges.example.edu/articles/dataset/Waves/9782777/1",
            "https://bridges.example.edu/articles/dataset/_/9782777/1",
        ),
    ],
)
def test_reads(text: str, location: str) -> None:
    source = parse(text, cwd=Path("/"))

    assert (source.provider, source.location) == ("figshare", location)


@pytest.mark.parametrize(
    "text",
    [
        "https://figshare.com",
        "https://figshare.com/articles/dataset/Waves",
        "https://figshare.com/articles/dataset/Waves/abc",
        "https://figshare.com/collections/Waves/123456/1",
        "https://figshare.com/projects/Waves/123456",
        "https://figshare.com/s/0123456789abcdef0123",
        "https://figshare.com/ndownloader/files/123",
        "https://figshare.com/account/home",
        "https://monash.figshare.com/browse",
    ],
)
def test_refuses_other_pages(text: str) -> None:
    with pytest.raises(UsageError, match="is not an item of Figshare") as caught:
        parse(text, cwd=Path("/"))

    assert "figshare.com/articles/" in str(caught.value.hint)


def test_a_version(tmp_path: Path) -> None:
    with web_servers(figshare(FILES), tmp_path) as web:
        revision, said = resolved(f"{PAGE}/3", web.environ)

    assert (revision.source.location, revision.content_id, said) == (f"{PAGE}/3", "9782777.v3", [])


@pytest.mark.parametrize(
    "address", [PAGE, "10.6084/m9.figshare.9782777", "https://figshare.com/account/articles/9782777"]
)
def test_no_version_gives_the_newest_and_says_which(address: str, tmp_path: Path) -> None:
    with web_servers(figshare(FILES), tmp_path) as web:
        revision, said = resolved(address, web.environ)

    assert revision.content_id == "9782777.v3"
    assert f"newest, `{PAGE}/3`" in said[0]


def test_the_doi_of_a_version(tmp_path: Path) -> None:
    with web_servers(figshare(FILES), tmp_path) as web:
        revision, said = resolved("https://doi.org/10.6084/m9.figshare.9782777.v3", web.environ)

    assert (revision.content_id, said) == ("9782777.v3", [])


def test_a_list_that_is_longer_than_an_item_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{number:02}.txt": str(number).encode() for number in range(23)}
    monkeypatch.setattr("r2i.sources.figshare.PAGE_SIZE", 10)
    with (
        web_servers(figshare(files), tmp_path) as web,
        checked_out(f"{PAGE}/3", web.environ) as (checkout, _),
    ):
        assert contents(checkout) == files


def test_folders(tmp_path: Path) -> None:
    files = {"index.ipynb": b"{}", "data/raw/a.csv": b"a"}
    with (
        web_servers(figshare(files), tmp_path) as web,
        checked_out(f"{PAGE}/3", web.environ) as (checkout, _),
    ):
        assert contents(checkout) == files


def test_an_archive(tmp_path: Path) -> None:
    files = {"waves.zip": zipped(FILES, top="waves")}
    with (
        web_servers(figshare(files), tmp_path) as web,
        checked_out(f"{PAGE}/3", web.environ) as (checkout, _),
    ):
        assert contents(checkout) == FILES


LINK = {
    "id": 5,
    "name": "Elsewhere",
    "size": 0,
    "is_link_only": True,
    "download_url": "https://example.org/a",
}
FILE = {
    "id": 1000,
    "name": "index.ipynb",
    "size": 2,
    "is_link_only": False,
    "download_url": "https://ndownloader.figshare.com/files/1000",
}


def test_links_are_left_out_and_named(tmp_path: Path) -> None:
    hosts = figshare({"index.ipynb": b"{}"}, files=[FILE, LINK])
    with web_servers(hosts, tmp_path) as web, checked_out(f"{PAGE}/3", web.environ) as (checkout, said):
        assert contents(checkout) == {"index.ipynb": b"{}"}

    assert said[0] == f"r2i leaves out links of `{PAGE}/3` to other servers: `Elsewhere`"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"files": [LINK]}, "only links to files elsewhere"),
        ({"files": []}, "has no files"),
        (
            {"files": None, "is_embargoed": True, "embargo_date": "2031-01-01T00:00:00"},
            "embargo until 2031-01-01",
        ),
        ({"files": None, "is_confidential": True}, "confidential"),
    ],
)
def test_items_without_files_say_why(fields: dict[str, Any], words: str, tmp_path: Path) -> None:
    with (
        web_servers(figshare(FILES, **fields), tmp_path) as web,
        pytest.raises(FetchError, match=words) as caught,
    ):
        resolved(f"{PAGE}/3", web.environ)

    assert caught.value.hint


def test_an_item_of_ones_own_is_fetched_with_a_token(tmp_path: Path) -> None:
    public = figshare({"index.ipynb": b"{}"})
    draft = {"id": 9782777, "version": 0, "files": [FILE]}
    api = routes({"/v2/account/articles/9782777": json_answer(draft)})
    hosts = {**public, "api.figshare.com": api}
    environ = {"FIGSHARE_TOKEN": "secret-of-figshare"}
    address = "https://figshare.com/account/articles/9782777"
    with web_servers(hosts, tmp_path) as web, checked_out(address, web.environ | environ) as (checkout, _):
        assert contents(checkout) == {"index.ipynb": b"{}"}
        assert str(checkout.content_id).startswith("9782777.draft-")
        assert {asked.headers.get("authorization") for asked in web.asked} == {"token secret-of-figshare"}


def test_what_is_public_is_fetched_without_the_token(tmp_path: Path) -> None:
    environ = {"FIGSHARE_TOKEN": "secret-of-figshare"}
    with web_servers(figshare(FILES), tmp_path) as web, checked_out(f"{PAGE}/3", web.environ | environ):
        seen = {(asked.host, asked.headers.get("authorization")) for asked in web.asked}

    assert seen == {("api.figshare.com", None), ("ndownloader.figshare.com", None)}


@pytest.mark.parametrize("document", [[], {}, {"version": 3, "files": [{"name": "a"}]}])
def test_another_form_of_answer(document: object, tmp_path: Path) -> None:
    hosts = {"api.figshare.com": lambda _: json_answer(document)}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match="not the documented form"):
        resolved(PAGE, web.environ)
