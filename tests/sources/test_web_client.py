"""What r2i hears of servers, and what it tells them: every fault that a server or a network has."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NameResolutionError

from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.host.certificates import CA_SOURCES
from r2i.sources.web.client import MOST_JSON, HostToken, HttpClient
from r2i.sources.web.patience import BusyError, Patience, retry_after
from r2i.sources.web.refusals import of_exception
from tests.sources.talking import Talking
from tests.sources.web_servers import (
    Answer,
    Asked,
    Handler,
    html_answer,
    json_answer,
    one_after_another,
    problem,
    redirect,
    routes,
)

RECORD = "https://zenodo.org/api/records/1"


def zenodo(handler: Handler | Answer) -> dict[str, Handler]:
    return {"zenodo.org": handler if callable(handler) else lambda _: handler}


def test_a_document_comes_through_the_proxy_with_the_certificates_of_the_environment(
    talking: Talking,
) -> None:
    with talking(zenodo(lambda asked: json_answer({"query": asked.query}))) as talk:
        assert talk.client.json(RECORD, query={"q": "a b&c"}) == {"query": {"q": "a b&c"}}
        assert talk.client.json(f"{RECORD}?x=1", query={"y": "2"}) == {"query": {"x": "1", "y": "2"}}
        assert talk.client.posted(RECORD) == {"query": {}}
    assert [asked.method for asked in talk.web.asked] == ["GET", "GET", "POST"]
    assert {asked.url.partition("?")[0] for asked in talk.web.asked} == {RECORD}
    assert talk.web.asked[0].headers["user-agent"].startswith("r2i/")


def test_a_certificate_that_nobody_trusts_is_refused_at_once(
    talking: Talking, environ: dict[str, str]
) -> None:
    with talking(zenodo(json_answer({}))) as talk:
        stranger = {**talk.web.environ, **dict.fromkeys(CA_SOURCES, "")}
        client = HttpClient(
            environ=environ | stranger, report=talk.said.append, patience=talk.client.patience
        )
        with pytest.raises(FetchError, match=r"certificate of `zenodo.org` is not trusted") as caught:
            client.json(RECORD)
    assert "SSL_CERT_FILE" in str(caught.value.hint)
    assert talk.waits == []
    assert talk.web.asked == []


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (problem(404), "`https://zenodo.org/api/records/1` does not exist (HTTP 404)", "spelling"),
        (problem(410), "was removed (HTTP 410)", "another version"),
        (problem(401), "is not accessible (HTTP 401)", "token"),
        (problem(403), "is not accessible (HTTP 403)", "token"),
        (problem(400), "cannot be read (HTTP 400)", "URL"),
        (html_answer(), "is a web page, where JSON was expected", "login page"),
        (Answer(body=b"{", kind="application/json"), "has no valid JSON", "URL"),
        (Answer(body=b"[" * 100_000, kind="application/json"), "has no valid JSON", "URL"),
        (Answer(body=b" " * (MOST_JSON + 1)), "sends more than 32 MiB of metadata", "yourself"),
        (redirect("ftp://zenodo.org/x"), "`ftp://zenodo.org/x` is not a supported URL", "https"),
        (redirect("https://:80/x"), "`https://:80/x` is not a supported URL", "https"),
        (redirect(RECORD), "redirects without end", "browser"),
    ],
)
def test_what_a_server_does_not_have_is_said_at_once(
    talking: Talking, answer: Answer, message: str, hint: str
) -> None:
    with talking(zenodo(answer)) as talk, pytest.raises(FetchError) as caught:
        talk.client.json(RECORD)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert talk.waits == []


@pytest.mark.parametrize(
    "passing",
    [
        problem(429),
        problem(500),
        problem(502),
        problem(503),
        problem(504),
        Answer(body=b"[1, 2, 3]", cut=3),
        Answer(body=b"[1, 2, 3]", chunked=True, cut=3),
    ],
    ids=lambda answer: str(answer.status) if answer.cut is None else "broken",
)
def test_what_may_pass_is_tried_again(talking: Talking, passing: Answer) -> None:
    with talking(zenodo(one_after_another(passing, passing, json_answer({"id": 1})))) as talk:
        assert talk.client.json(RECORD) == {"id": 1}
    first, second = talk.waits
    assert 0.7 < first < 1.3 < second < 2.6
    assert len(talk.said) == 2
    assert "trying again in 1 s" in talk.said[0]


def test_the_server_says_when_it_is_asked_again(talking: Talking) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    answers = one_after_another(
        problem(429, Retry_After="7"),
        problem(503, Retry_After=soon),
        problem(503, Retry_After="soon"),
        json_answer(1),
    )
    with talking(zenodo(answers)) as talk:
        assert talk.client.json(RECORD) == 1
    assert talk.waits[0] == 7
    assert 50 < talk.waits[1] <= 60
    assert talk.waits[2] < 10
    assert talk.said[0] == "`zenodo.org` is busy (HTTP 429): trying again in 7 s"


def test_a_server_that_stays_busy_is_a_temporary_failure(talking: Talking) -> None:
    with talking(zenodo(problem(503))) as talk, pytest.raises(TemporaryError, match="HTTP 503") as caught:
        talk.client.json(RECORD)
    assert caught.value.exit_code == 75
    assert len(talk.web.asked) == 5
    assert len(talk.waits) == 4


def test_nobody_waits_for_an_hour(talking: Talking) -> None:
    with talking(zenodo(problem(429, Retry_After="7200"))) as talk, pytest.raises(TemporaryError) as caught:
        talk.client.json(RECORD)
    assert caught.value.hint == "Try again in 2 hours"
    assert talk.waits == []
    assert len(talk.web.asked) == 1


@pytest.mark.parametrize(
    "slow", [Answer(pause=30), Answer(body=b" " * 10_000, drip=0.02)], ids=["silent", "drop by drop"]
)
def test_a_slow_server_is_left(talking: Talking, slow: Answer) -> None:
    began = time.monotonic()
    with talking(zenodo(slow), attempts=1, document=0.4) as talk, pytest.raises(TemporaryError) as caught:
        talk.client.json(RECORD)
    assert "did not finish its answer in 0 s" in caught.value.message
    assert time.monotonic() - began < 5


def test_headers_without_end_are_left(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def talk() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not over.wait(0.02):
                    try:
                        connection.sendall(b"X-A: b\r\n"[:1])
                    except OSError:
                        return

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        patience = Patience(attempts=1, document=0.3)
        client = HttpClient(environ=environ, report=lambda _: None, patience=patience)
        with pytest.raises(TemporaryError, match="did not finish its answer"):
            client.json(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        over.set()
        thread.join()


def test_a_host_that_is_not_there_is_a_temporary_failure(talking: Talking, environ: dict[str, str]) -> None:
    with (
        talking({}) as talk,
        pytest.raises(TemporaryError, match=r"proxy of your network cannot reach `zenodo.org`"),
    ):
        talk.client.json(RECORD)
    client = HttpClient(environ=environ, report=lambda _: None, patience=Patience(attempts=1))
    with pytest.raises(TemporaryError, match=r"The host `no-such-host.invalid` cannot be found"):
        client.json("https://no-such-host.invalid/")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TemporaryError, match="refuses the connection"):
        client.json(f"http://127.0.0.1:{port}/")


def test_where_nothing_answers_r2i_knocks_twice(environ: dict[str, str]) -> None:
    waits: list[float] = []
    client = HttpClient(environ=environ, report=lambda _: None, patience=Patience(pause=waits.append))
    with pytest.raises(TemporaryError, match=r"`zendo.invalid` cannot be found"):
        client.json("https://zendo.invalid/")
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("githb.com", "github.com"),
        ("zendo.org", "zenodo.org"),
        ("github.con", "github.com"),
        ("www.gitlb.com", "gitlab.com"),
        ("github.com", None),
        ("gitea.com", None),
        ("git.example.org", None),
    ],
)
def test_a_host_that_nobody_has_may_be_a_misspelt_one(host: str, near: str | None) -> None:
    error = of_exception(
        NameResolutionError(host, HTTPConnection(host), socket.gaierror()), f"https://{host}/"
    )
    assert isinstance(error, BusyError)
    assert error.hint == (
        f"Did you mean `{near}`?" if near else "Check the URL and your network, or try again later"
    )


def test_redirects_are_followed_to_other_hosts(talking: Talking) -> None:
    hosts: dict[str, Handler] = {
        "doi.org": lambda _: redirect("https://zenodo.org/records/1#files"),
        "zenodo.org": routes({"/records/1": redirect("/records/2"), "/records/2": json_answer({"id": 2})}),
    }
    with talking(hosts) as talk:
        assert talk.client.json("https://doi.org/10.5281/zenodo.1") == {"id": 2}
        assert talk.client.final_url("https://doi.org/10.5281/zenodo.1") == "https://zenodo.org/records/2"


def test_the_end_of_a_doi_need_not_be_open_for_programs(talking: Talking) -> None:
    hosts: dict[str, Handler] = {
        "doi.org": routes({"/10.1/a": redirect("https://figshare.com/articles/1")}),
        "figshare.com": lambda _: problem(403),
    }
    with talking(hosts) as talk:
        assert talk.client.final_url("https://doi.org/10.1/a") == "https://figshare.com/articles/1"
        with pytest.raises(FetchError, match=r"`https://doi.org/10.1/b` does not exist"):
            talk.client.final_url("https://doi.org/10.1/b")


def test_a_redirect_never_leaves_encryption(talking: Talking) -> None:
    hosts: dict[str, Handler] = {
        "doi.org": routes(
            {
                "/1": redirect("http://zenodo.org/records/1"),
                "/2": redirect("http://zenodo.org:8080/records/1"),
            }
        ),
        "zenodo.org": lambda asked: json_answer({"scheme": asked.scheme}),
    }
    with talking(hosts) as talk:
        assert talk.client.json("https://doi.org/1") == {"scheme": "https"}
        with pytest.raises(FetchError, match="which is not encrypted"):
            talk.client.json("https://doi.org/2")


def test_a_token_is_for_its_host_only(talking: Talking) -> None:
    token = HostToken(
        host="zenodo.org", header="Authorization", value="Bearer s3cret-token\n", variable="ZENODO_TOKEN"
    )
    hosts: dict[str, Handler] = {
        "zenodo.org": routes(
            {
                "/own": redirect("/there"),
                "/there": json_answer("own"),
                "/away": redirect("https://files.example.org/back"),
            }
        ),
        "files.example.org": routes(
            {"/back": redirect("https://zenodo.org/there"), "/plain": json_answer("plain")}
        ),
    }

    def seen() -> list[tuple[str, str | None]]:
        found = [(asked.url, asked.headers.get("authorization")) for asked in talk.web.asked]
        talk.web.asked.clear()
        return found

    with talking(hosts) as talk:
        talk.client.json("https://zenodo.org/own", token=token)
        assert seen() == [
            ("https://zenodo.org/own", "Bearer s3cret-token"),
            ("https://zenodo.org/there", "Bearer s3cret-token"),
        ]
        talk.client.json("https://zenodo.org/away", token=token)
        assert seen() == [
            ("https://zenodo.org/away", "Bearer s3cret-token"),
            ("https://files.example.org/back", None),
            ("https://zenodo.org/there", None),
        ]
        talk.client.json("https://files.example.org/plain", token=token)
        talk.client.json("http://zenodo.org/there", token=token)
        assert seen() == [("https://files.example.org/plain", None), ("http://zenodo.org/there", None)]


def test_a_token_is_in_no_message(talking: Talking) -> None:
    token = HostToken(
        host="zenodo.org", header="Authorization", value="Bearer s3cret", variable="ZENODO_TOKEN"
    )
    with talking(zenodo(one_after_another(problem(500), problem(403)))) as talk:
        with pytest.raises(FetchError) as caught:
            talk.client.json(f"{RECORD}?access_token=s3cret", token=token)
        broken = HostToken(
            host="zenodo.org", header="Authorization", value="s3cret\nX: y", variable="ZENODO_TOKEN"
        )
        with pytest.raises(
            UsageError, match="`ZENODO_TOKEN` contains a character that no token has"
        ) as refused:
            talk.client.json(RECORD, token=broken)
    assert "with the token of `ZENODO_TOKEN`" in caught.value.message
    words = [*talk.said, repr(token), repr(talk.client)]
    words += [f"{error.value.message} {error.value.hint}" for error in (caught, refused)]
    assert not [text for text in words if "s3cret" in text]


def test_a_login_of_netrc_is_for_the_host_that_was_typed(talking: Talking, environ: dict[str, str]) -> None:
    netrc = Path(environ["HOME"]) / ".netrc"
    netrc.write_text(
        "machine zenodo.org login ada password one\n"
        "machine files.example.org login ada password two\n"
        "default login ada password three\n"
    )
    netrc.chmod(0o600)
    hosts: dict[str, Handler] = {
        "zenodo.org": routes({"/a": redirect("https://files.example.org/b")}),
        "files.example.org": lambda _: json_answer(1),
    }
    with talking(hosts) as talk:
        talk.client.json("https://zenodo.org/a")
        talk.client.json("https://files.example.org/c")
        sent = [asked.headers.get("authorization") for asked in talk.web.asked]
    assert sent == ["Basic YWRhOm9uZQ==", None, None]
    token = HostToken(host="zenodo.org", header="X-Key", value="s3cret")
    with talking(hosts) as talk:
        talk.client.json("https://zenodo.org/a", token=token)
        talk.client.json("https://files.example.org/c")
        assert [asked.headers.get("authorization") for asked in talk.web.asked] == [None, None, None]


@pytest.mark.parametrize(
    "inward",
    [
        "http://127.0.0.1:9/",
        "http://localhost:9/",
        "http://[::1]:9/",
        "http://127.1:9/",
        "http://169.254.169.254/",
        "https://10.0.0.1/",
    ],
)
def test_a_public_server_does_not_lead_inside(talking: Talking, inward: str) -> None:
    with talking({"zenodo.org": lambda _: redirect(inward)}) as talk:
        with pytest.raises(
            FetchError, match=r"leads to `.*`, which is an address of (this machine|a private network)"
        ):
            talk.client.json("http://zenodo.org/")
        assert len(talk.web.asked) == 1


def test_what_was_typed_may_be_anywhere(talking: Talking) -> None:
    with talking({"127.0.0.1": routes({"/a": redirect("/b"), "/b": json_answer("here")})}) as talk:
        assert talk.client.json(f"{talk.web.url}/a") == "here"


def test_a_name_that_leads_inside_is_seen_when_it_is_connected(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name can be looked up twice and differ: the connection itself is asked where it leads, before a byte is sent."""
    from r2i.sources.web.reach import Zone
    from r2i.sources.web.wire import Wire

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        port = server.getsockname()[1]
        here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: here)
        wire = Wire(environ, Patience(connect=2, silence=2))
        wire.check("a public host", lambda _: Zone.PUBLIC)
        url = f"http://files.example.org:{port}/"
        with (
            pytest.raises(
                FetchError, match=r"leads to `files.example.org`, which is an address of this machine"
            ),
            wire.answer("GET", url, {}, within=3, body_within=True),
        ):
            pass
        connection, _ = server.accept()
        with connection:
            assert connection.recv(100) == b""


def test_dates_and_seconds_of_retry_after() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after("Thu, 01 Jan 2026 00:01:00 GMT", now=now) == 60
    assert retry_after("Wed, 31 Dec 2025 00:01:00 GMT", now=now) == 0
    assert retry_after("120") == 120
    assert [retry_after(text) for text in (None, "", "-5", "soon", "1.5", "٣")] == [None] * 6


def test_a_proxy_says_no(environ: dict[str, str]) -> None:
    """What a proxy answers instead of a tunnel."""
    for status, kind, message in (
        ("407 Proxy Authentication Required", FetchError, "requires a password"),
        ("403 Forbidden", FetchError, "refuses the connection to `zenodo.org`"),
        ("504 Gateway Timeout", TemporaryError, "cannot reach `zenodo.org` (504 Gateway Timeout)"),
    ):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            proxy = f"http://user:s3cret@127.0.0.1:{listener.getsockname()[1]}"
            thread = threading.Thread(target=_refuse, args=(listener, status), daemon=True)
            thread.start()
            client = HttpClient(
                environ=environ | {"https_proxy": proxy, "NO_PROXY": "example.org"},
                report=lambda _: None,
                patience=Patience(attempts=1),
            )
            with pytest.raises(R2iError) as caught:
                client.json(RECORD)
            thread.join()
        assert isinstance(caught.value, kind)
        assert message in caught.value.message
        assert "s3cret" not in f"{caught.value.message} {caught.value.hint}"


def _refuse(listener: socket.socket, status: str) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(10_000)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


def test_nothing_of_the_process_itself_counts(talking: Talking, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is what the command line read and passed on."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nonexistent")
    with talking(zenodo(json_answer(1))) as talk:
        assert talk.client.json(RECORD) == 1


def test_connections_are_used_again(talking: Talking) -> None:
    peers = set[str]()

    def handler(_: Asked) -> Answer:
        peers.add(threading.current_thread().name)
        return json_answer(1)

    with talking(zenodo(handler)) as talk:
        for _ in range(3):
            talk.client.json(RECORD)
    assert len(peers) == 1
