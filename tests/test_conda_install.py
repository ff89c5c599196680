"""`conda-install` itself, on this machine, between a channel on loopback and a directory."""

from __future__ import annotations

import asyncio
import base64
import importlib.machinery
import importlib.util
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

from r2i.process import run
from tests.cases import ROOT
from tests.conda_channel import channel

SCRIPT = ROOT / "src" / "r2i" / "buildpacks" / "conda-install"
LOGIN = "ada:secret-word"


class Handler(SimpleHTTPRequestHandler):
    """Files, for those who know the password where the server has one."""

    def send_head(self) -> object:  # type: ignore[override]
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


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with a prefix and a cache of the test's, and a host without settings."""
    for name in ("CONDA_CHANNEL_ALIAS", "SSL_CERT_FILE", "NETRC", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    loader = importlib.machinery.SourceFileLoader("conda_install", str(SCRIPT))
    spec = importlib.util.spec_from_loader("conda_install", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    module.PREFIX, module.CACHE = tmp_path / "prefix", tmp_path / "cache"  # type: ignore[attr-defined]
    return module


def installed(script: ModuleType, *, channel: str = "conda-forge", spec: str = "tiny-01") -> str:
    """The records of what was installed, all in one text."""
    environment = {"channels": [channel], "specs": [spec, "python 3.9.*"], "exclude_newer": None}
    asyncio.run(script.make(environment, [], "3.9"))
    records = (script.PREFIX / "conda-meta").glob("*.json")
    return "".join(record.read_text() for record in records)


def words_of(top: Path, word: str) -> list[str]:
    return run(["grep", "-rl", word, str(top)]).stdout.splitlines()


def test_a_mirror_with_a_password_is_used_and_leaves_no_trace(
    script: ModuleType, channels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(channels, login=LOGIN) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://{LOGIN}@{address}")
        records = installed(script)

    assert '"https://conda.anaconda.org/conda-forge/noarch/tiny-01-1.0-0.conda"' in records
    assert words_of(tmp_path, "secret-word") == words_of(tmp_path / "prefix", "127.0.0.1:") == []


def test_a_password_of_netrc_is_used(
    script: ModuleType, channels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret-word\n")
    (tmp_path / "netrc").chmod(0o600)
    with serving(channels, login=LOGIN) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://{address}")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

        assert "tiny-01" in installed(script)


def test_a_channel_can_have_a_place_of_its_own(
    script: ModuleType, channels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(channels) as address:
        monkeypatch.setenv("R2I_CONDA_CUSTOM_CHANNELS", f"other=http://127.0.0.1:9 main=http://{address}")

        assert "https://conda.anaconda.org/main/" in installed(script, channel="main")


def test_defaults_are_what_the_host_says(
    script: ModuleType, channels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(channels) as address:
        monkeypatch.setenv("R2I_CONDA_DEFAULT_CHANNELS", f"http://{address}/main")

        assert "https://repo.anaconda.com/pkgs/main/" in installed(script, channel="defaults")


def test_a_certificate_of_the_network_counts(
    script: ModuleType, channels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("makes a certificate with openssl")
    made = tmp_path / "made.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
    run([openssl, "req", *options, *names, "-keyout", str(made), "-out", str(tmp_path / "ca.pem")])
    made.write_text(made.read_text() + (tmp_path / "ca.pem").read_text())
    with serving(channels, certificate=made) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"https://{address}")
        with pytest.raises(script.Failure, match="--ca-bundle"):
            installed(script)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

        assert "tiny-01" in installed(script)


@pytest.mark.parametrize(
    ("login", "channel", "words"),
    [(LOGIN, "conda-forge", "netrc"), ("", "nowhere", "Is the name of the channel right")],
)
def test_what_the_network_says_is_explained(
    script: ModuleType,
    channels: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    login: str,
    channel: str,
    words: str,
) -> None:
    with serving(channels, login=login) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://bob:other-word@{address}")

        with pytest.raises(script.Failure, match=words) as caught:
            installed(script, channel=channel)

    assert "other-word" not in str(caught.value)


def test_a_channel_that_nobody_answers_for_is_explained(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDA_CHANNEL_ALIAS", "http://127.0.0.1:9")

    with pytest.raises(script.Failure, match="CONDA_CHANNEL_ALIAS"):
        installed(script)


def test_what_the_cache_has_is_fetched_again_unless_it_was_installed_by_that_hash(
    script: ModuleType, channels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(channels) as address:
        monkeypatch.setenv("CONDA_CHANNEL_ALIAS", f"http://{address}")
        installed(script)
        shutil.rmtree(script.PREFIX)
        entry = script.CACHE / "pkgs" / "tiny-01-1.0-0"
        (entry / "kept").touch()
        installed(script)
        assert (entry / "kept").exists()

        shutil.rmtree(script.PREFIX)
        Path(f"{entry}.hash").unlink()
        installed(script)
        assert entry.exists()
        assert not (entry / "kept").exists()
