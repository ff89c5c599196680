"""Datasets of Dataverse installations: their addresses, their API, and what of it becomes a checkout."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.facts.dataverse import installations
from r2i.sources.dataverse import Dataverse
from r2i.sources.web.records import Records
from tests.sources.asking import asking, failing, typed
from tests.sources.record_servers import doi, resolved
from tests.sources.web_servers import (
    Answer,
    Asked,
    Handler,
    file_answer,
    html_answer,
    json_answer,
    one_after_another,
    problem,
    redirect,
    routes,
    web_servers,
)

pytestmark = pytest.mark.usefixtures("kept")

HOST = "dataverse.harvard.edu"
SITE = f"https://{HOST}"
DATASET = "doi:10.7910/DVN/TJCLKP"
PAGE = f"{SITE}/dataset.xhtml?persistentId={DATASET}"
STATA, TABLE, NOTEBOOK = b"stata\0\x01", b"a\tb\n1\t2\n", b'{"cells": []}'


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def entry(number: int, label: str, content: bytes, *, folder: str = "", **more: Any) -> dict[str, Any]:
    """A file as the native API lists it; `of_file` is what belongs to the file itself."""
    data = {
        "id": number,
        "persistentId": "",
        "filename": label,
        "filesize": len(content),
        "md5": md5(content),
        "checksum": {"type": "MD5", "value": md5(content)},
        "tabularData": False,
    } | more.pop("of_file", {})
    found = {
        "label": label,
        "restricted": False,
        "version": 1,
        "datasetVersionId": 7,
        "dataFile": data,
    } | more
    return found | ({"directoryLabel": folder} if folder else {})


def version(*files: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "status": "OK",
        "data": {
            "id": 7,
            "datasetPersistentId": DATASET,
            "versionNumber": 2,
            "versionMinorNumber": 1,
            "versionState": "RELEASED",
            "releaseTime": "2021-05-06T07:08:09Z",
            "lastUpdateTime": "2021-05-06T07:08:09Z",
            "files": list(files),
        }
        | more,
    }


def table() -> dict[str, Any]:
    """What was uploaded as Stata's, and is kept as text: the checksum and the size are in two forms."""
    return entry(
        12,
        "survey.tab",
        STATA,
        folder="data/raw",
        of_file={
            "filesize": len(TABLE),
            "originalFileFormat": "application/x-stata",
            "originalFileName": "survey.dta",
            "originalFileSize": len(STATA),
            "tabularData": True,
        },
    )


def installation(answer: Handler | Answer, *, files: Mapping[str, Handler | Answer] | None = None) -> Handler:
    """An installation with one dataset, whose newest version is published."""
    versions = {
        f"/api/datasets/:persistentId/versions/{name}": answer
        for name in (":latest-published", "2.1", ":draft")
    }
    return routes(versions | dict(files or {}))


def both(asked: Asked) -> Answer:
    """The table in its two forms, of which the original one has to be asked for."""
    return file_answer(asked, STATA if asked.query.get("format") == "original" else TABLE)


def whole() -> Handler:
    files = {
        "/api/access/datafile/11": lambda asked: file_answer(asked, NOTEBOOK),
        "/api/access/datafile/12": both,
    }
    return installation(json_answer(version(entry(11, "index.ipynb", NOTEBOOK), table())), files=files)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (PAGE, PAGE),
        (f"{HOST}/dataset.xhtml?persistentId={DATASET}&version=1.0", f"{PAGE}&version=1.0"),
        (f"{PAGE}&version=:latest-published", PAGE),
        (f"{PAGE}&version=DRAFT", f"{PAGE}&version=:draft"),
        (f"{PAGE}&widget=dataset@harvard#tab", PAGE),
        (f"{SITE}/dataset.xhtml?id=42", f"{SITE}/dataset.xhtml?id=42"),
        (f"{SITE}/dataset.xhtml?persistentId=https://doi.org/10.7910/DVN/TJCLKP", PAGE),
        (f"{SITE}/citation?persistentId={DATASET}", f"{SITE}/citation?persistentId={DATASET}"),
        (f"{SITE}/file.xhtml?fileId=33&version=2.0", f"{SITE}/file.xhtml?fileId=33&version=2.0"),
        (f"{SITE}/api/access/datafile/33", f"{SITE}/file.xhtml?fileId=33"),
        (f"{SITE}/api/access/datafile/:persistentId?persistentId={DATASET}/AB", f"{SITE}/file.xhtml?persistentId={DATASET}/AB"),
        (f"{SITE}/api/datasets/:persistentId/versions/1.0/?persistentId={DATASET}", PAGE),
        (f"{SITE}/spa/datasets?persistentId={DATASET}", PAGE),
        ("https://www.sodha.be/dataset.xhtml?persistentId=doi:10.34934/DVN/A", "https://www.sodha.be/dataset.xhtml?persistentId=doi:10.34934/DVN/A"),
        ("https://not-listed.example.org/dataset.xhtml?persistentId=hdl:1902.1/X", "https://not-listed.example.org/dataset.xhtml?persistentId=hdl:1902.1/X"),
        ("https://dataverse.acg.maine.edu/dvn/file.xhtml?fileId=1", "https://dataverse.acg.maine.edu/dvn/file.xhtml?fileId=1"),
    ],
)  # fmt: skip
def test_its_pages_are_understood_on_any_host(text: str, location: str) -> None:
    source = Dataverse().read(typed(text, subdirectory="docs"))

    assert source is not None
    assert (source.provider, source.location, source.subdirectory) == ("dataverse", location, "docs")


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/citation",
        "https://example.org/citation?persistentId=7",
        "https://example.org/dataset.xhtml",
        "https://example.org/api/access/datafile/readme",
        "https://example.org/spa/datasets?persistentId=doi:10.7910/DVN/X",
        "https://example.org/owner/name/dataset.xhtml?id=1",
        "https://github.com/IQSS/dataverse",
        "doi:10.7910/DVN/TJCLKP",
        "dataset.xhtml",
    ],
)
def test_what_any_website_could_have_is_left_to_others(text: str) -> None:
    assert Dataverse().read(typed(text)) is None


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (f"{SITE}/dataverse/some", f"`{SITE}/dataverse/some` is not a dataset of a Dataverse installation", "dataset.xhtml?persistentId="),
        ("https://www.sodha.be/", "is not a dataset of a Dataverse installation", "Pass the address of a dataset or of a file"),
        (f"{PAGE}&version=newest", "`newest` is not a version of a dataset", "`2.1`"),
    ],
)  # fmt: skip
def test_other_pages_of_installations_are_refused_with_a_hint(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Dataverse().read(typed(text))

    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_ref_is_no_version() -> None:
    with pytest.raises(UsageError, match="published record"):
        Records("dataverse.Dataverse").read(typed(PAGE, ref="2.1"))


def test_a_dataset_becomes_a_checkout(tmp_path: Path, environ: dict[str, str]) -> None:
    with asking("dataverse.Dataverse", {HOST: whole()}, tmp_path, environ) as dataverse:
        record = dataverse.record(PAGE)
        files = dataverse.files(PAGE)

    assert record.content_id == "doi-10.7910-DVN-TJCLKP.v2.1"
    assert record.source.location == f"{PAGE}&version=2.1"
    assert record.published is not None
    assert record.published.isoformat() == "2021-05-06T07:08:09+00:00"
    assert record.says == ""
    # The table as it was deposited, under its own name: the checksum and the size are those of this form.
    assert files == {"index.ipynb": NOTEBOOK, "data/raw/survey.dta": STATA}
    table_file = record.files[1]
    assert (table_file.size, table_file.checksum) == (len(STATA), f"md5:{md5(STATA)}")
    assert {
        request.query.get("excludeFiles") for request in dataverse.web.asked if "versions" in request.path
    } == {"false"}


@pytest.mark.parametrize(
    "page",
    [
        f"{SITE}/file.xhtml?fileId=12",
        f"{SITE}/file.xhtml?persistentId={DATASET}/AB",
        f"{SITE}/citation?persistentId={DATASET}/AB",
    ],
)
def test_a_file_names_its_dataset(page: str, tmp_path: Path, environ: dict[str, str]) -> None:
    found = json_answer(
        {"status": "OK", "data": {"label": "survey.tab", "datasetVersion": {"datasetPersistentId": DATASET}}}
    )

    def newest(asked: Asked) -> Answer:
        return json_answer(version(table())) if asked.query["persistentId"] == DATASET else problem(404)

    files = {"/api/files/12": found, "/api/files/:persistentId": found}
    with asking(
        "dataverse.Dataverse", {HOST: installation(newest, files=files)}, tmp_path, environ
    ) as dataverse:
        record = dataverse.record(page)

    assert record.source.location == f"{PAGE}&version=2.1"
    assert [file.path for file in record.files] == ["data/raw/survey.dta"]
    of_file = next(request for request in dataverse.web.asked if request.route.startswith("/api/files/"))
    assert of_file.query["returnDatasetVersion"] == "true"


@pytest.mark.parametrize("kind", ["citation", "file.xhtml"])
def test_a_doi_of_any_installation_leads_to_its_dataset(kind: str, tmp_path: Path) -> None:
    """The DOI of a file, too: it is registered with a page of its own."""
    page = f"https://dataverse.nl/{kind}?persistentId=doi:10.34894/ABCDEF"
    found = {"data": {"datasetVersion": {"datasetPersistentId": "doi:10.34894/ABCDEF"}}}
    listed = version(entry(11, "index.ipynb", NOTEBOOK), datasetPersistentId="doi:10.34894/ABCDEF")
    server = installation(json_answer(listed), files={"/api/files/:persistentId": json_answer(found)})
    with web_servers({"doi.org": doi({"10.34894/abcdef": page}), "dataverse.nl": server}, tmp_path) as web:
        revision, said = resolved("https://doi.org/10.34894/abcdef", web.environ)

    assert (
        revision.source.location
        == "https://dataverse.nl/dataset.xhtml?persistentId=doi:10.34894/ABCDEF&version=2.1"
    )
    assert said == [f"`https://doi.org/10.34894/abcdef` leads to `{page}`"]


def test_a_version_and_a_draft_are_asked_for_by_name(tmp_path: Path, environ: dict[str, str]) -> None:
    draft = version(table(), versionState="DRAFT", versionNumber=None, lastUpdateTime="2024-01-02T03:04:05Z")
    server = routes(
        {
            "/api/datasets/:persistentId/versions/2.1": json_answer(version(table())),
            "/api/datasets/:persistentId/versions/:draft": json_answer(draft),
        }
    )
    with asking("dataverse.Dataverse", {HOST: server}, tmp_path, environ) as dataverse:
        assert dataverse.record(f"{PAGE}&version=2.1").content_id == "doi-10.7910-DVN-TJCLKP.v2.1"
        changing = dataverse.record(f"{PAGE}&version=DRAFT")

    # A draft changes: an image of it is found again until then.
    assert changing.content_id == "doi-10.7910-DVN-TJCLKP.draft.20240102030405"
    assert changing.source.location == f"{PAGE}&version=:draft"


def test_restricted_files_are_left_out_and_named(tmp_path: Path, environ: dict[str, str]) -> None:
    files = (
        entry(1, "open.csv", b"1"),
        entry(2, "secret.csv", b"2", restricted=True),
        entry(3, "later.csv", b"3", of_file={"embargo": {"dateAvailable": "2999-01-01", "reason": "soon"}}),
        entry(4, "gone.csv", b"4", of_file={"retention": {"dateUnavailable": "2020-01-01"}}),
        entry(5, "was-later.csv", b"5", of_file={"embargo": {"dateAvailable": "2020-01-01"}}),
    )
    with asking(
        "dataverse.Dataverse", {HOST: installation(json_answer(version(*files)))}, tmp_path, environ
    ) as dataverse:
        record = dataverse.record(PAGE)

    assert [file.path for file in record.files] == ["open.csv", "was-later.csv"]
    assert (
        "restricted files of the dataset are left out: `secret.csv`, `later.csv`, `gone.csv`" in record.says
    )
    assert f"`DATAVERSE_SERVER` to `{HOST}`" in record.says
    # The image of some files must not pass for that of all of them.
    assert record.content_id == "doi-10.7910-DVN-TJCLKP.v2.1.public"


def test_a_dataset_of_restricted_files_alone_is_an_error(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = json_answer(version(entry(2, "secret.csv", b"2", restricted=True)))
    with (
        asking("dataverse.Dataverse", {HOST: installation(answer)}, tmp_path, environ) as dataverse,
        pytest.raises(FetchError) as caught,
    ):
        dataverse.record(PAGE)

    assert caught.value.message == f"All files of `{PAGE}&version=2.1` are restricted"
    assert "DATAVERSE_TOKEN" in str(caught.value.hint)


def test_a_token_is_sent_to_the_installation_that_it_is_for(tmp_path: Path, environ: dict[str, str]) -> None:
    """Files of object stores, to which the server redirects, never see it."""
    listed = json_answer(version(entry(2, "secret.csv", b"2", restricted=True)))
    stored = redirect("https://s3.example.org/secret.csv?signature=1")
    hosts = {
        HOST: installation(listed, files={"/api/access/datafile/2": stored}),
        "s3.example.org": lambda asked: file_answer(asked, b"2"),
    }
    variables = {"DATAVERSE_TOKEN": "t0ken", "DATAVERSE_SERVER": f"https://{HOST}/"}
    with asking("dataverse.Dataverse", hosts, tmp_path, environ, **variables) as dataverse:
        assert dataverse.files(PAGE) == {"secret.csv": b"2"}

    sent = {(request.host, request.headers.get("x-dataverse-key")) for request in dataverse.web.asked}
    assert sent == {(HOST, "t0ken"), ("s3.example.org", None)}


@pytest.mark.parametrize("server", ["", "demo.dataverse.org"])
def test_no_other_installation_sees_the_token(server: str, tmp_path: Path, environ: dict[str, str]) -> None:
    variables = {"DATAVERSE_TOKEN": "t0ken", "DATAVERSE_SERVER": server}
    with asking("dataverse.Dataverse", {HOST: whole()}, tmp_path, environ, **variables) as dataverse:
        dataverse.files(PAGE)

    assert dataverse.web.asked
    assert not [request for request in dataverse.web.asked if "x-dataverse-key" in request.headers]


def test_a_guestbook_is_announced(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = json_answer(version(table(), guestbookId=3))
    with asking("dataverse.Dataverse", {HOST: installation(answer)}, tmp_path, environ) as dataverse:
        assert "has a guestbook" in dataverse.record(PAGE).says


def faults() -> dict[str, tuple[Handler | Answer, type[R2iError], str]]:
    return {
        "absent": (problem(404), FetchError, "does not exist"),
        "removed": (problem(410), FetchError, "was removed"),
        "unauthorised": (problem(401), FetchError, "is not accessible"),
        "busy": (problem(429, Retry_After="1"), TemporaryError, "is busy"),
        "broken": (problem(500), TemporaryError, "cannot answer now"),
        "page": (html_answer(), FetchError, "is a web page"),
        "other": (json_answer([1]), FetchError, "without `data`"),
        "no files": (json_answer({"data": {"versionNumber": 1}}), FetchError, "without `files`"),
        "no file": (
            json_answer({"data": {"versionNumber": 1, "files": [{"label": "a"}]}}),
            FetchError,
            "without `dataFile`",
        ),
        "withdrawn": (
            json_answer(version(versionState="DEACCESSIONED")),
            FetchError,
            "was withdrawn by its authors",
        ),
        "cut": (Answer(body=b"{}" * 50, cut=10), TemporaryError, "The connection"),
    }


@pytest.mark.parametrize("name", faults())
def test_faults_of_the_server_are_errors_with_words(
    name: str, tmp_path: Path, environ: dict[str, str]
) -> None:
    answer, kind, words = faults()[name]
    with (
        asking("dataverse.Dataverse", {HOST: installation(answer)}, tmp_path, environ) as dataverse,
        failing(kind, words),
    ):
        dataverse.record(PAGE)


def test_a_server_that_recovers_is_asked_again(tmp_path: Path, environ: dict[str, str]) -> None:
    answer = one_after_another(problem(500), problem(429, Retry_After="3"), json_answer(version(table())))
    with asking("dataverse.Dataverse", {HOST: installation(answer)}, tmp_path, environ) as dataverse:
        assert dataverse.record(PAGE).files

    assert dataverse.waited[-1] >= 3


def test_a_file_that_differs_from_its_checksum_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    files = {"/api/access/datafile/11": lambda asked: file_answer(asked, b'{"cells": {}}')}
    answer = json_answer(version(entry(11, "index.ipynb", NOTEBOOK)))
    with (
        asking(
            "dataverse.Dataverse", {HOST: installation(answer, files=files)}, tmp_path, environ
        ) as dataverse,
        pytest.raises(R2iError) as caught,
    ):
        dataverse.files(PAGE)

    assert "index.ipynb" in caught.value.message


@pytest.mark.parametrize("label", ["../up.txt", "a/../../up.txt", ".", "a//b"])
def test_no_name_leads_out_of_the_checkout(label: str, tmp_path: Path, environ: dict[str, str]) -> None:
    answer = json_answer(version(entry(11, label, b"1")))
    with (
        asking("dataverse.Dataverse", {HOST: installation(answer)}, tmp_path, environ) as dataverse,
        pytest.raises(FetchError, match="name is no path"),
    ):
        dataverse.files(PAGE)


def test_the_list_of_installations_is_refreshed_from_the_address_of_its_developers(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    listed = [{"hostname": f"dataverse{number}.example.org"} for number in range(len(installations()))]
    listed += [{"hostname": "Top.Example.org/dvn"}, {"hostname": "not a host"}]
    server = routes({"/dataverse-installations/data/data.json": json_answer({"installations": listed})})
    made = tmp_path / "made.toml"
    with web_servers({"iqss.github.io": server}, tmp_path) as web:
        done = _refresh(
            made, environ | {"HTTPS_PROXY": web.url, "SSL_CERT_FILE": str(web.ca), "NO_PROXY": ""}
        )
        assert done.returncode == 0, done.stderr

    hosts = tomllib.loads(made.read_text())["hosts"]
    assert hosts == sorted(hosts)
    assert len(hosts) == len(installations()) + 1
    assert "top.example.org" in hosts


@pytest.mark.parametrize(
    "answer", [problem(404), html_answer(), json_answer({"installations": [{"hostname": "a.example.org"}]})]
)
def test_a_list_that_cannot_be_right_leaves_the_table_as_it_is(
    answer: Answer, tmp_path: Path, environ: dict[str, str]
) -> None:
    made = tmp_path / "made.toml"
    with web_servers({"iqss.github.io": lambda _: answer}, tmp_path) as web:
        done = _refresh(
            made, environ | {"HTTPS_PROXY": web.url, "SSL_CERT_FILE": str(web.ca), "NO_PROXY": ""}
        )

    assert done.returncode == 1
    assert "The list of Dataverse installations" in done.stderr
    assert not made.exists()


def _refresh(made: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    tool = Path(__file__).parents[2] / "tools" / "refresh_dataverse.py"
    command = [sys.executable, str(tool), str(made)]
    return subprocess.run(
        command, check=False, env={**environ, "PATH": os.environ["PATH"]}, capture_output=True, text=True
    )


def test_the_table_has_the_hosts_that_everybody_knows() -> None:
    assert {
        "dataverse.harvard.edu",
        "borealisdata.ca",
        "entrepot.recherche.data.gouv.fr",
        "dataverse.no",
    } <= installations()
