"""Records of Zenodo and other InvenioRDM sites: their addresses, and both forms of what servers answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from r2i.errors import FetchError, TemporaryError, UsageError
from r2i.sources import parse
from tests.sources.record_servers import FILES, checked_out, contents, invenio, resolved, zenodo, zipped
from tests.sources.web_servers import (
    file_answer,
    html_answer,
    json_answer,
    problem,
    redirect,
    routes,
    web_servers,
)

pytestmark = pytest.mark.usefixtures("kept")

RECORD = "https://zenodo.org/records/1234567"
CONCEPT = "https://zenodo.org/records/1234566"
CALTECH = "https://data.caltech.edu/records/abcde-12345"


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("https://zenodo.org/records/1234567", RECORD),
        ("https://zenodo.org/record/1234567", RECORD),
        ("http://zenodo.org/record/1234567#.YNxyz", RECORD),
        ("https://www.zenodo.org/records/1234567/", RECORD),
        ("zenodo.org/records/1234567", RECORD),
        ("https://Zenodo.org/records/1234567?preview_file=a.ipynb", RECORD),
        ("https://zenodo.org/records/1234567/files/a%20b.zip?download=1", RECORD),
        ("https://zenodo.org/records/1234567/preview/a.zip", RECORD),
        ("https://zenodo.org/records/1234567/export/bibtex", RECORD),
        ("https://zenodo.org/api/records/1234567", RECORD),
        ("https://zenodo.org/api/records/1234567/files/a.zip/content", RECORD),
        ("https://zenodo.org/records/1234567/latest", f"{RECORD}/latest"),
        ("https://zenodo.org/api/records/1234567/versions/latest", f"{RECORD}/latest"),
        ("https://zenodo.org/doi/10.5281/zenodo.1234567", RECORD),
        ("https://zenodo.org/doi/10.1234/abc", "https://zenodo.org/doi/10.1234/abc"),
        ("https://zenodo.org/badge/DOI/10.5281/zenodo.1234567.svg", RECORD),
        ("https://zenodo.org/badge/doi/10.5281/zenodo.1234567.svg", RECORD),
        ("https://zenodo.org/badge/latestdoi/581706557", "https://zenodo.org/badge/latestdoi/581706557"),
        ("https://zenodo.org/badge/581706557.svg", "https://zenodo.org/badge/latestdoi/581706557"),
        ("https://sandbox.zenodo.org/records/42", "https://sandbox.zenodo.org/records/42"),
        ("https://sandbox.zenodo.org/doi/10.5072/zenodo.42", "https://sandbox.zenodo.org/records/42"),
        ("https://rodare.hzdr.de/record/42", "https://rodare.hzdr.de/records/42"),
        (CALTECH, CALTECH),
        ("https://data.caltech.edu/records/1163", "https://data.caltech.edu/records/1163"),
        (
            "https://repository.example.org/records/8ks9m-zv8b4",
            "https://repository.example.org/records/8ks9m-zv8b4",
        ),
    ],
)
def test_reads(text: str, location: str) -> None:
    source = parse(text, cwd=Path("/"))

    assert (source.provider, source.location) == ("zenodo", location)


@pytest.mark.parametrize(
    "text",
    [
        "https://zenodo.org",
        "https://zenodo.org/communities/binder",
        "https://zenodo.org/uploads/1234567",
        "https://zenodo.org/deposit/1234567",
        "https://zenodo.org/records/",
        "https://zenodo.org/records/..",
        "https://zenodo.org/doi/10.1234/a%0Ab",
        "https://zenodo.org/badge/latestdoi/owner",
        "https://data.caltech.edu/communities/a",
    ],
)
def test_refuses_other_pages_of_its_sites(text: str) -> None:
    with pytest.raises(UsageError, match="is not a record of") as caught:
        parse(text, cwd=Path("/"))

    assert caught.value.hint
    assert "zenodo.org/records/" in caught.value.hint


def test_what_looks_like_a_record_of_any_site_is_left_to_git() -> None:
    assert parse("https://example.org/records/1234567", cwd=Path("/")).provider == "git"


def test_a_record(tmp_path: Path) -> None:
    with web_servers(zenodo(FILES), tmp_path) as web:
        revision, said = resolved(RECORD, web.environ)

    assert (revision.source.location, revision.content_id) == (RECORD, "1234567")
    assert said == []


@pytest.mark.parametrize("address", [CONCEPT, "10.5281/zenodo.1234566", f"{RECORD}/latest"])
def test_all_versions_give_the_newest_and_say_which(address: str, tmp_path: Path) -> None:
    with web_servers(zenodo(FILES), tmp_path) as web:
        revision, said = resolved(address, web.environ)

    assert (revision.source.location, revision.content_id) == (RECORD, "1234567")
    [sentence] = said
    assert "newest, version v1.2, `https://zenodo.org/records/1234567`" in sentence


@pytest.mark.parametrize(
    "address", ["https://zenodo.org/badge/latestdoi/58", "https://zenodo.org/doi/10.1234/abc"]
)
def test_what_only_the_server_knows_is_followed(address: str, tmp_path: Path) -> None:
    hosts = zenodo(FILES)
    record = hosts["zenodo.org"]
    pages = {
        "/badge/latestdoi/58": redirect("https://doi.org/10.5281/zenodo.1234567"),
        "/doi/10.5281/zenodo.1234567": redirect("/records/1234567"),
        "/doi/10.1234/abc": redirect("/records/1234567"),
        "/records/1234567": html_answer(),
    }
    leading = routes(pages)
    hosts["zenodo.org"] = lambda asked: leading(asked) if asked.route in pages else record(asked)
    hosts["doi.org"] = lambda _: redirect("https://zenodo.org/doi/10.5281/zenodo.1234567")
    with web_servers(hosts, tmp_path) as web, checked_out(address, web.environ) as (checkout, said):
        assert contents(checkout) == FILES

    assert said[0] == f"`{address}` leads to `{RECORD}`"


def test_a_badge_that_leads_to_no_record(tmp_path: Path) -> None:
    pages = {"/badge/latestdoi/58": redirect("/search"), "/search": html_answer()}
    with (
        web_servers({"zenodo.org": routes(pages)}, tmp_path) as web,
        pytest.raises(FetchError, match="no record"),
    ):
        resolved("https://zenodo.org/badge/latestdoi/58", web.environ)


@pytest.mark.parametrize("embedded", [True, False])
def test_the_form_of_invenio(embedded: bool, tmp_path: Path) -> None:  # noqa: FBT001
    files = {"waves.zip": zipped(FILES, top="waves")}
    with web_servers(invenio(files, embedded=embedded), tmp_path) as web:
        revision, said = resolved(CALTECH, web.environ)
        with checked_out(CALTECH, web.environ) as (checkout, _):
            assert contents(checkout) == FILES
            # `2021-06` is no day, so that on which the record was made counts.
            assert checkout.date == "2021-07-02T10:11:12Z"

    assert (revision.source.location, revision.content_id, said) == (CALTECH, "abcde-12345", [])


def test_a_record_of_metadata_only(tmp_path: Path) -> None:
    hosts = invenio(FILES, files={"enabled": False})
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match="has no files"):
        resolved(CALTECH, web.environ)


ACCESS = [
    ({"access_right": "restricted"}, "restricted"),
    ({"access_right": "closed"}, "restricted"),
    ({"access_right": "embargoed", "embargo_date": "2031-01-01"}, "under embargo until 2031-01-01"),
]


@pytest.mark.parametrize(("metadata", "words"), ACCESS)
def test_files_that_are_closed(metadata: dict[str, str], words: str, tmp_path: Path) -> None:
    with (
        web_servers(zenodo({}, metadata=metadata), tmp_path) as web,
        pytest.raises(FetchError, match=words) as caught,
    ):
        resolved(RECORD, web.environ)

    assert "ZENODO_TOKEN" in str(caught.value.hint)


def test_an_embargo_in_the_form_of_invenio(tmp_path: Path) -> None:
    access = {"record": "public", "files": "restricted", "embargo": {"active": True, "until": "2031-01-01"}}
    hosts = invenio(FILES, access=access, files={"enabled": True})
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match="embargo until 2031-01-01"):
        resolved(CALTECH, web.environ)


def test_a_token_opens_closed_files_and_is_for_its_host(tmp_path: Path) -> None:
    """Zenodo sends files on to a storage, which must not see it."""
    hosts = zenodo({"index.ipynb": b"{}"}, metadata={"access_right": "restricted"})
    record = hosts["zenodo.org"]
    storage = "https://storage.example.org/1"
    hosts["zenodo.org"] = lambda asked: (
        redirect(storage) if asked.route.endswith("/content") else record(asked)
    )
    hosts["storage.example.org"] = lambda asked: file_answer(asked, b"{}")
    secret = {"ZENODO_TOKEN": "secret-of-zenodo"}
    with web_servers(hosts, tmp_path) as web:
        revision, _ = resolved(RECORD, web.environ | secret)
        assert "secret-of-zenodo" not in repr(revision)
        with checked_out(RECORD, web.environ | secret):
            pass
        seen = {(asked.host, asked.headers.get("authorization")) for asked in web.asked}

    assert seen == {("zenodo.org", "Bearer secret-of-zenodo"), ("storage.example.org", None)}


def test_public_files_are_fetched_without_the_token(tmp_path: Path) -> None:
    with web_servers(zenodo(FILES), tmp_path) as web:
        with checked_out(RECORD, web.environ | {"ZENODO_TOKEN": "secret"}):
            pass
        seen = {asked.headers.get("authorization") for asked in web.asked if asked.route.endswith("/content")}

    assert seen == {None}


def test_the_sandbox_does_not_see_the_token_of_zenodo(tmp_path: Path) -> None:
    hosts = {"sandbox.zenodo.org": zenodo(FILES)["zenodo.org"]}
    with web_servers(hosts, tmp_path) as web:
        resolved("https://sandbox.zenodo.org/records/1234567", web.environ | {"ZENODO_TOKEN": "secret"})
        assert [asked.headers.get("authorization") for asked in web.asked] == [None]


def test_a_record_that_was_removed(tmp_path: Path) -> None:
    tombstone = {
        "status": 410,
        "message": "Record deleted",
        "tombstone": {"removal_reason": {"id": "retracted"}},
    }
    hosts = {"zenodo.org": lambda _: json_answer(tombstone, status=410)}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match=r"removed.*410"):
        resolved(RECORD, web.environ)


@pytest.mark.parametrize("document", [[], {}, {"id": "../x"}, {"id": 1, "files": [{"key": "a"}]}])
def test_another_form_of_answer(document: object, tmp_path: Path) -> None:
    hosts = {"zenodo.org": lambda _: json_answer(document)}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match="not the documented form"):
        resolved(RECORD, web.environ)


def test_a_page_instead_of_json(tmp_path: Path) -> None:
    hosts = {"zenodo.org": lambda _: html_answer()}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match="web page"):
        resolved(RECORD, web.environ)


def test_a_server_that_stays_busy(tmp_path: Path) -> None:
    hosts = {"zenodo.org": lambda _: problem(429, Retry_After="900")}
    with web_servers(hosts, tmp_path) as web, pytest.raises(TemporaryError, match="busy"):
        resolved(RECORD, web.environ)
