"""Datasets of CKAN portals: which addresses are claimed, and which of their resources become files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.sources.ckan import Ckan
from tests.sources.asking import asking, failing, typed
from tests.sources.web_servers import (
    Answer,
    Handler,
    file_answer,
    html_answer,
    json_answer,
    one_after_another,
    problem,
    redirect,
    routes,
)

pytestmark = pytest.mark.usefixtures("kept")

HOST = "demo.ckan.org"
SITE = f"https://{HOST}"
PAGE = f"{SITE}/dataset/rivers"
ID = "3f1b2c4d-0000-4000-8000-00000000abcd"
RESOURCE = "11111111-2222-4333-8444-555555555555"
ACTIVITY = "0b7ee5b5-5b0e-4f2c-9f0d-0f3c2a1b4c5d"
NOTEBOOK, DATA = b'{"cells": []}', b"1,2\n"


def resource(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {
        "id": RESOURCE,
        "package_id": ID,
        "name": name,
        "url": url,
        "url_type": None,
        "format": "CSV",
        "mimetype": None,
        "hash": "",
        "size": None,
        "state": "active",
    } | more


def upload(name: str, content: bytes, **more: Any) -> dict[str, Any]:
    url = f"{SITE}/dataset/{ID}/resource/{RESOURCE}/download/{name}"
    digest = hashlib.md5(content).hexdigest()
    return resource(
        f"The file {name}", url, **({"url_type": "upload", "size": len(content), "hash": digest} | more)
    )


def dataset(*resources: dict[str, Any], **more: Any) -> Answer:
    found = {
        "id": ID,
        "name": "rivers",
        "metadata_modified": "2022-03-04T05:06:07.890123",
        "resources": list(resources),
    } | more
    return json_answer({"help": f"{SITE}/api/3/action/help_show", "success": True, "result": found})


def portal(answer: Answer | Handler, **files: bytes) -> Handler:
    served = {
        f"/dataset/{ID}/resource/{RESOURCE}/download/{name.replace('__', '.')}": (
            lambda asked, content=content: file_answer(asked, content)
        )
        for name, content in files.items()
    }
    return routes({"/api/3/action/package_show": answer, **served})


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (PAGE, PAGE),
        ("demo.ckan.org/dataset/rivers/", PAGE),
        (f"{SITE}/dataset/{ID}", f"{SITE}/dataset/{ID}"),
        (f"{PAGE}?activity_id={ACTIVITY}", f"{PAGE}?activity_id={ACTIVITY}"),
        (f"{PAGE}/history/{ACTIVITY}", f"{PAGE}?activity_id={ACTIVITY}"),
        (f"{PAGE}/resource/{RESOURCE}", PAGE),
        (f"{PAGE}/resource/{RESOURCE}/download/a.csv", PAGE),
        ("https://www.data.qld.gov.au/dataset/rivers", "https://www.data.qld.gov.au/dataset/rivers"),
        ("http://data.example.org/en/dataset/rivers", "http://data.example.org/en/dataset/rivers"),
        ("https://open.canada.ca/data/en/dataset/rivers", "https://open.canada.ca/data/en/dataset/rivers"),
    ],
)
def test_the_form_of_an_address_tells_that_it_is_a_dataset(text: str, location: str) -> None:
    source = Ckan().read(typed(text, subdirectory="docs"))

    assert source is not None
    assert (source.provider, source.location, source.subdirectory) == ("ckan", location, "docs")


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/dataset/rivers",
        "https://gitlab.example.org/dataset/rivers",
        "https://git.example.org/dataset/rivers",
        "https://codeberg.org/dataset/rivers",
        "git+https://demo.ckan.org/dataset/rivers",
        "https://demo.ckan.org/dataset/rivers.git",
        "https://demo.ckan.org/dataset/new",
        "https://demo.ckan.org/dataset",
        "https://demo.ckan.org/dataset/rivers/tree/main",
        "https://kilthub.cmu.edu/articles/dataset/Rivers/123456",
        "https://example.org/a/b/c/d/dataset/rivers",
        "dataset/rivers",
    ],
)
def test_what_is_more_likely_something_else_is_left_to_others(text: str) -> None:
    assert Ckan().read(typed(text)) is None


def test_a_ref_says_that_it_is_git() -> None:
    assert Ckan().read(typed(PAGE, ref="main")) is None


def test_a_version_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="`newest` is not a version of a dataset"):
        Ckan().read(typed(f"{PAGE}?activity_id=newest"))


def test_a_dataset_becomes_a_checkout(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = dataset(upload("index.ipynb", NOTEBOOK), upload("data.csv", DATA, size=str(len(DATA)), hash=""))
    with asking(
        "ckan.Ckan", {HOST: portal(answer, index__ipynb=NOTEBOOK, data__csv=DATA)}, tmp_path, environ
    ) as ckan:
        record = ckan.record(PAGE)
        files = ckan.files(PAGE)

    assert files == {"index.ipynb": NOTEBOOK, "data.csv": DATA}
    assert record.content_id == f"{ID}.v1646370367"
    assert record.published is not None
    assert record.says == ""
    assert [(file.size, file.checksum) for file in record.files] == [
        (len(NOTEBOOK), f"md5:{hashlib.md5(NOTEBOOK).hexdigest()}"),
        (len(DATA), None),
    ]
    assert ckan.web.asked[0].query == {"id": "rivers"}


def test_a_version_is_asked_for_by_its_activity(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = dataset(upload("data.csv", DATA), metadata_modified="2020-01-01T00:00:00")
    server = routes({"/en/api/3/action/activity_data_show": answer})
    with asking("ckan.Ckan", {HOST: server}, tmp_path, environ) as ckan:
        record = ckan.record(f"{SITE}/en/dataset/rivers/history/{ACTIVITY}")

    assert record.content_id == f"{ID}.v1577836800"
    assert ckan.web.asked[0].query == {"id": ACTIVITY, "object_type": "package"}


def test_links_to_pages_and_services_are_named_and_left_out(tmp_path: Path, environ: dict[str, str]) -> None:
    """A file elsewhere is brought, whatever the portal once knew of its size and its hash."""
    elsewhere = resource(
        "Measurements", "https://files.example.org/2020/data.csv?dl=1", hash="0" * 32, size=1
    )
    answer = dataset(
        elsewhere,
        resource("About", "https://example.org/about.html", format="HTML"),
        resource("Map", "https://example.org/wms?service=WMS", format="WMS"),
        resource("Query", "https://example.org/arcgis/rest/services/0", format="ArcGIS GeoServices REST API"),
        resource("Home", "https://example.org/", format=""),
        resource("Nothing", "", format="CSV"),
        resource("Mail", "mailto:a@example.org"),
    )
    hosts = {HOST: portal(answer), "files.example.org": lambda asked: file_answer(asked, DATA)}
    with asking("ckan.Ckan", hosts, tmp_path, environ) as ckan:
        says = ckan.record(PAGE).says
        assert ckan.files(PAGE) == {"data.csv": DATA}

    assert (
        says
        == "Warning: resources of the dataset that are links to pages or services are left out: `About`, `Map`, `Query` and 3 more"
    )


def test_two_resources_of_one_name_lie_beside_each_other(tmp_path: Path, environ: dict[str, str]) -> None:
    other = RESOURCE.replace("1", "9")
    answer = dataset(
        upload("data.csv", DATA), resource("again", "https://files.example.org/data.csv", id=other)
    )
    with asking("ckan.Ckan", {HOST: portal(answer)}, tmp_path, environ) as ckan:
        assert [file.path for file in ckan.record(PAGE).files] == ["data.csv", f"{other}/data.csv"]


def faults() -> dict[str, tuple[Handler | Answer, type[R2iError], str]]:
    refused = {"success": False, "error": {"message": "Not found", "__type": "Not Found Error"}}
    return {
        "absent": (problem(404), FetchError, "does not exist"),
        "removed": (problem(410), FetchError, "was removed"),
        "private": (problem(403), FetchError, "is not accessible"),
        "busy": (problem(429, Retry_After="1"), TemporaryError, "is busy"),
        "broken": (problem(503), TemporaryError, "cannot answer now"),
        "page": (html_answer(), FetchError, "is a web page"),
        "elsewhere": (redirect("https://portal.example.org/login"), R2iError, "portal.example.org"),
        "refused": (json_answer(refused), FetchError, "has no dataset `rivers`"),
        "no resources": (dataset(resources=None), FetchError, "without `resources`"),
        "no date": (dataset(metadata_modified=""), FetchError, "without the date of the last change"),
    }


@pytest.mark.parametrize("name", faults())
def test_faults_of_the_server_are_errors_with_words(
    name: str, tmp_path: Path, environ: dict[str, str]
) -> None:
    answer, kind, words = faults()[name]
    with asking("ckan.Ckan", {HOST: portal(answer)}, tmp_path, environ) as ckan, failing(kind, words):
        ckan.record(PAGE)


@pytest.mark.parametrize("answer", [problem(404), html_answer()])
def test_a_host_that_is_no_portal_may_have_a_repository(
    answer: Answer, tmp_path: Path, environ: dict[str, str]
) -> None:
    with (
        asking("ckan.Ckan", {HOST: portal(answer)}, tmp_path, environ) as ckan,
        pytest.raises(FetchError) as caught,
    ):
        ckan.record(PAGE)

    assert "git+https://" in str(caught.value.hint)


def test_a_server_that_recovers_is_asked_again(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = one_after_another(problem(500), dataset(upload("data.csv", DATA)))
    with asking("ckan.Ckan", {HOST: portal(answer)}, tmp_path, environ) as ckan:
        assert ckan.record(PAGE).files


def test_a_file_that_differs_from_its_checksum_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = dataset(upload("data.csv", DATA, hash="0" * 32))
    with (
        asking("ckan.Ckan", {HOST: portal(answer, data__csv=DATA)}, tmp_path, environ) as ckan,
        pytest.raises(R2iError, match=r"data\.csv"),
    ):
        ckan.files(PAGE)


def test_a_portal_may_ask_to_be_left_alone_for_long(tmp_path: Path, environ: dict[str, str]) -> None:
    with (
        asking("ckan.Ckan", {HOST: portal(problem(429, Retry_After="3600"))}, tmp_path, environ) as ckan,
        pytest.raises(TemporaryError, match="is busy") as caught,
    ):
        ckan.record(PAGE)

    assert caught.value.hint == "Try again in 60 minutes"
    assert ckan.waited == []
