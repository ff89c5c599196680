"""What all providers of published records have in common, with the simplest of them; and that none is forgotten anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.building.dated import dated
from r2i.check.checking import check
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.engines.naming import checked_reference, image_reference
from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.host.certificates import CA_SOURCES
from r2i.model import Options
from r2i.planning.compose import make_plan
from r2i.planning.plan_json import to_json
from r2i.process import run
from r2i.sources import LastChange, Unknown, fetched, last_change, parse
from r2i.sources.protocol import silent
from r2i.sources.providers import PROVIDERS, RECORDS
from r2i.sources.web.client import HttpClient
from r2i.sources.web.patience import Patience
from tests.building import R2I
from tests.sources.record_servers import FILES, SAMPLES, checked_out, contents, resolved, zenodo, zipped
from tests.sources.web_servers import Answer, Asked, Handler, file_answer, json_answer, problem, web_servers

pytestmark = pytest.mark.usefixtures("kept")

DOCS = Path(__file__).parents[2] / "docs" / "sources.md"
NAMES = [records.name for records in RECORDS]
RECORD = SAMPLES["zenodo"].address


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_is_complete(name: str) -> None:
    """It is asked, says which servers `r2i doctor --network` asks, has a sample here and an address in the documentation."""
    module = import_module(f"r2i.sources.{name}")
    source = parse(SAMPLES[name].address, cwd=Path("/"))

    assert name in [provider.name for provider in PROVIDERS]
    assert source.provider == name
    assert all(title and url.startswith("https://") for title, url in module.SERVERS)
    assert any(title in DOCS.read_text(encoding="utf-8") for title, _ in module.SERVERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_fetches_the_files_of_a_record(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    with (
        web_servers(sample.hosts(FILES), tmp_path) as web,
        checked_out(sample.address, web.environ) as (checkout, _),
    ):
        assert contents(checkout) == FILES
        assert checkout.date is not None
        assert checkout.content_id


@pytest.mark.parametrize("name", NAMES)
def test_the_record_that_a_provider_names_is_the_same_one(name: str, tmp_path: Path) -> None:
    """So a label, a plan and a badge lead to what was built."""
    sample = SAMPLES[name]
    with web_servers(sample.hosts(FILES), tmp_path) as web:
        first, _ = resolved(sample.address, web.environ)
        again, said = resolved(first.source.location, web.environ)

    assert (again.source, again.content_id) == (first.source, first.content_id)
    assert said == [] or name == "osf"
    assert checked_reference(image_reference(first.source, Options(), revision=first.content_id))


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_says_that_there_is_no_such_record(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    hosts = {host: lambda _: problem(404) for host in sample.hosts(FILES)}
    with web_servers(hosts, tmp_path) as web, pytest.raises(FetchError) as caught:
        resolved(sample.address, web.environ)

    # By the address of its page, and not by one of an API.
    location = parse(sample.address, cwd=Path("/")).location
    assert caught.value.message == f"`{location}` does not exist (HTTP 404)"
    assert caught.value.hint


#: Names of fields that the providers look at, and texts that are hard to read in their places.
FIELDS = [
    "access",
    "attributes",
    "branches",
    "checksum",
    "children",
    "committer_date",
    "created",
    "data",
    "dataFile",
    "date_modified",
    "date_registered",
    "dates",
    "directory",
    "directoryLabel",
    "download",
    "download_url",
    "entries",
    "extra",
    "files",
    "folder_structure",
    "hashes",
    "href",
    "id",
    "is_embargoed",
    "is_link_only",
    "key",
    "kind",
    "label",
    "links",
    "materialized_path",
    "md5",
    "metadata",
    "metadata_modified",
    "name",
    "next",
    "provider",
    "publication_date",
    "published_date",
    "related",
    "relationships",
    "resources",
    "result",
    "results",
    "self",
    "size",
    "start_date",
    "success",
    "target",
    "target_type",
    "type",
    "url",
    "url_type",
    "values",
    "version",
    "versionNumber",
    "versions",
]
TEXTS = [
    "abcde", "1", "../a", "", "http://[", "https://osf.io/", "file:///etc/passwd", "folder", "file", "nodes", "osfstorage",
    "0001-01-01T00:00:00+23:59", "2021-02-30", "9" * 5000, "\u202e", "\ud800",
]  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(TEXTS),
    st.text(max_size=8),
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=40,
)


@pytest.mark.parametrize("name", NAMES)
def test_any_answer_is_a_record_or_an_error_of_ours(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r2i.sources.osf.MOST_REQUESTS", 5)
    sample, answers = SAMPLES[name], [b""]
    hosts = {host: lambda _: Answer(body=answers[0], kind="application/json") for host in sample.hosts(FILES)}
    source = parse(sample.address, cwd=Path("/"))
    server = next(records.server for records in RECORDS if records.name == name)

    @given(DOCUMENTS)
    def ask(document: object) -> None:
        answers[0] = json.dumps(document).encode()
        with suppress(FetchError, TemporaryError):
            assert server.record(source, client, environ={}).source.provider == name

    with web_servers(hosts, tmp_path) as web:
        # An address in an answer may lead to a host that is not there.
        client = HttpClient(environ=web.environ, report=silent, patience=Patience(attempts=1))
        ask()


def _replaced(document: object, number: int, by: object) -> object:
    """The document with one of its values, counted through all of its levels, replaced."""
    places: list[tuple[Any, Any]] = []
    pending: list[Any] = [document]
    while pending:
        current = pending.pop()
        keys = (
            list(current)
            if isinstance(current, dict)
            else range(len(current))
            if isinstance(current, list)
            else ()
        )
        places += [(current, key) for key in keys]
        pending += [current[key] for key in keys]
    if places:
        container, key = places[number % len(places)]
        container[key] = by
    return document


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_with_one_wrong_value_is_a_record_or_an_error_of_ours(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r2i.sources.osf.MOST_REQUESTS", 9)
    sample, wrong = SAMPLES[name], [(0, None)]
    source = parse(sample.address, cwd=Path("/"))
    server = next(records.server for records in RECORDS if records.name == name)

    def spoilt(handler: Handler) -> Handler:
        def answering(asked: Asked) -> Answer:
            answer = handler(asked)
            document = (
                _replaced(json.loads(answer.body), *wrong[0]) if answer.kind == "application/json" else None
            )
            return answer if document is None else json_answer(document)

        return answering

    @given(st.integers(0, 200), LEAVES | st.just([]) | st.just({}))
    def ask(number: int, by: Any) -> None:
        wrong[0] = (number, by)
        with suppress(FetchError, TemporaryError):
            assert server.record(source, client, environ={}).source.provider == name

    with web_servers({host: spoilt(h) for host, h in sample.hosts(FILES).items()}, tmp_path) as web:
        # An address in an answer may lead to a host that is not there.
        client = HttpClient(environ=web.environ, report=silent, patience=Patience(attempts=1))
        ask()


# An address of CKAN could be of git, and with a ref it is.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "ckan"])
def test_a_record_has_no_ref(name: str) -> None:
    with pytest.raises(UsageError, match="published record"):
        parse(SAMPLES[name].address, ref="main", cwd=Path("/"))


def test_the_server_is_asked_once(tmp_path: Path) -> None:
    with web_servers(zenodo(FILES), tmp_path) as web, checked_out(RECORD, web.environ):
        paths = [asked.route for asked in web.asked]

    assert paths.count("/api/records/1234567") == 1
    assert len(paths) == 1 + len(FILES)


def test_a_plan_may_fetch_without_asking_before(tmp_path: Path) -> None:
    source = parse(RECORD, cwd=Path("/"))
    with (
        web_servers(zenodo(FILES), tmp_path) as web,
        fetched(source, environ=web.environ, report=lambda _: None) as checkout,
    ):
        assert contents(checkout) == FILES


def test_a_single_archive_is_unpacked_and_its_folder_lifted(tmp_path: Path) -> None:
    archive = {"owner/waves-v1.2.zip": zipped({**FILES, "docs/a.md": b"a"}, top="owner-waves-0123abc")}
    with web_servers(zenodo(archive), tmp_path) as web, checked_out(RECORD, web.environ) as (checkout, _):
        assert contents(checkout) == {**FILES, "docs/a.md": b"a"}


def test_archives_among_other_files_stay_what_they_are(tmp_path: Path) -> None:
    files = {"data.zip": zipped(FILES), "index.ipynb": b"{}"}
    with web_servers(zenodo(files), tmp_path) as web, checked_out(RECORD, web.environ) as (checkout, _):
        assert contents(checkout) == files


def test_a_subdirectory_of_a_record(tmp_path: Path) -> None:
    archive = {"waves.zip": zipped({"docs/a.md": b"a", "b.md": b"b"})}
    source = parse(RECORD, subdirectory="docs", cwd=Path("/"))
    with (
        web_servers(zenodo(archive), tmp_path) as web,
        fetched(source, environ=web.environ, report=lambda _: None) as checkout,
    ):
        assert contents(checkout) == {"a.md": b"a"}


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "a/../../b", "a//b", "./a", "a/", "a\nb", "a/" + "b" * 300, "."]
)
def test_a_name_that_is_no_path_in_a_directory_is_refused(name: str, tmp_path: Path) -> None:
    files = {name: b"x", "index.ipynb": b"{}"}
    with (
        web_servers(zenodo(files), tmp_path) as web,
        pytest.raises(FetchError, match="no path in a directory"),
    ):
        resolved(RECORD, web.environ)

    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_files_that_cannot_lie_beside_each_other_are_refused(names: tuple[str, str], tmp_path: Path) -> None:
    files = dict.fromkeys(names, b"x")
    with web_servers(zenodo(files), tmp_path) as web, pytest.raises(FetchError, match="two files named"):
        resolved(RECORD, web.environ)


def test_a_record_without_files_is_refused(tmp_path: Path) -> None:
    with web_servers(zenodo({}), tmp_path) as web, pytest.raises(FetchError, match="has no files"):
        resolved(RECORD, web.environ)


def test_a_checksum_that_differs_is_refused(tmp_path: Path) -> None:
    record = zenodo({"index.ipynb": b"{}"})["zenodo.org"]

    def other(asked: Asked) -> Answer:
        return file_answer(asked, b"[]") if asked.route.endswith("/content") else record(asked)

    with (
        web_servers({"zenodo.org": other}, tmp_path) as web,
        pytest.raises(R2iError, match="checksum"),
        checked_out(RECORD, web.environ),
    ):
        pass


def test_the_day_of_publication_dates_all_files(tmp_path: Path) -> None:
    with web_servers(zenodo(FILES), tmp_path) as web:
        revision, _ = resolved(RECORD, web.environ)
        with checked_out(RECORD, web.environ) as (checkout, _):
            change = last_change(
                revision.source, checkout, ["index.ipynb"], environ=web.environ, report=lambda _: None
            )

    assert isinstance(change, LastChange)
    assert change.moment == datetime(2021, 6, 30, 23, 59, 59, tzinfo=UTC)
    assert (change.happened, change.cause) == ("published", "https://zenodo.org/records/1234567")


def test_a_record_without_a_day_has_no_date(tmp_path: Path) -> None:
    source = parse(RECORD, cwd=Path("/"))
    checkout = Checkout.open(tmp_path, content_id="1234567")
    change = last_change(source, checkout, ["a"], environ={}, report=lambda _: None)

    assert isinstance(change, Unknown)
    assert "does not say when" in change.reason


def test_a_record_of_this_year_needs_no_date(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("six\n")
    checkout, said = (
        Checkout.open(tmp_path, content_id="1234567", date="2026-11-01T00:00:00Z", date_of="the publication"),
        list[str](),
    )
    options = dated(
        Options(),
        "auto",
        checkout=checkout,
        source=parse(RECORD, cwd=Path("/")),
        environ={},
        note=said.append,
        now=datetime(2026, 11, 30, tzinfo=UTC),
    )

    assert options.as_of is None
    assert "`requirements.txt` was published less than a year ago, on 2026-11-01" in said[0]


def test_an_image_is_named_by_provider_and_version() -> None:
    source = parse(SAMPLES["figshare"].address, cwd=Path("/"))
    names = {
        image_reference(source, Options(), revision=revision)
        for revision in ("9782777.v3", "9782777.v4", "doi:10/é")
    }

    assert len(names) == 3
    assert all(map(checked_reference, names))
    assert any(name.startswith("r2i/figshare:9782777.v3-") for name in names)


def test_a_plan_names_the_version_and_its_day(tmp_path: Path) -> None:
    """As the image of it does: not the DOI of all versions that was typed."""
    files = {"requirements.txt": b"six\n", "index.ipynb": b"{}"}
    with web_servers(zenodo(files), tmp_path) as web:
        own = {name: str(web.ca) for name in CA_SOURCES}
        argv = [R2I, "plan", "10.5281/zenodo.1234566", "--as-of", "commit", "--json"]
        done = run(argv, env=os.environ | web.environ | own)
    plan = json.loads(done.stdout)

    assert "newest, version v1.2" in done.stderr
    assert plan["labels"]["repo2docker.repo"] == RECORD
    assert plan["labels"]["org.opencontainers.image.source"] == RECORD
    assert plan["labels"]["repo2docker.ref"] == "1234567"
    assert plan["as_of"]["moment"] == "2021-06-30T23:59:59Z"
    assert plan["as_of"]["evidence"]["why"] == f"`--as-of commit`: published on 2021-06-30 ({RECORD})"


def test_the_day_of_publication_chooses_the_versions_that_no_file_names(tmp_path: Path) -> None:
    files = {"requirements.txt": b"six==1.16.0\n", "install.R": b"install.packages('sp')\n"}
    source = parse(RECORD, cwd=Path("/"))
    with (
        web_servers(zenodo(files), tmp_path) as web,
        fetched(source, environ=web.environ, report=silent) as checkout,
    ):
        plan = make_plan(checkout, Options(), source=source)
        found = check(Subject(checkout=checkout, source=source)).findings
    reasons = to_json(plan)

    assert plan.python is not None
    assert plan.python.version == "3.8"
    assert plan.python.evidence.why.endswith("a year old on 2021-06-30, the date of the publication")
    assert "the date of the publication" in reasons
    assert "last commit" not in reasons
    assert any("are of the publication" in one.finding.message for one in found)


def test_a_plan_of_a_directory_loads_nothing_of_the_web(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    program = (
        "import sys\nfrom r2i.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name in ('requests', 'urllib3') or name.startswith('r2i.sources.web.')],"
        " [name for name in ('zenodo', 'figshare', 'osf') if f'r2i.sources.{name}' in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "plan", str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    last = done.stdout.splitlines()[-1]

    assert "requests" not in last
    assert "urllib3" not in last
    assert "r2i.sources.web.client" not in last
    assert last.endswith(" []")
