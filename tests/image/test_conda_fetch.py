"""`conda_fetch.py` itself, on this machine, between a channel on loopback and a directory."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import shutil
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import pytest

import conda_channels
import conda_fetch
import conda_solver
from conda_cache import NotInstalledError
from r2i.diagnosis import diagnose
from r2i.process import run
from tests.cases import ROOT
from tests.conda_channel import channel
from tests.serving import certificate

pytestmark = pytest.mark.slow

LOGIN = "ada:secret-word"


class Handler(SimpleHTTPRequestHandler):
    """Files, for those who know the password where the server has one."""

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        login = getattr(self.server, "login", "")
        given = self.headers.get("Authorization") or ""
        if login and given != f"Basic {base64.b64encode(login.encode()).decode()}":
            self.send_error(401)
            return None
        return super().send_head()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    login = ""

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may hang up."""


@contextmanager
def serving(directory: Path, *, login: str = "", certificate: Path | None = None) -> Iterator[str]:
    with Server(("127.0.0.1", 0), partial(Handler, directory=str(directory))) as server:
        server.login = login
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the tests' channel as `conda-forge` and as `main`."""
    top = tmp_path_factory.mktemp("channels")
    for name in ("conda-forge", "main"):
        (top / name).symlink_to(channel())
    return top


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix and a cache of the test's, and a host without settings."""
    for name in ("CONDA_CHANNEL_ALIAS", "SSL_CERT_FILE", "NETRC", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(conda_fetch, "PREFIX", tmp_path / "prefix")
    monkeypatch.setattr(conda_fetch, "CACHE", tmp_path / "cache")


def installed(*, channel: str = "conda-forge", spec: str = "tiny-01") -> str:
    """The records of what was installed, all in one text."""
    environment = {"channels": [channel], "specs": [spec, "python 3.9.*"], "exclude_newer": None}
    asyncio.run(conda_fetch.make(environment, [], "3.9"))
    records = (conda_fetch.PREFIX / "conda-meta").glob("*.json")
    return "".join(record.read_text() for record in records)


def words_of(top: Path, word: str) -> list[str]:
    return run(["grep", "-rl", word, str(top)]).stdout.splitlines()


def test_a_mirror_with_a_password_is_used_and_leaves_no_trace(
    channels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(channels, login=LOGIN) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://{LOGIN}@{address}")
        records = installed()

    assert '"https://conda.anaconda.org/conda-forge/noarch/tiny-01-1.0-0.conda"' in records
    assert words_of(tmp_path, "secret-word") == words_of(tmp_path / "prefix", "127.0.0.1:") == []


def test_a_password_of_netrc_is_used(channels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret-word\n")
    (tmp_path / "netrc").chmod(0o600)
    with serving(channels, login=LOGIN) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://{address}")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

        assert "tiny-01" in installed()


def test_a_channel_can_have_a_place_of_its_own(channels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(channels) as address:
        monkeypatch.setenv("R2I_CONDA_CUSTOM_CHANNELS", f"other=http://127.0.0.1:9 main=http://{address}")

        assert "https://conda.anaconda.org/main/" in installed(channel="main")


def test_defaults_are_what_the_host_says(channels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(channels) as address:
        monkeypatch.setenv("R2I_CONDA_DEFAULT_CHANNELS", f"http://{address}/main")

        assert "https://repo.anaconda.com/pkgs/main/" in installed(channel="defaults")


def test_a_certificate_of_the_network_counts(
    channels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = certificate(tmp_path)
    with serving(channels, certificate=private) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"https://{address}")
        with pytest.raises(NotInstalledError, match="--ca-bundle"):
            installed()
        monkeypatch.setenv("SSL_CERT_FILE", str(public))

        assert "tiny-01" in installed()


@pytest.mark.parametrize(
    ("login", "channel", "words"),
    [(LOGIN, "conda-forge", "netrc"), ("", "nowhere", "Is the name of the channel right")],
)
def test_what_the_network_says_is_explained(
    channels: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    login: str,
    channel: str,
    words: str,
) -> None:
    with serving(channels, login=login) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://bob:other-word@{address}")

        with pytest.raises(NotInstalledError, match=words) as caught:
            installed(channel=channel)

    assert "other-word" not in str(caught.value)


def test_a_channel_that_nobody_answers_for_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_CHANNEL_ALIAS", "http://127.0.0.1:9")

    with pytest.raises(NotInstalledError, match="CONDA_CHANNEL_ALIAS"):
        installed()


def test_what_the_cache_has_is_fetched_again_unless_it_was_installed_by_that_hash(
    channels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(channels) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://{address}")
        installed()
        shutil.rmtree(conda_fetch.PREFIX)
        entry = conda_fetch.CACHE / "pkgs" / "tiny-01-1.0-0"
        (entry / "kept").touch()
        installed()
        assert (entry / "kept").exists()

        shutil.rmtree(conda_fetch.PREFIX)
        Path(f"{entry}.hash").unlink()
        installed()
        assert entry.exists()
        assert not (entry / "kept").exists()


# --- What the solver refuses.


def refused(channels: Path, specs: Sequence[str], *, before: str | None = None) -> str:
    """Why it cannot be installed, as the log of a build says it."""
    environment = {"channels": ["conda-forge"], "specs": [*specs], "exclude_newer": before}
    with serving(channels) as address, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://{address}")
        with pytest.raises(NotInstalledError) as caught:
            asyncio.run(conda_fetch.make(environment, [], "3.9"))
    return f"r2i: {caught.value}"


def cause(said: str) -> str:
    """What `r2i.diagnosis` makes of it."""
    found = diagnose(said.splitlines(), pythons=("3.9", "3.11"), current="3.9")
    return found.cause if found else ""


def test_a_name_that_no_channel_has_leads_to_those_that_are_near(channels: Path) -> None:
    said = refused(channels, ["old-frend"])

    assert "`old-frend` is not in conda-forge. Is it `old-friend`" in said
    assert cause(said) == "not-in-channel"


@pytest.mark.parametrize(
    ("specs", "words"),
    [(["greet >=2"], "there is a solution"), (["greet >=9"], "there is no solution either")],
)
def test_it_is_told_whether_the_date_is_why(channels: Path, specs: Sequence[str], words: str) -> None:
    assert f"Without the date 2021-06-01T00:00:00Z, {words}" in refused(
        channels, specs, before="2021-06-01T00:00:00Z"
    )


def test_a_build_that_no_channel_keeps_is_told(channels: Path) -> None:
    said = refused(channels, ["greet ==1.0 py39h1234567_7"])

    assert "name a build" in said
    assert cause(said) == "build-string"


def test_two_that_exclude_each_other_are_understood(channels: Path) -> None:
    assert cause(refused(channels, ["old-friend", "new-friend"])) == "unsatisfiable"


# --- What a lock refuses.


def locked(address: str, **more: str) -> dict[str, str]:
    url = f"http://{address}/conda-forge/noarch/tiny-01-1.0-0.conda"
    return {
        "platform": conda_solver.current_platform(),
        "url": url,
        "sha256": "0" * 64,
        "md5": "0" * 32,
        **more,
    }


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "`tiny-01-1.0-0.conda` does not match the lock file: its hash is "),
        ({"platform": "win-64"}, "packages are locked only for win-64"),
    ],
)
def test_what_is_not_as_it_was_locked_is_told(channels: Path, more: dict[str, str], words: str) -> None:
    with serving(channels) as address, pytest.raises(NotInstalledError, match=words):
        asyncio.run(conda_fetch.make({"packages": [locked(address, **more)]}, [], None))


# --- What the network refuses: the advice and the diagnosis are of the same words.


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("index-forbidden", "Configure credentials in"),
        ("certificates", "--ca-bundle"),
        ("index-unreachable", "CONDA_CHANNEL_ALIAS"),
    ],
)
def test_advice_and_diagnosis_know_the_same_words(name: str, advice: str) -> None:
    """uv and rattler use the same library."""
    for log in sorted((ROOT / "tests/fixtures/logs" / name).glob("*uv*.txt")):
        said = conda_channels.unreachable(OSError(log.read_text(encoding="utf-8")))

        assert advice in said.splitlines()[-1], log.name
        assert cause(said) == name, log.name


def test_a_refusal_names_no_password() -> None:
    said = conda_channels.unreachable(
        OSError("error sending request for url (http://bob:word@127.0.0.1:9/t/token/x)")
    )

    assert "http://***@127.0.0.1:9/t/***/x" in said
    assert not {"bob", "word", "token"}.intersection(re.split(r"\W+", said))
