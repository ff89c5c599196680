"""DOIs: which are known by their form, where the resolver leads, and what is said of a page that r2i cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from r2i.errors import FetchError, UsageError
from r2i.sources import fetched, parse
from tests.sources.record_servers import FILES, contents, doi, figshare, invenio, resolved, zenodo
from tests.sources.web_servers import html_answer, json_answer, problem, redirect, web_servers

pytestmark = pytest.mark.usefixtures("kept")


@pytest.mark.parametrize(
    ("text", "provider", "location"),
    [
        ("10.5281/zenodo.1234567", "zenodo", "https://zenodo.org/records/1234567"),
        ("doi:10.5281/ZENODO.1234567", "zenodo", "https://zenodo.org/records/1234567"),
        ("https://doi.org/10.5281/zenodo.1234567", "zenodo", "https://zenodo.org/records/1234567"),
        ("10.5072/zenodo.42", "zenodo", "https://sandbox.zenodo.org/records/42"),
        ("10.14278/rodare.42", "zenodo", "https://rodare.hzdr.de/records/42"),
        ("10.22002/abcde-12345", "zenodo", "https://data.caltech.edu/records/abcde-12345"),
        ("10.22002/D1.1163", "doi", "https://doi.org/10.22002/D1.1163"),
        ("10.6084/m9.figshare.9782777", "figshare", "https://figshare.com/articles/_/9782777"),
        ("10.6084/m9.figshare.9782777.v3", "figshare", "https://figshare.com/articles/_/9782777/3"),
        ("10.6084/m9.figshare.c.123", "doi", "https://doi.org/10.6084/m9.figshare.c.123"),
        ("10.17605/OSF.IO/ABCDE", "osf", "https://osf.io/abcde"),
        ("10.26180/5b0e1", "doi", "https://doi.org/10.26180/5b0e1"),
        ("https://dx.doi.org/10.1234/a(b)c", "doi", "https://doi.org/10.1234/a(b)c"),
        ("10.1234/a<b>c", "doi", "https://doi.org/10.1234/a%3Cb%3Ec"),
    ],
)
def test_reads(text: str, provider: str, location: str) -> None:
    source = parse(text, cwd=Path("/"))

    assert (source.provider, source.location) == (provider, location)


def test_a_directory_of_that_name_comes_first(tmp_path: Path) -> None:
    (tmp_path / "10.5281" / "zenodo.1").mkdir(parents=True)

    assert parse("10.5281/zenodo.1", cwd=tmp_path).provider == "local"


def test_a_doi_has_no_ref() -> None:
    with pytest.raises(UsageError, match="published record"):
        parse("10.1234/abc", ref="main", cwd=Path("/"))


def test_the_page_with_which_it_is_registered_is_read(tmp_path: Path) -> None:
    """That page itself is not asked for: many archives keep programs away from theirs."""
    page = "https://bridges.example.edu/articles/dataset/Waves/9782777/3"
    hosts = figshare(FILES) | {"doi.org": doi({"10.26180/5b0e1": page})}
    with web_servers(hosts, tmp_path) as web:
        revision, said = resolved("10.26180/5b0e1", web.environ)

    assert revision.source.provider == "figshare"
    assert revision.content_id == "9782777.v3"
    assert said == [
        "`https://doi.org/10.26180/5b0e1` leads to `https://bridges.example.edu/articles/dataset/_/9782777/3`"
    ]


def test_where_that_page_leads_is_read(tmp_path: Path) -> None:
    hosts = invenio(FILES) | {
        "doi.org": doi({"10.22002/D1.1163": "https://resolver.example.edu/1163"}),
        "resolver.example.edu": lambda _: redirect("https://data.caltech.edu/records/abcde-12345"),
    }
    with web_servers(hosts, tmp_path) as web:
        revision, _ = resolved("10.22002/D1.1163", web.environ)

    assert revision.source.location == "https://data.caltech.edu/records/abcde-12345"


def test_the_files_come_from_the_record(tmp_path: Path) -> None:
    """Without a revision, too, as a plan may fetch them; the subdirectory stays what was asked for."""
    hosts = zenodo({"docs/a.md": b"a", "b.md": b"b"}) | {
        "doi.org": doi({"10.1234/abc": "https://zenodo.org/record/1234567"})
    }
    source = parse("10.1234/abc", subdirectory="docs", cwd=Path("/"))
    with (
        web_servers(hosts, tmp_path) as web,
        fetched(source, environ=web.environ, report=lambda _: None) as checkout,
    ):
        assert contents(checkout) == {"a.md": b"a"}
        assert checkout.content_id == "1234567"


def test_a_page_that_r2i_cannot_read_is_named(tmp_path: Path) -> None:
    hosts = {
        "doi.org": doi({"10.1234/abc": "https://www.example.com/articles/1"}),
        "www.example.com": lambda _: html_answer(),
    }
    with (
        web_servers(hosts, tmp_path) as web,
        pytest.raises(FetchError, match=r"leads to www\.example\.com") as caught,
    ):
        resolved("10.1234/abc", web.environ)

    for name in ("Zenodo", "Figshare", "OSF", "Dataverse", "HydroShare"):
        assert name in str(caught.value.hint)


def test_a_doi_that_nobody_registered(tmp_path: Path) -> None:
    with (
        web_servers({"doi.org": doi({})}, tmp_path) as web,
        pytest.raises(FetchError, match="is not registered"),
    ):
        resolved("10.1234/abc", web.environ)


def test_a_resolver_that_refuses_says_so(tmp_path: Path) -> None:
    hosts = {"doi.org": lambda _: problem(403)}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match="HTTP 403"):
        resolved("10.1234/abc", web.environ)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"values": [{"type": "URL", "data": {"value": "file:///etc"}}]},
        {"values": [{"type": "EMAIL"}]},
    ],
)
def test_a_doi_without_a_page(document: object, tmp_path: Path) -> None:
    hosts = {"doi.org": lambda _: json_answer(document)}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError, match="leads to no page"):
        resolved("10.1234/abc", web.environ)


def test_a_collection_is_no_item(tmp_path: Path) -> None:
    hosts = {"doi.org": doi({"10.6084/m9.figshare.c.123": "https://figshare.com/collections/Waves/123/1"})}
    with web_servers(hosts, tmp_path) as web, pytest.raises(UsageError, match="not an item of Figshare"):
        resolved("10.6084/m9.figshare.c.123", web.environ)
