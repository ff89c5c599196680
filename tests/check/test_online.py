"""`r2i check --online`: what is asked, of whom, and what becomes of the answer. The index is a real server."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import pytest

from r2i.check.wheel_parts import modules_in
from r2i.host.indexes import default_index
from r2i.process import run
from tests.building import R2I
from tests.cases import ROOT

JSON = "application/vnd.pypi.simple.v1+json"
SCHEMA = json.loads((ROOT / "docs" / "check.schema.json").read_text(encoding="utf-8"))


def wheel(name: str, version: str, *, requires: tuple[str, ...] = (), files: tuple[str, ...] = ()) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(file, "")
        lines = [f"Name: {name}", f"Version: {version}", "Provides-Extra: plots", "Provides-Extra: all"]
        lines += [f"Requires-Dist: {one}" for one in requires]
        text = "\n".join(["Metadata-Version: 2.1", *lines, "", "Its description."])
        archive.writestr(f"{name}-{version}.dist-info/METADATA", text)
    return data.getvalue()


@dataclass
class Index:
    """`files` are by name of the distribution; with `whole` the server sends no parts of them, and `metadata` beside them."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    metadata: dict[str, bytes] = field(default_factory=dict)
    whole: bool = False
    login: str = ""
    status: int = 200
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def page(self, name: str) -> dict[str, Any]:
        return {
            "meta": {"api-version": "1.0"},
            "name": name,
            "files": [
                {"filename": file, "url": f"../../files/{file}", "core-metadata": file in self.metadata}
                for file in self.files[name]
            ],
        }

    def answer(self, path: str, part: str | None) -> tuple[int, bytes, dict[str, str]]:
        if match := re.fullmatch(r"/simple/([^/]+)/", path):
            if match[1] not in self.files:
                return 404, b"", {}
            return 200, json.dumps(self.page(match[1])).encode(), {"Content-Type": JSON}
        file = path.rpartition("/")[2]
        if file.endswith(".metadata"):
            return 200, self.metadata[file.removesuffix(".metadata")], {}
        data = next(files[file] for files in self.files.values() if file in files)
        if part is None or self.whole:
            return 200, data, {}
        first, last = part.removeprefix("bytes=").split("-")
        start = int(first) if first else max(0, len(data) - int(last))
        end = min(len(data), int(last) + 1) if first else len(data)
        return 206, data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}


@contextmanager
def serving(index: Index) -> Iterator[Index]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.append(self.path)
            expected = base64.b64encode(index.login.encode()).decode()
            if index.login and self.headers.get("Authorization") != f"Basic {expected}":
                status, data, headers = 401, b"", dict[str, str]()
            elif index.status != 200:
                status, data, headers = index.status, b"", {}
            else:
                status, data, headers = index.answer(self.path, self.headers.get("Range"))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        index.address = f"127.0.0.1:{server.server_port}"
        try:
            yield index
        finally:
            server.shutdown()


@dataclass(frozen=True)
class Machine:
    """Where `r2i check` runs: a home of its own, and the settings of an index."""

    home: Path
    repository: Path

    def check(self, index: str, *options: str, **environ: str) -> tuple[dict[str, Any], str, int]:
        env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "PIP_INDEX_URL": index, **environ}
        done = run([R2I, "check", str(self.repository), "--format", "json", *options], env=env, timeout=60)
        report: dict[str, Any] = json.loads(done.stdout)
        jsonschema.validate(report, SCHEMA)
        return report, done.stderr, done.returncode


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home, repository = tmp_path / "home", tmp_path / "repo"
    home.mkdir()
    repository.mkdir()
    (repository / "requirements.txt").write_text("nobodys-package==1.0\n")
    (repository / "run.py").write_text("import numpy, scipy, seaborn\nimport odd_name\nimport left_at_home\n")
    return Machine(home, repository)


def found(report: dict[str, Any]) -> dict[str, str]:
    """The code of each finding about an import, by module."""
    return {
        re.findall("`([^`]*)`", one["message"])[0]: one["code"]
        for one in report["findings"]
        if one["code"] in ("D301", "D302", "D303")
    }


INDEX = {
    "nobodys-package": {
        "nobodys_package-1.0-py3-none-any.whl": wheel(
            "nobodys_package",
            "1.0",
            requires=("its-part[plots]>=1", "pandas; extra == 'plots'", "scipy; sys_platform == 'win32'"),
            files=("odd_name/__init__.py",),
        ),
        "nobodys_package-2.0-py3-none-any.whl": wheel(
            "nobodys_package", "2.0", requires=("scipy", "seaborn")
        ),
    },
    "its-part": {
        "its_part-1.5-py3-none-any.whl": wheel("its_part", "1.5", requires=("numpy; extra == 'plots'",)),
    },
}


def test_without_the_option_nothing_is_asked(machine: Machine) -> None:
    with serving(Index(INDEX)) as index:
        report, _, _ = machine.check(f"http://{index.address}/simple")

    assert index.asked == []
    assert report["online"] is None
    assert found(report) == {"seaborn": "D302", "odd_name": "D303", "left_at_home": "D303"}


def test_only_what_is_needed_counts_as_there(machine: Machine) -> None:
    with serving(Index(INDEX)) as index:
        report, stderr, status = machine.check(f"http://{index.address}/simple/", "--online")

    # The pinned release needs no scipy on Linux; numpy comes with an extra that it asks for.
    assert found(report) == {"scipy": "D301", "seaborn": "D301", "left_at_home": "D303"}
    assert status == 8
    assert stderr == ""
    assert report["online"] == {
        "asked": [
            {
                "index": f"http://{index.address}/simple",
                "packages": ["nobodys-package", "its-part"],
                "cached": [],
            }
        ],
        "unanswered": [],
        "absent": [],
        "failure": None,
    }
    assert {path.split("/")[1] for path in index.asked} == {"simple", "files"}


@pytest.mark.parametrize(
    ("requirement", "asked", "code"),
    [
        ("nobodys-package==1.0", ["nobodys-package"], "D301"),
        ("nobodys-package[all]==1.0", ["nobodys-package", "its-part"], None),
    ],
)
def test_an_extra_of_all_extras_counts_only_where_it_is_asked_for(
    machine: Machine, requirement: str, asked: list[str], code: str | None
) -> None:
    requires = ("nobodys-package[plots]; extra == 'all'", "its-part[plots]; extra == 'plots'")
    file, part = "nobodys_package-1.0-py3-none-any.whl", "its_part-1.5-py3-none-any.whl"
    files = {
        "nobodys-package": {file: wheel("nobodys_package", "1.0", requires=requires)},
        "its-part": {part: wheel("its_part", "1.5", requires=("seaborn; extra == 'plots'",))},
    }
    (machine.repository / "requirements.txt").write_text(f"{requirement}\n")
    with serving(Index(files)) as index:
        report, _, _ = machine.check(f"http://{index.address}/simple", "--online")

    assert report["online"]["asked"][0]["packages"] == asked
    assert found(report).get("seaborn") == code


def test_an_answer_is_kept_for_the_next_check(machine: Machine) -> None:
    with serving(Index(INDEX)) as index:
        machine.check(f"http://{index.address}/simple", "--online")
        asked = len(index.asked)
        report, _, _ = machine.check(f"http://{index.address}/simple", "--online")

    assert len(index.asked) == asked
    assert report["online"]["asked"][0]["cached"] == ["nobodys-package", "its-part"]
    assert found(report)["scipy"] == "D301"


def test_an_index_that_sends_no_parts_is_asked_for_metadata(machine: Machine) -> None:
    metadata = b"Metadata-Version: 2.1\nName: nobodys-package\nVersion: 1.0\nRequires-Dist: scipy\n\n"
    file = "nobodys_package-1.0-py3-none-any.whl"
    with serving(Index({"nobodys-package": {file: b"x"}}, {file: metadata}, whole=True)) as index:
        report, _, _ = machine.check(f"http://{index.address}/simple", "--online")

    # Its modules are not known, and one of another name is said to be unknown only.
    assert found(report) == {"seaborn": "D301", "odd_name": "D303", "left_at_home": "D303"}


def test_what_no_index_has_stays_unknown(machine: Machine) -> None:
    with serving(Index()) as index:
        report, stderr, _ = machine.check(f"http://{index.address}/simple", "--online")

    assert report["online"]["unanswered"] == report["online"]["absent"] == ["nobodys-package"]
    assert found(report)["seaborn"] == "D302"
    assert stderr == ""


def test_an_index_without_a_wheel_is_not_one_without_the_package(machine: Machine) -> None:
    sources = Index({"nobodys-package": {"nobodys_package-1.0.tar.gz": b"x"}})
    with serving(Index()) as first, serving(sources) as second:
        address, more = (f"http://{one.address}/simple" for one in (first, second))
        only, _, _ = machine.check(address, "--online")
        both, _, _ = machine.check(address, "--online", PIP_EXTRA_INDEX_URL=more)
        again, _, _ = machine.check(address, "--online")

    assert only["online"]["absent"] == again["online"]["absent"] == ["nobodys-package"]
    assert both["online"]["absent"] == []
    assert both["online"]["unanswered"] == ["nobodys-package"]


def test_without_a_network_there_is_one_notice_and_nothing_else(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    offline, _, status = machine.check(f"http://127.0.0.1:{port}/simple")
    report, stderr, status_online = machine.check(f"http://127.0.0.1:{port}/simple", "--online")

    assert status_online == status
    assert report["findings"] == offline["findings"]
    assert stderr.count("\n") == 1
    assert stderr.startswith(f"Warning: `--online`: `http://127.0.0.1:{port}/simple` does not answer")


def test_a_login_goes_to_its_index_and_is_never_shown(machine: Machine) -> None:
    with serving(Index(INDEX, login="me:hunter2secret")) as index:
        report, stderr, _ = machine.check(f"http://me:hunter2secret@{index.address}/simple", "--online")
        refused, warning, _ = machine.check(f"http://me:wrong@{index.address}/other", "--online")

    assert found(report)["scipy"] == "D301"
    assert "hunter2secret" not in json.dumps(report) + stderr
    assert "status 401" in warning
    assert "wrong" not in json.dumps(refused) + warning


def test_a_proxy_is_used_but_for_what_it_is_not_for(machine: Machine) -> None:
    with serving(Index(INDEX)) as proxy:
        url = "http://index.invalid/simple"
        machine.check(url, "--online", HTTP_PROXY=f"http://{proxy.address}")
        _, warning, _ = machine.check(
            f"{url}/other", "--online", HTTP_PROXY=f"http://{proxy.address}", NO_PROXY="index.invalid"
        )

    assert proxy.asked[0] == "http://index.invalid/simple/nobodys-package/"
    assert not any("other" in path for path in proxy.asked)
    assert "does not answer" in warning


def test_settings_that_forbid_an_index_are_obeyed(machine: Machine) -> None:
    with serving(Index(INDEX)) as index:
        report, _, _ = machine.check(f"http://{index.address}/simple", "--online", PIP_NO_INDEX="1")

    assert index.asked == []
    assert report["online"]["failure"] == "no index of this machine can be asked"


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x05\x06" + b"\xff" * 18, b"PK" * 50_000, wheel("other", "1.0")[:-30]],
    ids=["empty", "false-end", "noise", "cut"],
)
def test_a_broken_wheel_is_one_that_is_not_known(machine: Machine, data: bytes) -> None:
    files = {"nobodys-package": {"nobodys_package-1.0-py3-none-any.whl": data}}
    with serving(Index(files)) as index:
        report, _, _ = machine.check(f"http://{index.address}/simple", "--online")

    assert report["online"]["unanswered"] == ["nobodys-package"]


def test_a_chain_without_end_is_bounded(machine: Machine) -> None:
    files = {
        name: {f"{name}-1.0-py3-none-any.whl": wheel(name, "1.0", requires=(f"n{number + 1}",))}
        for number in range(100)
        for name in (f"n{number}",)
    }
    (machine.repository / "requirements.txt").write_text("n0\n")
    with serving(Index(files)) as index:
        report, _, _ = machine.check(f"http://{index.address}/simple", "--online")

    assert report["online"]["failure"] == "only the first 60 packages were asked about"
    assert len(report["online"]["asked"][0]["packages"]) == 60


def test_the_text_report_names_who_was_asked(machine: Machine) -> None:
    with serving(Index(INDEX)) as index:
        env = {"HOME": str(machine.home), "PATH": "/usr/bin:/bin"}
        env["PIP_INDEX_URL"] = f"http://{index.address}/simple"
        done = run([R2I, "check", str(machine.repository), "--online"], env=env, timeout=60)

    said = f"Online: `http://{index.address}/simple` was asked about `nobodys-package`, `its-part`"
    assert said in " ".join(done.stdout.split())


def test_the_text_report_names_what_no_index_has(machine: Machine) -> None:
    with serving(Index()) as index:
        env = {"HOME": str(machine.home), "PATH": "/usr/bin:/bin"}
        env["PIP_INDEX_URL"] = f"http://{index.address}/simple"
        done = run([R2I, "check", str(machine.repository), "--online"], env=env, timeout=60)

    assert "; no index has `nobodys-package`\n" in done.stdout


def test_the_default_is_that_of_pip_and_no_code_of_the_repository_is_run_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("print('default: https://evil.invalid/simple')")
    monkeypatch.chdir(tmp_path)

    assert re.fullmatch(r"https://pypi\.[a-z]+/simple", default_index({"PATH": "/usr/bin:/bin"}))


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (("a/__init__.py", "a/b/__init__.py", "a-1.dist-info/RECORD"), ("a",)),
        (("google/cloud/x/__init__.py", "google/cloud/x/y.py"), ("google.cloud.x",)),
        (("six.py", "_speed.cpython-310-x86_64-linux-gnu.so", "data.txt"), ("_speed", "six")),
        (("a-1.data/purelib/a/__init__.py", "tests/__init__.py", "a-1.data/scripts/run.py"), ("a",)),
    ],
)
def test_modules_are_read_off_the_files_of_a_wheel(files: tuple[str, ...], modules: tuple[str, ...]) -> None:
    assert modules_in(files) == modules
