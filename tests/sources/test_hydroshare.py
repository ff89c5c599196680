"""Resources of HydroShare: their addresses, the pages of their files, and what of it becomes a checkout."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.sources import parse
from r2i.sources.hydroshare import HydroShare
from tests.sources.asking import asking, failing, typed
from tests.sources.web_servers import (
    Answer,
    Asked,
    Handler,
    file_answer,
    html_answer,
    json_answer,
    one_after_another,
    problem,
    routes,
)

pytestmark = pytest.mark.usefixtures("kept")

HOST = "www.hydroshare.org"
ID = "b8f6eae9d89241cf8b5904033460af61"
PAGE = f"https://{HOST}/resource/{ID}/"
NOTEBOOK, DATA = b'{"cells": []}', b"1,2\n"


def listed(path: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {
        "url": f"http://{HOST}/resource/{ID}/data/contents/{quote(path)}",
        "file_name": path.rpartition("/")[2],
        "size": len(content),
        "content_type": "text/plain",
        "logical_file_type": "",
        "modified_time": "2020-02-25T08:28:14",
        "checksum": hashlib.md5(content).hexdigest(),
    } | more


def elements(*, kind: str = "modified", date: str = "2023-04-05T06:07:08.123456Z") -> Answer:
    """The part of the science metadata that has dates."""
    created = {"type": "created", "start_date": "2019-01-01T00:00:00Z", "end_date": None}
    return json_answer(
        {"title": "A catchment", "dates": [created, {"type": kind, "start_date": date, "end_date": None}]}
    )


def two_pages(asked: Asked) -> Answer:
    number = asked.query.get("page", "1")
    more = f"https://{HOST}/hsapi/resource/{ID}/files/?page=2" if number == "1" else None
    files = {"1": listed("index.ipynb", NOTEBOOK), "2": listed("data/größe 1.csv", DATA)}
    return json_answer({"count": 2, "next": more, "previous": None, "results": [files[number]]})


def resource(files: Handler | Answer = two_pages, metadata: Handler | Answer | None = None) -> Handler:
    return routes(
        {
            f"/hsapi/resource/{ID}/scimeta/elements/": metadata or elements(),
            f"/hsapi/resource/{ID}/files/": files,
            f"/resource/{ID}/data/contents/index.ipynb": lambda asked: file_answer(asked, NOTEBOOK),
            f"/resource/{ID}/data/contents/{quote('data/größe 1.csv')}": lambda asked: file_answer(
                asked, DATA
            ),
        }
    )


@pytest.mark.parametrize(
    "text",
    [
        PAGE,
        f"http://www.hydroshare.org/resource/{ID}",
        f"hydroshare.org/resource/{ID.upper()}/",
        f"https://hydroshare.org/resource/{ID}/data/contents/index.ipynb",
        f"https://www.hydroshare.org/hsapi/resource/{ID}/",
    ],
)
def test_addresses_are_understood(text: str) -> None:
    source = HydroShare().read(typed(text, subdirectory="docs"))

    assert source is not None
    assert (source.provider, source.location, source.subdirectory) == ("hydroshare", PAGE, "docs")


@pytest.mark.parametrize(
    "text",
    [
        "https://www.hydroshare.org/landingPage/",
        f"https://www.hydroshare.org/resource/{ID[:-1]}",
    ],
)
def test_other_pages_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError, match="is not a resource of HydroShare") as caught:
        HydroShare().read(typed(text))

    assert "https://www.hydroshare.org/resource/ID/" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text", [f"https://example.org/resource/{ID}/", f"https://github.com/hydroshare/{ID}"]
)
def test_what_is_elsewhere_is_left_to_others(text: str) -> None:
    assert HydroShare().read(typed(text)) is None


@pytest.mark.parametrize(
    "text", [f"10.4211/hs.{ID}", f"doi:10.4211/HS.{ID.upper()}", f"https://doi.org/10.4211/hs.{ID}"]
)
def test_a_doi_contains_the_identifier(text: str) -> None:
    source = parse(text, cwd=Path("/"))

    assert (source.provider, source.location) == ("hydroshare", PAGE)


def test_a_resource_becomes_a_checkout(tmp_path: Path, environ: dict[str, str]) -> None:
    with asking("hydroshare.HydroShare", {HOST: resource()}, tmp_path, environ) as hydroshare:
        record = hydroshare.record(PAGE)
        files = hydroshare.files(PAGE)

    assert record.content_id == f"{ID}.v1680674828"
    assert record.published is not None
    assert record.published.year == 2023
    assert files == {"index.ipynb": NOTEBOOK, "data/größe 1.csv": DATA}
    assert [file.checksum for file in record.files] == [
        f"md5:{hashlib.md5(content).hexdigest()}" for content in (NOTEBOOK, DATA)
    ]
    # No zip file is made for anybody.
    assert not [url for url in hydroshare.web.urls() if "bag" in url]


def test_a_login_of_netrc_opens_a_private_resource(tmp_path: Path, environ: dict[str, str]) -> None:
    netrc = Path(environ["HOME"], ".netrc")
    netrc.write_text("machine www.hydroshare.org login ada password lovelace\n")
    netrc.chmod(0o600)
    with asking("hydroshare.HydroShare", {HOST: resource()}, tmp_path, environ) as hydroshare:
        assert hydroshare.files(PAGE)

    sent = {request.headers.get("authorization") for request in hydroshare.web.asked}
    assert sent == {f"Basic {base64.b64encode(b'ada:lovelace').decode()}"}


def test_the_checksum_of_an_upload_in_parts_is_none(tmp_path: Path, environ: dict[str, str]) -> None:
    entry = listed("index.ipynb", NOTEBOOK, checksum=f"{'0' * 32}-3")
    answer = json_answer({"count": 1, "next": None, "results": [entry]})
    with asking("hydroshare.HydroShare", {HOST: resource(answer)}, tmp_path, environ) as hydroshare:
        assert hydroshare.files(PAGE) == {"index.ipynb": NOTEBOOK}


def test_files_that_the_server_has_lost_are_counted(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = json_answer({"count": 3, "next": None, "results": [listed("index.ipynb", NOTEBOOK)]})
    with asking("hydroshare.HydroShare", {HOST: resource(answer)}, tmp_path, environ) as hydroshare:
        assert (
            hydroshare.record(PAGE).says
            == f"Warning: HydroShare counts 2 more files of `{PAGE}` than it lists"
        )


def test_a_file_that_is_listed_twice_hides_another_one(tmp_path: Path, environ: dict[str, str]) -> None:
    twice = [listed("index.ipynb", NOTEBOOK), listed("index.ipynb", NOTEBOOK)]
    answer = json_answer({"count": 2, "next": None, "results": twice})
    with asking("hydroshare.HydroShare", {HOST: resource(answer)}, tmp_path, environ) as hydroshare:
        assert "counts 1 more files" in hydroshare.record(PAGE).says
        assert hydroshare.files(PAGE) == {"index.ipynb": NOTEBOOK}


def test_pages_without_end_are_an_error(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = json_answer({"count": 1, "next": f"https://{HOST}/again", "results": []})
    with (
        asking("hydroshare.HydroShare", {HOST: resource(answer)}, tmp_path, environ) as hydroshare,
        pytest.raises(FetchError, match="more files than r2i supports") as caught,
    ):
        hydroshare.record(PAGE)

    assert "at most 20,000 files" in str(caught.value.hint)


def faults() -> dict[str, tuple[Handler | Answer, type[R2iError], str]]:
    elsewhere = {"url": "https://evil.example.org/data/contents/x"}
    return {
        "absent": (problem(404), FetchError, "does not exist"),
        "removed": (problem(410), FetchError, "was removed"),
        "private": (problem(403), FetchError, "is not accessible"),
        "busy": (problem(429, Retry_After="1"), TemporaryError, "is busy"),
        "page": (html_answer(), FetchError, "is a web page"),
        "other": (json_answer({"count": 1}), FetchError, "without `results`"),
        "elsewhere": (
            json_answer({"count": 1, "results": [listed("a", b"", **elsewhere)]}),
            FetchError,
            "not of this resource",
        ),
        "cut": (Answer(body=b"{}" * 50, cut=10), TemporaryError, "The connection"),
    }


@pytest.mark.parametrize("name", faults())
def test_faults_of_the_server_are_errors_with_words(
    name: str, tmp_path: Path, environ: dict[str, str]
) -> None:
    answer, kind, words = faults()[name]
    with (
        asking("hydroshare.HydroShare", {HOST: resource(answer)}, tmp_path, environ) as hydroshare,
        failing(kind, words),
    ):
        hydroshare.record(PAGE)


@pytest.mark.parametrize("answer", [elements(kind="available"), elements(date="yesterday"), json_answer({})])
def test_a_resource_without_a_version_is_an_error(
    answer: Answer, tmp_path: Path, environ: dict[str, str]
) -> None:
    with (
        asking("hydroshare.HydroShare", {HOST: resource(metadata=answer)}, tmp_path, environ) as hydroshare,
        pytest.raises(FetchError, match="without the date of the last change"),
    ):
        hydroshare.record(PAGE)


def test_a_server_that_recovers_is_asked_again(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = one_after_another(problem(500), two_pages)
    with asking("hydroshare.HydroShare", {HOST: resource(answer)}, tmp_path, environ) as hydroshare:
        assert len(hydroshare.record(PAGE).files) == 2


def test_a_file_that_differs_from_its_checksum_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    entry = listed("index.ipynb", NOTEBOOK, checksum="0" * 32)
    answer = json_answer({"count": 1, "next": None, "results": [entry]})
    with (
        asking("hydroshare.HydroShare", {HOST: resource(answer)}, tmp_path, environ) as hydroshare,
        pytest.raises(R2iError, match=r"index\.ipynb"),
    ):
        hydroshare.files(PAGE)
