"""Files of servers: whole and the right ones, or an error; brought once, kept for the next time."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.model import Momentary
from r2i.sources.web import bounds
from r2i.sources.web.client import HostToken
from r2i.sources.web.files import RemoteFile, download, download_unknown
from r2i.sources.web.kept import DownloadCache, download_cache
from tests.sources.talking import Talk, Talking
from tests.sources.web_servers import (
    Answer,
    Asked,
    Handler,
    file_answer,
    html_answer,
    one_after_another,
    problem,
    redirect,
    routes,
)

CONTENT = bytes(range(256)) * 2000
URL = "https://zenodo.org/files/data.bin"


def offered(
    path: str = "data.bin", content: bytes = CONTENT, kind: str = "md5", **more: object
) -> RemoteFile:
    digest = hashlib.new(kind, content).hexdigest()
    values = {"url": URL, "path": path, "size": len(content), "checksum": f"{kind}:{digest}", **more}
    return RemoteFile(**values)  # type: ignore[arg-type]


def serving(handler: Handler | Answer) -> dict[str, Handler]:
    return {"zenodo.org": handler if callable(handler) else lambda _: handler}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "place"
    directory.mkdir()
    return directory


def files_of(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
def test_a_file_comes_and_is_compared(talking: Talking, place: Path, kind: str) -> None:
    with talking(serving(lambda asked: file_answer(asked, CONTENT))) as talk:
        download([offered("a/b/data.bin", kind=kind)], place, client=talk.client)
    assert files_of(place) == {"a/b/data.bin": CONTENT}
    assert talk.said[0] == "Downloading `a/b/data.bin` (512.0 kB) from `zenodo.org`"


def test_a_broken_download_goes_on_where_it_broke(talking: Talking, place: Path) -> None:
    def broken(asked: Asked) -> Answer:
        return file_answer(asked, CONTENT, cut=100_000)

    answers = one_after_another(broken, problem(503), broken, lambda asked: file_answer(asked, CONTENT))
    with talking(serving(answers)) as talk:
        download([offered()], place, client=talk.client)
        ranges = [asked.headers.get("range") for asked in talk.web.asked]
    assert files_of(place) == {"data.bin": CONTENT}
    assert ranges == [None, "bytes=100000-", "bytes=100000-", "bytes=200000-"]
    assert talk.web.asked[1].headers["if-range"] == '"v1"'


def test_a_file_that_changed_meanwhile_is_begun_anew(talking: Talking, place: Path) -> None:
    other = b"other" * 50_000
    answers = one_after_another(
        lambda asked: file_answer(asked, CONTENT, etag='"v1"', cut=100_000),
        lambda asked: file_answer(asked, other, etag='"v2"'),
    )
    with talking(serving(answers)) as talk:
        download([offered(content=other)], place, client=talk.client)
    assert files_of(place) == {"data.bin": other}


@pytest.mark.parametrize(
    "second",
    [
        Answer(status=416),
        Answer(
            status=206,
            body=CONTENT[5:],
            headers={"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"},
        ),
        Answer(status=206, body=b"x"),
    ],
    ids=["no such range", "another range", "a range without its place"],
)
def test_a_server_that_resumes_wrongly_is_asked_for_all(
    talking: Talking, place: Path, second: Answer
) -> None:
    answers = one_after_another(
        lambda asked: file_answer(asked, CONTENT, cut=100_000),
        second,
        lambda asked: file_answer(asked, CONTENT),
    )
    with talking(serving(answers)) as talk:
        download([offered()], place, client=talk.client)
        assert "range" not in talk.web.asked[-1].headers
    assert files_of(place) == {"data.bin": CONTENT}


def test_a_server_that_cannot_resume_sends_all_again(talking: Talking, place: Path) -> None:
    answers = one_after_another(Answer(body=CONTENT, cut=100_000), Answer(body=CONTENT))
    with talking(serving(answers)) as talk:
        download([offered()], place, client=talk.client)
        assert "range" not in talk.web.asked[-1].headers
    assert files_of(place) == {"data.bin": CONTENT}


def test_a_download_that_gets_nowhere_is_a_temporary_failure(talking: Talking, place: Path) -> None:
    with (
        talking(serving(lambda asked: file_answer(asked, CONTENT, cut=0))) as talk,
        pytest.raises(TemporaryError, match=r"connection to `zenodo.org` broke"),
    ):
        download([offered()], place, client=talk.client)
    assert len(talk.web.asked) == 5
    assert files_of(place) == {}


def test_a_download_that_gets_further_goes_on(talking: Talking, place: Path) -> None:
    """Breaks count only where nothing came in between."""
    with talking(serving(lambda asked: file_answer(asked, CONTENT, cut=60_000))) as talk:
        download([offered()], place, client=talk.client)
    assert len(talk.web.asked) == 9
    assert files_of(place) == {"data.bin": CONTENT}


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_another_content_is_fetched_once_more(talking: Talking, place: Path, kind: str) -> None:
    wrong = bytes(reversed(CONTENT))
    answers = one_after_another(
        lambda asked: file_answer(asked, wrong), lambda asked: file_answer(asked, CONTENT)
    )
    with talking(serving(answers)) as talk:
        download([offered(kind=kind)], place, client=talk.client)
    assert files_of(place) == {"data.bin": CONTENT}
    assert any("downloading it again" in said for said in talk.said)
    with talking(serving(Answer(body=wrong))) as talk, pytest.raises(FetchError) as caught:
        download(
            [offered("other.bin", url=f"{URL}2", content=CONTENT + b"!", size=None, kind=kind)],
            place,
            client=talk.client,
        )
    assert hashlib.new(kind, wrong).hexdigest() in caught.value.message
    assert hashlib.new(kind, CONTENT + b"!").hexdigest() in caught.value.message
    assert len(talk.web.asked) == 2
    assert files_of(place) == {"data.bin": CONTENT}


@pytest.mark.parametrize(
    ("body", "says"), [(CONTENT[:-1], "has 511,999 bytes"), (CONTENT + b"!", "has more than 512,000 bytes")]
)
def test_another_size_is_another_file(talking: Talking, place: Path, body: bytes, says: str) -> None:
    with talking(serving(Answer(body=body))) as talk, pytest.raises(FetchError) as caught:
        download([offered(checksum=None)], place, client=talk.client)
    assert caught.value.message == f"`data.bin` {says}, and its record says 512,000"
    assert files_of(place) == {}


def test_no_server_sends_without_end(talking: Talking, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds.Allowance.__init__, "__kwdefaults__", {"files": 2, "space": 100_000})
    with (
        talking(serving(Answer(body=CONTENT, claims=-1))) as talk,
        pytest.raises(FetchError, match=r"has more than 20 GiB of files"),
    ):
        download([offered(size=None, checksum=None)], place, client=talk.client)
    assert files_of(place) == {}
    with (
        talking(serving(Answer(body=b""))) as talk,
        pytest.raises(FetchError, match="has more files than r2i supports"),
    ):
        download([offered(f"{n}") for n in range(3)], place, client=talk.client)
    assert talk.web.asked == []


def test_a_full_disk_is_noticed_before(
    talking: Talking, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as the standard library has it
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6 - 100_000, 100_000))
    with talking(serving(Answer(body=CONTENT))) as talk:
        with pytest.raises(FetchError, match=r"needs 512.0 kB, but only 100.0 kB are free") as caught:
            download([offered()], place, client=talk.client)
        assert talk.web.asked == []
        with pytest.raises(FetchError, match=r"needs 512.0 kB, but only 100.0 kB are free"):
            download([offered(size=None)], place, client=talk.client)
    assert "TMPDIR" in (caught.value.hint or "")


def test_a_server_that_drips_is_left(talking: Talking, place: Path) -> None:
    with (
        talking(serving(Answer(body=CONTENT, drip=0.005)), attempts=2, window=0.1, slowest=1e6) as talk,
        pytest.raises(TemporaryError, match="sends too slowly"),
    ):
        download([offered()], place, client=talk.client)
    with (
        talking(serving(Answer(body=CONTENT, drip=0.005)), transfer=0.1) as talk,
        pytest.raises(TemporaryError, match="takes longer than"),
    ):
        download([offered()], place, client=talk.client)
    assert files_of(place) == {}


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/x",
        "a/../../x",
        "..",
        ".",
        "",
        "a\nb",
        "x" * 300,
        "/".join("a" * 300),
        "a/\x00",
        "\udc80",
    ],
)
def test_no_path_leads_out(talking: Talking, place: Path, path: str) -> None:
    with talking(serving(Answer(body=CONTENT))) as talk, pytest.raises(FetchError, match="has a file with"):
        download([offered(path)], place, client=talk.client)
    assert talk.web.asked == []
    assert [entry.name for entry in place.parent.iterdir() if entry.is_file()] == ["web-ca.pem"]


def test_files_do_not_replace_each_other(talking: Talking, place: Path) -> None:
    with talking(serving(lambda asked: file_answer(asked, CONTENT))) as talk:
        for one, other in (("a", "a"), ("a", "a/b"), ("a/b", "a")):
            with pytest.raises(FetchError, match="has two files with the path"):
                download([offered(one), offered(other)], place, client=talk.client)
        download([offered("Data.bin"), offered("data.bin")], place, client=talk.client)
    assert "Warning: `data.bin` and `Data.bin` differ only in case" in talk.said
    assert set(files_of(place)) == {"Data.bin", "data.bin"}


def test_a_file_with_a_checksum_is_brought_once(talking: Talking, place: Path, kept: Path) -> None:
    with talking(serving(lambda asked: file_answer(asked, CONTENT))) as talk:
        download([offered("one")], place, client=talk.client)
        download([offered("two")], place, client=talk.client)
        assert len(talk.web.asked) == 1
        download(
            [offered("three", checksum=None), offered("four", checksum="crc32:12345678")],
            place,
            client=talk.client,
        )
        assert len(talk.web.asked) == 3
        download([offered("five", url="https://zenodo.org:443/files/data.bin")], place, client=talk.client)
    assert set(files_of(place).values()) == {CONTENT}
    assert len(list(kept.iterdir())) == 2


def test_a_cache_that_was_changed_gives_nothing_wrong(talking: Talking, place: Path, kept: Path) -> None:
    with talking(serving(lambda asked: file_answer(asked, CONTENT))) as talk:
        download([offered("one")], place, client=talk.client)
        (entry,) = kept.iterdir()
        (entry / "file").write_bytes(b"evil")
        download([offered("two")], place, client=talk.client)
        (entry / "file").unlink()
        download([offered("three")], place, client=talk.client)
    assert set(files_of(place).values()) == {CONTENT}
    assert len(talk.web.asked) == 3
    assert (entry / "file").read_bytes() == CONTENT


def test_what_a_login_gives_is_not_kept(
    talking: Talking, place: Path, kept: Path, environ: dict[str, str]
) -> None:
    """Somebody else on this machine could name its checksum, which is public."""
    hosts: dict[str, Handler] = {
        "zenodo.org": lambda _: redirect("https://store.example.org/x"),
        "store.example.org": lambda asked: file_answer(asked, CONTENT),
    }
    token = HostToken(host="zenodo.org", header="X-Key", value="s3cret")
    with talking(hosts) as talk:
        download([offered("one", token=token)], place, client=talk.client)
    netrc = Path(environ["HOME"]) / ".netrc"
    netrc.write_text("machine zenodo.org login ada password one\n")
    netrc.chmod(0o600)
    with talking(hosts) as talk:
        download([offered("two")], place, client=talk.client)
        assert [asked.headers.get("authorization", "")[:5] for asked in talk.web.asked] == ["Basic", ""]
    assert set(files_of(place).values()) == {CONTENT}
    assert not kept.exists()


def test_a_record_gets_no_file_of_another_host_by_its_checksum(
    talking: Talking, place: Path, kept: Path
) -> None:
    hosts: dict[str, Handler] = {
        "zenodo.org": lambda asked: file_answer(asked, CONTENT),
        "evil.example.org": lambda _: problem(404),
    }
    with talking(hosts) as talk:
        download([offered("one")], place, client=talk.client)
        with pytest.raises(FetchError, match="does not exist"):
            download([offered("two", url="https://evil.example.org/x")], place, client=talk.client)
    assert len(list(kept.iterdir())) == 1


def test_the_cache_keeps_within_its_limit(tmp_path: Path) -> None:
    cache = DownloadCache(directory=tmp_path / "cache", limit=250)
    file = tmp_path / "file"
    for number in range(4):
        file.write_bytes(bytes([number]) * 100)
        assert cache.add(file, "example.org", f"md5:{number}") == 100
        found = cache.find("example.org", f"md5:{number}")
        assert found is not None
        os.utime(found.parent, (number, number))
    cache.find("example.org", "md5:0")
    assert cache.shrink() == 200
    assert [entry.checksum for entry in cache.entries()] == ["md5:3", "md5:0"]
    file.write_bytes(bytes(300))
    assert cache.add(file, "example.org", "md5:large") == 0
    assert cache.shrink(limit=0) == 200
    assert list((tmp_path / "cache").iterdir()) == []


def test_two_at_once_share_a_cache(tmp_path: Path) -> None:
    cache = DownloadCache(directory=tmp_path / "cache", limit=10_000)
    files = [tmp_path / str(number) for number in range(8)]
    wrong: list[str] = []

    def work(file: Path) -> None:
        file.write_bytes(CONTENT[:1000])
        for _ in range(30):
            cache.add(file, "example.org", "md5:same")
            found = cache.find("example.org", "md5:same")
            try:
                if found is not None and found.read_bytes() != CONTENT[:1000]:
                    wrong.append("content")
            except FileNotFoundError:
                pass
            cache.discard("example.org", "md5:same")

    threads = [threading.Thread(target=work, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_limit_of_the_cache_is_said_in_the_environment(kept: Path) -> None:
    assert download_cache({}).limit == 10 << 30
    assert download_cache({"R2I_CACHE_LIMIT": "1.5g"}).limit == 3 << 29
    assert download_cache({"R2I_CACHE_LIMIT": "0"}).limit == 0
    assert download_cache({}).directory == kept
    with pytest.raises(UsageError, match="`R2I_CACHE_LIMIT=much` is not a size"):
        download_cache({"R2I_CACHE_LIMIT": "much"})


def test_how_far_it_is_is_told_now_and_then(talking: Talking, place: Path) -> None:
    content = b"." * 200
    with talking(serving(Answer(body=content, drip=0.006))) as talk:
        download([offered(content=content)], place, client=talk.client)
    told = [said for said in talk.said if isinstance(said, Momentary)]
    assert 1 <= len(told) <= 4
    assert re.fullmatch(r"Downloading `data.bin`: \d+ bytes of 200 bytes, \d+ bytes/s", told[0])


def test_an_error_page_is_no_file(talking: Talking, place: Path) -> None:
    for answer in (problem(404), problem(410), Answer(status=204), html_answer(status=403)):
        with talking(serving(answer)) as talk, pytest.raises(R2iError) as caught:
            download([offered(size=None, checksum=None)], place, client=talk.client)
        assert caught.value.exit_code == 3
    assert files_of(place) == {}


def test_many_files_come_over_one_connection(talking: Talking, place: Path) -> None:
    table: dict[str, Answer | Handler] = {f"/{n}": Answer(body=b"%d" % n) for n in range(20)}
    files = [RemoteFile(url=f"https://zenodo.org/{n}", path=f"d/{n}") for n in range(20)]
    with talking({"zenodo.org": routes(table)}) as talk:
        download(files, place, client=talk.client)
    assert files_of(place) == {f"d/{n}": b"%d" % n for n in range(20)}
    assert isinstance(talk, Talk)


def test_what_comes_from_the_cache_is_no_download(talking: Talking, place: Path) -> None:
    with talking(serving(lambda asked: file_answer(asked, CONTENT))) as talk:
        checksum = download_unknown(URL, place / "data.bin", client=talk.client, token=None)
        (place / "data.bin").unlink()
        download([RemoteFile(url=URL, path="data.bin", checksum=checksum)], place, client=talk.client)
        asked = len(talk.web.asked)
    assert files_of(place) == {"data.bin": CONTENT}
    assert asked == 1
    assert [line for line in talk.said if "from" in line] == ["Downloading `data.bin` from `zenodo.org`"]
