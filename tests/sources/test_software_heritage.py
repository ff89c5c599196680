"""The archive of Software Heritage: its identifiers, what they lead to, packing on demand, and the proof that the bytes are right."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.sources import LastChange, last_change
from r2i.sources.software_heritage import SoftwareHeritage
from tests.sources.asking import asking, failing, typed
from tests.sources.serving import Repository, git
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
)

pytestmark = pytest.mark.usefixtures("kept")

HOST = "archive.softwareheritage.org"
SITE = f"https://{HOST}"
ORIGIN = "https://github.com/octo/waves"
ORI = sha1(ORIGIN.encode()).hexdigest()
HASH = "0123456789abcdef0123456789abcdef01234567"
OTHER = HASH[::-1]


@pytest.mark.parametrize(
    ("text", "location", "subdirectory"),
    [
        (f"swh:1:rev:{HASH}", f"{SITE}/swh:1:rev:{HASH}", ""),
        (f"swh:1:dir:{HASH}", f"{SITE}/swh:1:dir:{HASH}", ""),
        (f"SWH:1:REL:{HASH.upper()}", f"{SITE}/swh:1:rel:{HASH}", ""),
        (f"swh:1:snp:{HASH};origin={ORIGIN}", f"{SITE}/swh:1:snp:{HASH}", ""),
        (f"{SITE}/swh:1:rev:{HASH}", f"{SITE}/swh:1:rev:{HASH}", ""),
        (f"{HOST}/swh:1:rev:{HASH};origin={ORIGIN};visit=swh:1:snp:{OTHER}/", f"{SITE}/swh:1:rev:{HASH}", ""),
        # In a revision, a path is a directory to build; of a directory, it is only where it was seen.
        (f"swh:1:rev:{HASH};path=/docs/a%3Bb", f"{SITE}/swh:1:rev:{HASH}", "docs/a;b"),
        (f"swh:1:snp:{HASH};path=/docs/", f"{SITE}/swh:1:snp:{HASH}", "docs"),
        (f"swh:1:dir:{HASH};anchor=swh:1:rev:{OTHER};path=/docs", f"{SITE}/swh:1:dir:{HASH}", ""),
        # A file stands for the repository around it, as in a link to GitHub.
        (f"swh:1:cnt:{HASH};anchor=swh:1:rev:{OTHER};path=/docs/a.ipynb;lines=1-2", f"{SITE}/swh:1:rev:{OTHER}", ""),
        (f"swh:1:cnt:{HASH};visit=swh:1:snp:{OTHER};path=/a.ipynb", f"{SITE}/swh:1:snp:{OTHER}", ""),
        (f"swh:1:ori:{ORI};origin={ORIGIN}", f"{SITE}/browse/origin/directory/?origin_url={ORIGIN}", ""),
        (f"swh:1:ori:{ORI};origin={ORIGIN};visit=swh:1:snp:{HASH};path=/docs", f"{SITE}/swh:1:snp:{HASH}", "docs"),
        (f"{SITE}/browse/origin/directory/?origin_url={ORIGIN}&path=docs", f"{SITE}/browse/origin/directory/?origin_url={ORIGIN}", "docs"),
        (f"{SITE}/browse/origin/?origin_url={ORIGIN}", f"{SITE}/browse/origin/directory/?origin_url={ORIGIN}", ""),
        (f"{SITE}/browse/origin/directory/?origin_url={ORIGIN}&snapshot={HASH}", f"{SITE}/swh:1:snp:{HASH}", ""),
        (f"{SITE}/browse/directory/{HASH}/?origin_url={ORIGIN}&path=docs", f"{SITE}/swh:1:dir:{HASH}", "docs"),
        (f"{SITE}/browse/revision/{HASH}/?origin_url={ORIGIN}", f"{SITE}/swh:1:rev:{HASH}", ""),
        (f"{SITE}/browse/release/{HASH}/", f"{SITE}/swh:1:rel:{HASH}", ""),
        (f"{SITE}/browse/snapshot/{HASH}/directory/?path=docs", f"{SITE}/swh:1:snp:{HASH}", "docs"),
    ],
)  # fmt: skip
def test_identifiers_and_pages_are_understood(text: str, location: str, subdirectory: str) -> None:
    source = SoftwareHeritage().read(typed(text))

    assert source is not None
    assert (source.provider, source.location, source.subdirectory) == (
        "software_heritage",
        location,
        subdirectory,
    )
    again = SoftwareHeritage().read(typed(source.location))
    assert again is not None
    assert again.location == location


def test_a_subdirectory_is_below_the_path() -> None:
    source = SoftwareHeritage().read(typed(f"swh:1:rev:{HASH};path=/docs", subdirectory="notebooks"))

    assert source is not None
    assert source.subdirectory == "docs/notebooks"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("swh:1:rev:0123", "`swh:1:rev:0123` is not an identifier of Software Heritage", "40 digits"),
        (f"swh:2:rev:{HASH}", "is not an identifier of Software Heritage", "`swh:1:rev:HASH`"),
        (f"swh:1:cnt:{HASH};path=/a.ipynb", "is a single file", "`anchor`"),
        (f"{SITE}/browse/content/sha1_git:{HASH}/", "shows a single file", "permalink"),
        (f"swh:1:ori:{HASH}", "does not say which repository it is", ";origin=https://"),
        (f"swh:1:ori:{HASH};origin={ORIGIN}", "does not say which repository it is", ";origin=https://"),
        (f"swh:1:rev:{HASH};path=/../up", "is not a path inside the repository", "relative"),
        (f"{SITE}/save/", "shows no repository", "`swh:1:rev:HASH`"),
    ],
)
def test_what_is_no_repository_is_refused_with_a_hint(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        SoftwareHeritage().read(typed(text))

    assert message in caught.value.message
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "text", [f"https://github.com/octo/{HASH}", "swhid", "https://www.softwareheritage.org/"]
)
def test_what_is_elsewhere_is_left_to_others(text: str) -> None:
    assert SoftwareHeritage().read(typed(text)) is None


class Archived:
    """A repository as the archive has it: with a program, a link, a submodule; and what its API says of it."""

    def __init__(self, directory: Path) -> None:
        repository = Repository.make(directory, "waves")
        self.top = repository.work
        (self.top / "docs").mkdir()
        (self.top / "docs" / "index.ipynb").write_text('{"cells": []}')
        (self.top / "run.sh").write_text("#!/bin/sh\n")
        (self.top / "run.sh").chmod(0o755)
        (self.top / "link").symlink_to("docs/index.ipynb")
        self.revision = repository.commit("first")
        self.id = git("rev-parse", "HEAD^{tree}", cwd=self.top)
        self.unpacked = {path: self.top / path for path in ("docs/index.ipynb", "run.sh", "link")}

    def with_submodule(self) -> Archived:
        """The archive gives it as an empty directory."""
        git("update-index", "--add", "--cacheinfo", f"160000,{OTHER},lib/inner", cwd=self.top)
        git("commit", "-q", "-m", "submodule", cwd=self.top)
        self.revision = git("rev-parse", "HEAD", cwd=self.top)
        self.id = git("rev-parse", "HEAD^{tree}", cwd=self.top)
        (self.top / "lib" / "inner").mkdir(parents=True)
        self.unpacked["lib/inner"] = self.top / "lib" / "inner"
        return self

    def packed(self) -> bytes:
        body = io.BytesIO()
        with tarfile.open(fileobj=body, mode="w:gz") as tar:
            for name, path in self.unpacked.items():
                tar.add(path, arcname=f"swh:1:dir:{self.id}/{name}")
        return body.getvalue()

    @property
    def vault(self) -> str:
        return f"/api/1/vault/flat/swh:1:dir:{self.id}/"

    def state(self, status: str = "done", message: str | None = None) -> Answer:
        url = f"{SITE}{self.vault}raw/"
        return json_answer(
            {
                "fetch_url": url,
                "progress_message": message,
                "id": 1,
                "status": status,
                "swhid": f"swh:1:dir:{self.id}",
            }
        )

    def api(self, **more: Handler | Answer) -> Handler:
        """`vault` and `raw` replace what packing and its result answer."""
        return routes(
            {
                f"/api/1/revision/{self.revision}/": json_answer({"id": self.revision, "directory": self.id, "committer_date": "2020-02-03T04:05:06+01:00"}),
                f"/api/1/release/{HASH}/": json_answer({"id": HASH, "name": "v1", "target": self.revision, "target_type": "revision"}),
                f"/api/1/snapshot/{HASH}/": self.branches,
                f"/api/1/origin/{ORIGIN}/visit/latest/": json_answer({"origin": ORIGIN, "date": "2024-01-01T00:00:00Z", "snapshot": HASH, "status": "full", "visit": 3}),
                f"/api/1/directory/{self.id}/lib/": json_answer([{"name": "inner", "type": "rev", "target": OTHER, "perms": 57344}]),
                self.vault: more.get("vault", self.state()),
                f"{self.vault}raw/": more.get("raw", lambda asked: file_answer(asked, self.packed())),
            }
        )  # fmt: skip

    def branches(self, asked: Asked) -> Answer:
        """One branch a request, from a name on."""
        known: dict[str, Any] = {
            "HEAD": {"target": "refs/heads/main", "target_type": "alias"},
            "refs/heads/main": {"target": self.revision, "target_type": "revision"},
        }
        name = asked.query["branches_from"]
        assert asked.query["branches_count"] == "1"
        return json_answer(
            {"id": HASH, "branches": {name: known[name]} if name in known else {}, "next_branch": None}
        )


@pytest.fixture
def archived(tmp_path: Path) -> Archived:
    return Archived(tmp_path)


def archive(
    archived: Archived,
    directory: Path,
    environ: Mapping[str, str],
    *,
    token: str = "",
    **more: Handler | Answer,
) -> Any:
    return asking(
        "software_heritage.SoftwareHeritage",
        {HOST: archived.api(**more)},
        directory,
        environ,
        SWH_TOKEN=token,
    )


@pytest.mark.parametrize("kind", ["rev", "rel", "snp", "ori", "dir"])
def test_whatever_is_named_becomes_a_checkout(
    kind: str, archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    ids = {"rev": archived.revision, "dir": archived.id, "ori": f"{ORI};origin={ORIGIN}"}
    text = f"swh:1:{kind}:{ids.get(kind, HASH)}"
    with archive(archived, tmp_path, environ) as swh:
        record = swh.record(text)
        files = swh.files(text)

    found = f"swh:1:dir:{archived.id}" if kind == "dir" else f"swh:1:rev:{archived.revision}"
    assert record.source.location == f"{SITE}/{found}"
    assert record.content_id == found.rpartition(":")[2]
    assert files == {"docs/index.ipynb": b'{"cells": []}', "run.sh": b"#!/bin/sh\n"}
    if kind == "dir":
        assert record.published is None
    else:
        assert record.published is not None
        assert record.published.isoformat() == "2020-02-03T03:05:06+00:00"
    # What was chosen for the user is told.
    assert record.says == ("" if kind in {"rev", "dir"} else f"`{swh.source(text).location}` is `{found}`")


def test_the_files_are_those_that_were_archived(
    archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    """Programs stay programs and links stay links: without them the hash would be another."""
    with (
        archive(archived, tmp_path, environ) as swh,
        swh.provider.fetched(
            swh.source(f"swh:1:rev:{archived.revision}"), environ=swh.environ, report=swh.said.append
        ) as checkout,
    ):
        assert checkout.complete
        assert checkout.content_id == archived.revision
        assert (checkout.date, checkout.date_of) == ("2020-02-03T03:05:06Z", "the last commit")
        changed = last_change(
            swh.source(f"swh:1:rev:{archived.revision}"),
            checkout,
            ["run.sh"],
            environ=swh.environ,
            report=swh.said.append,
        )
        assert isinstance(changed, LastChange)
        assert changed.cause == f"commit {archived.revision[:12]}"
        assert (checkout.root / "run.sh").stat().st_mode & 0o100
        assert (checkout.root / "link").is_symlink()


def test_packing_is_waited_for_with_progress(
    archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    vault = one_after_another(
        archived.state("new"),
        archived.state("pending", "Processing..."),
        archived.state("pending", "Processing..."),
        archived.state(),
    )
    with archive(archived, tmp_path, environ, vault=vault) as swh:
        record = swh.record(f"swh:1:dir:{archived.id}")
        record.prepare(swh.client)

    name = f"Software Heritage packs `swh:1:dir:{archived.id}`"
    assert swh.said == [f"{name}: waiting for its turn", f"{name}: Processing..."]
    assert swh.waited == [5, 10, 20]
    assert [request.method for request in swh.web.asked if "/vault/" in request.path] == [
        "POST",
        "GET",
        "GET",
        "GET",
    ]


def test_packing_that_fails_is_an_error(archived: Archived, tmp_path: Path, environ: dict[str, str]) -> None:
    with (
        archive(archived, tmp_path, environ, vault=archived.state("failed", "too large")) as swh,
        pytest.raises(FetchError) as caught,
    ):
        swh.record(f"swh:1:dir:{archived.id}").prepare(swh.client)

    assert caught.value.message == f"Software Heritage could not pack `swh:1:dir:{archived.id}`: too large"


def test_packing_without_end_is_given_up(archived: Archived, tmp_path: Path, environ: dict[str, str]) -> None:
    with (
        archive(archived, tmp_path, environ, vault=archived.state("pending")) as swh,
        pytest.raises(TemporaryError, match="after 30 minutes") as caught,
    ):
        swh.record(f"swh:1:dir:{archived.id}").prepare(swh.client)

    assert 1800 <= sum(swh.waited) < 1860
    # The archive answers 120 requests an hour.
    assert len(swh.web.asked) < 40
    assert "Try again later" in str(caught.value.hint)


def test_other_bytes_than_the_identifier_names_are_refused(
    archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    def tampered(asked: Asked) -> Answer:
        (archived.top / "run.sh").write_text("#!/bin/sh\nrm\n")
        return file_answer(asked, archived.packed())

    with archive(archived, tmp_path, environ, raw=tampered) as swh, pytest.raises(FetchError) as caught:
        swh.files(f"swh:1:rev:{archived.revision}")

    assert caught.value.message.startswith(
        f"What Software Heritage sent for `swh:1:dir:{archived.id}` is `swh:1:dir:"
    )


def test_a_submodule_is_left_empty_and_named(
    archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    with archive(archived.with_submodule(), tmp_path, environ) as swh:
        assert "run.sh" in swh.files(f"swh:1:rev:{archived.revision}")

    assert (
        "Warning: the submodules `lib/inner` are left empty: the archive has them as repositories of their own"
        in swh.said
    )


@pytest.mark.parametrize(
    "note",
    [
        "This content is hidden.",
        "This content is missing from the Software Heritage archive (or from the mirror used while retrieving it).",
    ],
)
def test_content_that_the_archive_lacks_is_named(
    note: str, archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    (archived.top / "docs" / "index.ipynb").write_text(note)
    with (
        archive(archived, tmp_path, environ) as swh,
        swh.provider.fetched(
            swh.source(f"swh:1:rev:{archived.revision}"), environ=swh.environ, report=swh.said.append
        ) as checkout,
    ):
        # The image of it must not pass for the revision.
        assert not checkout.complete

    assert (
        "Warning: the archive lacks the content of `docs/index.ipynb`, so the files could not be verified"
        in swh.said
    )


def test_a_token_is_for_the_archive_alone(
    archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    hosts = {
        HOST: archived.api(raw=redirect("https://store.example.org/bundle?sig=1")),
        "store.example.org": lambda asked: file_answer(asked, archived.packed()),
    }
    with asking("software_heritage.SoftwareHeritage", hosts, tmp_path, environ, SWH_TOKEN="t0ken") as swh:
        assert swh.files(f"swh:1:rev:{archived.revision}")

    assert {(request.host, request.headers.get("authorization")) for request in swh.web.asked} == {
        (HOST, "Bearer t0ken"),
        ("store.example.org", None),
    }
    assert "t0ken" not in "".join(swh.said)


def test_a_limit_of_requests_is_waited_for(
    archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    """The archive tells when its count begins anew, as a time and not as seconds."""
    import time

    limited = problem(
        429, X_RateLimit_Limit="120", X_RateLimit_Remaining="0", X_RateLimit_Reset=str(int(time.time()) + 40)
    )
    with archive(archived, tmp_path, environ, vault=one_after_another(limited, archived.state())) as swh:
        swh.record(f"swh:1:dir:{archived.id}").prepare(swh.client)

    assert 30 <= swh.waited[0] <= 41


FAULTS: dict[str, tuple[Handler | Answer, type[R2iError], str]] = {
    "absent": (problem(404), FetchError, "does not exist"),
    "busy": (problem(429, Retry_After="1"), TemporaryError, "is busy"),
    "broken": (problem(502), TemporaryError, "cannot answer now"),
    "page": (html_answer(), FetchError, "is a web page"),
    "other": (json_answer([]), FetchError, "which is not the documented form"),
    "odd": (json_answer({"directory": "../../x"}), FetchError, "without a hash as `directory`"),
    "cut": (Answer(body=b"{}" * 50, cut=10), TemporaryError, "The connection"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_server_are_errors_with_words(
    name: str, archived: Archived, tmp_path: Path, environ: dict[str, str]
) -> None:
    answer, kind, words = FAULTS[name]
    server = routes({f"/api/1/revision/{archived.revision}/": answer})
    with (
        asking("software_heritage.SoftwareHeritage", {HOST: server}, tmp_path, environ) as swh,
        failing(kind, words),
    ):
        swh.record(f"swh:1:rev:{archived.revision}")


def test_a_snapshot_without_a_default_branch_is_an_error(tmp_path: Path, environ: dict[str, str]) -> None:
    server = routes({f"/api/1/snapshot/{HASH}/": json_answer({"branches": {}})})
    with (
        asking("software_heritage.SoftwareHeritage", {HOST: server}, tmp_path, environ) as swh,
        pytest.raises(FetchError, match="has no branch `HEAD`"),
    ):
        swh.record(f"swh:1:snp:{HASH}")


def test_releases_of_each_other_have_an_end(tmp_path: Path, environ: dict[str, str]) -> None:
    server = routes({f"/api/1/release/{HASH}/": json_answer({"target": HASH, "target_type": "release"})})
    with (
        asking("software_heritage.SoftwareHeritage", {HOST: server}, tmp_path, environ) as swh,
        pytest.raises(FetchError, match="leads to no directory"),
    ):
        swh.record(f"swh:1:rel:{HASH}")
